"""Playlist files: M3U, and the recipe in their comments."""

from .m3u import Entry, Style, encode, read, write

__all__ = ["Entry", "Style", "encode", "read", "write"]
