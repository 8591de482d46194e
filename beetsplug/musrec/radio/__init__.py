"""Keeps the queue of MPD going with similar songs: `beet radio`."""
