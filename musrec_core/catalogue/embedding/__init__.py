"""A manifest -> the rows of a dataset, by Ray Data with one encoder an actor."""
