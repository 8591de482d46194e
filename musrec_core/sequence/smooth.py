"""A list in an order of small steps from song to song."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..search.distance import Metric, pairwise

MIN_GAIN = 1e-9  # of a reversal, in units of distance; less is rounding


def smooth_order(
    vectors: ArrayLike, start: ArrayLike | None = None, *, metric: Metric = "cosine", mismatch: ArrayLike | None = None
) -> list[int]:
    """Reorder songs so that the sum of steps is small: an open path of a travelling salesman.

    Nearest neighbour first, then 2-opt (Croes 1958): the part of the path whose reversal saves most is reversed, until
    none saves anything. Deterministic.

    Parameters
    ----------
    vectors : array-like [shape=(n, d)]
    start : array-like [shape=(d,)], optional
        Where the path begins: the seed. Without it the path begins with the first vector.
    metric : ``cosine`` or ``euclidean``
    mismatch : array-like [shape=(n, n)], optional
        How badly each pair goes together, 0 to 1; 1 costs as much as the median distance. See `harmonic.mismatch`.

    Returns
    -------
    order : list of int
        A permutation of 0 .. n - 1.
    """
    v = np.asarray(vectors, np.float32)
    if len(v) < 2:
        return list(range(len(v)))
    points = v if start is None else np.concatenate([np.asarray(start, np.float32)[None], v])
    first = len(points) - len(v)
    costs = pairwise(points, metric)
    if mismatch is not None:
        costs[first:, first:] += np.median(costs[first:, first:]) * np.asarray(mismatch, np.float64)
    path = _two_opt(costs, _nearest_neighbour(costs))
    return [row - first for row in path[first:].tolist()]


def path_length(costs: NDArray[np.float64], path: NDArray[np.int64]) -> float:
    """The sum of a path's steps."""
    return float(costs[path[:-1], path[1:]].sum())


def _nearest_neighbour(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """From row 0 always to the nearest that is left."""
    left = np.ones(len(costs), np.bool_)
    path = [0]
    for _ in range(len(costs) - 1):
        left[path[-1]] = False
        path.append(int(np.where(left, costs[path[-1]], np.inf).argmin()))
    return np.array(path, np.int64)


def _two_opt(costs: NDArray[np.float64], path: NDArray[np.int64]) -> NDArray[np.int64]:
    """Reverse parts while that makes the path shorter; its first row stays, its last is free."""
    n = len(path)
    while True:
        d = costs[np.ix_(path, path)]
        step = np.diagonal(d, 1)  # step[i] leads from i to i + 1
        after = np.pad(d[1:, 1:], ((0, 0), (0, 1)))[:, 1:]  # after[i - 1, j - 1]: from i to j + 1, 0 beyond the end
        gain = step[:, None] + np.append(step[1:], 0.0) - d[:-1, 1:] - after  # of reversing i .. j
        gain[np.tril_indices(n - 1)] = 0
        i, j = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[i, j] <= MIN_GAIN:
            return path
        path = np.concatenate([path[: i + 1], path[i + 1 : j + 2][::-1], path[j + 2 :]])
