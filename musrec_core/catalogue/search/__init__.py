"""Questions to a dataset: nearest tracks, words, genres; and the index that answers them."""
