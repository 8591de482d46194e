"""Datasets: fetching, decoding, caching, teachers."""
