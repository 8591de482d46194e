"""Words of many songs at once: the few that say most of each, and how many songs each applies to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .heads import LEAST, MOST, MOST_OF_GROUP, Words

_CHUNK = 8192  # songs, whose probabilities are in memory at a time


def typical_words(words: Words, vectors: ArrayLike) -> list[list[int]]:
    """The positions of the words that `Words.typical` gives for each embedding [shape=(n, d)], in its order."""
    x = np.asarray(vectors, np.float32)
    return [row for start in range(0, len(x), _CHUNK) for row in _typical(words, x[start : start + _CHUNK])]


def _typical(words: Words, vectors: NDArray[np.float32]) -> list[list[int]]:
    p, q = words.probabilities(vectors).astype(np.float64), words.shares.astype(np.float64)
    rest = np.maximum(1 - p, 1e-12)
    says = np.where(p >= LEAST, p * np.log(np.maximum(p, LEAST) / q) + rest * np.log(rest / (1 - q)), -np.inf)
    names, group = np.unique(words.groups, return_inverse=True)
    used = np.zeros((len(p), len(names)), np.int64)
    songs = np.arange(len(p))
    chosen: list[list[int]] = [[] for _ in songs]
    for most in (1, MOST_OF_GROUP):
        for _ in range(MOST):
            allowed = np.where(used[:, group] < most, says, -np.inf)
            best = allowed.argmax(axis=1)
            found = np.isfinite(allowed[songs, best]) & (used.sum(axis=1) < MOST)
            for song in songs[found].tolist():
                chosen[song].append(int(best[song]))
            used[songs[found], group[best[found]]] += 1
            says[songs[found], best[found]] = -np.inf
    return [sorted(row, key=lambda k: -p[song, k]) for song, row in enumerate(chosen)]


def shares_of(words: Words, vectors: ArrayLike) -> NDArray[np.float64]:
    """The share of songs [shape=(n, d)] that each word applies to: the mean of its probabilities, which are calibrated.

    Counting those above a half would leave out words of which the heads are seldom sure.
    """
    x = np.asarray(vectors, np.float32)
    total = np.zeros(len(words.names))
    for start in range(0, len(x), _CHUNK):
        total += words.probabilities(x[start : start + _CHUNK]).sum(axis=0, dtype=np.float64)
    return total / max(len(x), 1)
