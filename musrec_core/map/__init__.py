"""The library as a map: projection, colours, page."""
