"""Finding similar songs: options, seeds, steering, search, order."""
