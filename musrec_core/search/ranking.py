"""Seeds and an index -> a list of songs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .index import Metric, Neighbour, VectorIndex

Labels = Callable[[Sequence[int]], Mapping[int, Hashable]]
Rejected = Callable[[Sequence[int]], Collection[int]]
Filter = Callable[[list[Neighbour]], list[Neighbour]]


def centroid(vectors: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
    """One point that stands for several seeds [shape=(d,)].

    For cosine the mean of the unit vectors: the distance to it ranks as the mean distance to the seeds does.

    Parameters
    ----------
    vectors : array-like [shape=(m, d)], m >= 1
    """
    v = np.asarray(vectors, np.float32)
    if v.ndim != 2 or not len(v):
        raise ValueError(f"got seeds of shape {v.shape}, wanted (m, d) with at least one")
    if metric == "cosine":
        v = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
    mean: NDArray[np.float32] = v.mean(axis=0)
    return mean


def nearest(
    index: VectorIndex,
    seeds: ArrayLike,
    count: int = 5,
    *,
    metric: Metric = "cosine",
    exclude: Collection[int] = (),
    candidates: Collection[int] | None = None,
    artists: Labels | None = None,
    albums: Labels | None = None,
    max_per_artist: int | None = None,
    max_per_album: int | None = None,
    rejected: Rejected | None = None,
    filters: Sequence[Filter] = (),
    steering: NDArray[np.floating[Any]] | None = None,
) -> list[Neighbour]:
    """The songs nearest to the seeds, nearest first.

    Parameters
    ----------
    index : VectorIndex
    seeds : array-like [shape=(m, d)]
        One vector or many; many are ranked by their `centroid`.
    count : int >= 1
        Fewer come back where there are not more.
    exclude : collection of int
        Ids that never come back: the seeds' own.
    candidates : collection of int, optional
        Ids to choose from.
    artists, albums : callable, optional
        Ids -> a label each, asked for the best ranks only. ``None`` as a label is never capped.
    max_per_artist, max_per_album : int, optional
        How many results may share a label.
    rejected : callable, optional
        Ids -> those of them that must not come back, asked for the best ranks only.
    filters : sequence of callable, optional
        Ranked songs -> those of them to keep, asked for the best ranks only, before the caps count.
    steering : np.ndarray [shape=(len(index),)], optional
        Added to each song's distance for the ranking, in the order of ``index.ids`` (see `musrec_core.steering`); the
        distances that come back are without it.
    """
    pool = index.among(candidates) if candidates is not None else index
    if not len(pool):
        return []
    point = centroid(seeds, metric=metric)
    if steering is not None:
        extra = steering if candidates is None else steering[np.isin(index.ids, pool.ids)]
        scores = pool.distances(point, metric=metric) + extra
        order = np.lexsort((pool.ids, scores))
    caps = [(labels, cap) for labels, cap in ((artists, max_per_artist), (albums, max_per_album)) if labels and cap]
    left_out = set(exclude)
    k = len(left_out) + (4 * count if caps or filters or rejected is not None else count)
    while True:
        best = (
            pool.query(point[None], k, metric=metric)[0]
            if steering is None
            else pool.take(order[:k], point, metric=metric)
        )
        ranked = [n for n in best if n.id not in left_out]
        if rejected is not None:
            unwanted = set(rejected([n.id for n in ranked]))
            ranked = [n for n in ranked if n.id not in unwanted]
        for keep in filters:
            ranked = keep(ranked)
        kept = _capped(ranked, caps)[:count]
        if len(kept) == count or k >= len(pool):
            return kept
        k *= 4


def _capped(ranked: list[Neighbour], caps: list[tuple[Labels, int]]) -> list[Neighbour]:
    """Leave out whatever would put a label over its cap, best ranks first."""
    ids = [neighbour.id for neighbour in ranked]
    looked_up = [(labels(ids), cap) for labels, cap in caps]
    seen: Counter[tuple[int, Hashable]] = Counter()
    kept = []
    for neighbour in ranked:
        keys = [
            ((n, label), cap)
            for n, (labels, cap) in enumerate(looked_up)
            if (label := labels.get(neighbour.id)) is not None
        ]
        if all(seen[key] < cap for key, cap in keys):
            seen.update(key for key, _ in keys)
            kept.append(neighbour)
    return kept
