"""Playlist files: M3U, XSPF, JSPF, and the recipe in their comments."""

from .entry import Entry, Style, Tags
from .m3u import encode, read, write

__all__ = ["Entry", "Style", "Tags", "encode", "read", "write"]
