"""Embedding items, on import and by `beet embed`."""
