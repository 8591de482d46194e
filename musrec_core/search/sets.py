"""Sets of songs, such as artists and albums: each is compared by its mean.

That was as good as anything that compares the songs one by one, where sets have few songs or many
(``python -m benchmarks.artists --ragged``; docs/evaluation.md has the figures).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .distance import Metric, paired, unit
from .index import VectorIndex
from .ranking import centroid

BLOCK = 20_000  # songs at a time
NONE = -1  # the set of a song that is in none


def means(index: VectorIndex, sets: NDArray[np.int64], *, metric: Metric = "cosine") -> VectorIndex:
    """The mean of each set, as `ranking.centroid` has it, under the set's number.

    Parameters
    ----------
    index : VectorIndex
        The songs.
    sets : np.ndarray [shape=(len(index),)]
        The number of each song's set, 0 or more, in the order of ``index.ids``; `NONE` for no set.
    metric : ``cosine`` or ``euclidean``

    Raises
    ------
    ValueError
        The shape does not fit.
    """
    if sets.shape != index.ids.shape:
        raise ValueError(f"got the sets of {sets.shape} songs, wanted {index.ids.shape}")
    counts = np.bincount(sets[sets >= 0])
    sums = np.zeros((len(counts), index.vectors.shape[1]))
    for first in range(0, len(sets), BLOCK):
        part = sets[first : first + BLOCK]
        order = np.argsort(part, kind="stable")
        order = order[part[order] >= 0]
        if len(order):
            vectors = index.vectors[first : first + BLOCK][order].astype(np.float64)
            here, starts = np.unique(part[order], return_index=True)
            sums[here] += np.add.reduceat(unit(vectors) if metric == "cosine" else vectors, starts)
    numbers = np.flatnonzero(counts)
    return VectorIndex(numbers, (sums[numbers] / counts[numbers, None]).astype(np.float32))


def most_typical(vectors: NDArray[np.float32], *, metric: Metric = "cosine") -> int:
    """The row of the song nearest to the mean of its set [shape=(m, d)], m >= 1; the first of equals."""
    return int(paired(vectors, centroid(vectors, metric=metric), metric).argmin())
