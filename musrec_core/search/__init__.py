"""Vectors: the index, nearest neighbours, ranking, hubness, recordings."""
