"""Every track's nearest tracks, as a table."""
