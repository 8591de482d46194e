"""How far apart the songs of a library lie: what share of all pairs of songs is farther apart than a distance.

A distance says nothing by itself: 0.05 is near among songs of many genres, and far in a library of one composer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distance import Metric, distances_from_scores, rank_scores, require_metric, squared_norms

MAX_SONGS = 4_096  # of which pairs are compared
PAIRS = 262_144  # that are compared at most, about: 262 of them lie beyond 99.9%
MIN_SONGS = 10  # 45 pairs; a share of fewer says nothing
ZERO = 1e-6  # distances that differ by less are the same: what single precision tells apart


def sample(ids: NDArray[np.int64], most: int = MAX_SONGS) -> NDArray[np.int64]:
    """The positions of some ids, as if drawn at random and in a random order [shape=(m,)], m <= ``most``.

    They are those with the least hashes: the same each time, and a few new songs change few of them.

    Parameters
    ----------
    ids : np.ndarray [shape=(n,)]
        Distinct.
    most : int >= 1
        All ids where there are not more.
    """
    hashes = _hashes(ids)
    rows = np.arange(len(ids)) if len(ids) <= most else np.argpartition(hashes, most)[:most]
    return np.asarray(rows[np.argsort(hashes[rows])], np.int64)


def _hashes(ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al. 2014), which spreads consecutive numbers over 64 bits."""
    x = ids.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


class PairDistances:
    """The distribution of the distances between different songs.

    Parameters
    ----------
    vectors : array-like [shape=(n, d)]
        A song each, in a random order. Where they have more pairs than `PAIRS`, groups of them are compared.
    metric : ``cosine`` or ``euclidean``
    is_sample : bool
        Whether the library has more songs.

    Raises
    ------
    ValueError
        There are fewer than `MIN_SONGS` vectors, or the metric does not fit.
    """

    def __init__(self, vectors: ArrayLike, *, metric: Metric = "cosine", is_sample: bool = False) -> None:
        require_metric(metric)
        v = np.asarray(vectors, np.float32)
        if v.ndim != 2 or len(v) < MIN_SONGS:
            raise ValueError(f"got vectors of shape {v.shape}, wanted (n, d), n {MIN_SONGS} or more")
        groups = np.array_split(v, max(1, round(len(v) ** 2 / (2 * PAIRS))))
        self._sorted = np.sort(np.concatenate([_distances(group, metric) for group in groups]))
        self._is_sample = is_sample or len(groups) > 1

    def __len__(self) -> int:
        """How many pairs were compared."""
        return len(self._sorted)

    def nearness(self, distance: float) -> float:
        """The share of pairs that are farther apart than this, 0 to 1.

        It is 1 only where no pair of the library is nearer, which a sample can't say, or the distance is 0.
        """
        if distance <= ZERO:
            return 1.0
        nearer = int(np.searchsorted(self._sorted, np.float32(distance + ZERO), side="right"))
        return (len(self) - max(nearer, 1 if self._is_sample else 0)) / len(self)

    def distance(self, nearness: float) -> float:
        """A distance that divides those of this nearness or more from the others."""
        may_be_nearer = int((1 - nearness) * len(self) + 1e-6)  # pairs
        if may_be_nearer >= len(self):
            return float("inf")
        return max(float(self._sorted[may_be_nearer]) - 2 * ZERO, ZERO)


def _distances(group: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """The distances of all pairs of some vectors [shape=(n, d)] -> [shape=(n * (n - 1) / 2,)]."""
    found = distances_from_scores(rank_scores(group, group, squared_norms(group), metric), group, metric)
    return np.asarray(found[np.tri(len(group), k=-1, dtype=bool)])
