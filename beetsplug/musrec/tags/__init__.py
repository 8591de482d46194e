"""Writing words, mood and genres into the files' own tags, and removing them."""
