"""Words of many songs at once: the few that say most of each, and how many songs each applies to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .heads import Words
from .typical import typical_rows

_CHUNK = 8192  # songs, whose probabilities are in memory at a time


def typical_words(words: Words, vectors: ArrayLike) -> list[list[int]]:
    """The positions of the words that `Words.typical` gives for each embedding [shape=(n, d)], in its order."""
    x = np.asarray(vectors, np.float32)
    found: list[list[int]] = []
    for start in range(0, len(x), _CHUNK):
        found += typical_rows(words.probabilities(x[start : start + _CHUNK]), words.shares, words.groups)
    return found


def shares_of(words: Words, vectors: ArrayLike) -> NDArray[np.float64]:
    """The share of songs [shape=(n, d)] that each word applies to: the mean of its probabilities, which are calibrated.

    Counting those above a half would leave out words of which the heads are seldom sure.
    """
    x = np.asarray(vectors, np.float32)
    total = np.zeros(len(words.names))
    for start in range(0, len(x), _CHUNK):
        total += words.probabilities(x[start : start + _CHUNK]).sum(axis=0, dtype=np.float64)
    return total / max(len(x), 1)
