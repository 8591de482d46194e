"""The songs of a media server that speaks (Open)Subsonic, matched to those of the library."""
