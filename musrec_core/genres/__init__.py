"""Genres that are learnt from a library's tags."""
