"""Genres: the tags, the learnt vocabulary, the import stage."""
