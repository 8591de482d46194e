"""Embeddings of a beets library into a dataset, and of a dataset into a beets library; without beets."""
