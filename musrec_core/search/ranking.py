"""Seeds and an index -> a list of songs: nearest first, filtered, steered, diversified.

`nearest` ranks. What may come back is said by filters: functions from ranked songs to those of them that stay, such as
`cap` and `reject`. What moves the ranking away from plain distance is a steering: a number for every song, added to its
distance (below zero draws it near), as `away_from` and `towards` give it. All steerings are in units of the `typical`
distance, so that a weight means the same in each library. `diversify` picks songs that differ from each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import many_seeds
from .distance import Metric, paired, smallest, unit
from .index import Neighbour, Ranker, positions

Filter = Callable[[Sequence[Neighbour]], Sequence[Neighbour]]  # ranked songs -> those of them that stay, in their order
Labels = Callable[[Sequence[int]], Mapping[int, Hashable]]  # ids -> a label each: an artist, an album

POOL_PER_FILTERED = 4  # ranks that a filter is shown first for each song that is wanted
AWAY = 0.5  # weight of `away_from`; below 1 a song at the seed's own place stays the best answer
POOL_PER_DIVERSE = 10  # ranks that `diversify` chooses from for each song that is wanted
MIN_DIVERSE_POOL = 50


def centroid(vectors: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
    """The mean of several songs, as a point [shape=(d,)].

    For cosine the mean of the unit vectors: the distance to it ranks as the mean distance to the seeds does.

    Parameters
    ----------
    vectors : array-like [shape=(m, d)], m >= 1

    Raises
    ------
    ValueError
        The shape does not fit.
    """
    v = _checked(vectors)
    mean: NDArray[np.float32] = (unit(v) if metric == "cosine" else v).mean(axis=0)
    return mean


def start(seeds: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
    """What a `Ranker` compares songs with: one seed as a point [shape=(d,)], many as they are [shape=(m, d)].

    Raises
    ------
    ValueError
        The shape does not fit.
    """
    v = _checked(seeds)
    return centroid(v, metric=metric) if len(v) == 1 else many_seeds.drawn(v)


def _checked(seeds: ArrayLike) -> NDArray[np.float32]:
    v = np.asarray(seeds, np.float32)
    if v.ndim != 2 or not len(v):
        raise ValueError(f"got seeds of shape {v.shape}, wanted (m, d) with at least one")
    return v


def nearest(
    index: Ranker,
    seeds: ArrayLike,
    count: int = 5,
    *,
    metric: Metric = "cosine",
    exclude: Collection[int] = (),
    candidates: Collection[int] | None = None,
    filters: Sequence[Filter] = (),
    steering: NDArray[np.floating[Any]] | None = None,
) -> list[Neighbour]:
    """The songs nearest to the seeds, nearest first.

    Parameters
    ----------
    index : Ranker
    seeds : array-like [shape=(m, d)]
        One vector or many. The distance to many is a mean in which the near ones count most (see `many_seeds`).
    count : int >= 1
        Fewer come back where there are not more.
    metric : ``cosine`` or ``euclidean``
    exclude : collection of int
        Ids that never come back: the seeds' own.
    candidates : collection of int, optional
        Ids to choose from.
    filters : sequence of Filter
        Applied one after the other to the best ranks: as many of them as it takes to leave ``count`` songs.
    steering : np.ndarray [shape=(len(index),)], optional
        Added to each song's distance for the ranking, in the order of ``index.ids``; the distances that come back are
        without it.

    Raises
    ------
    ValueError
        The seeds' shape or the metric does not fit.
    """
    pool = index.among(candidates) if candidates is not None else index
    if not len(pool):
        return []
    point = start(seeds, metric=metric)
    cost = None
    if steering is not None or point.ndim == 2:
        cost = pool.distances(point, metric=metric)
        if steering is not None:
            cost = cost + (steering if candidates is None else steering[np.isin(index.ids, pool.ids)])
    left_out = set(exclude)
    k = len(left_out) + count * (POOL_PER_FILTERED if filters else 1)
    while True:
        if cost is None:
            ranked = pool.query(point[None], k, metric=metric)[0]
        else:
            ranked = pool.take(smallest(cost, pool.ids, k), point, metric=metric)
        kept: Sequence[Neighbour] = [neighbour for neighbour in ranked if neighbour.id not in left_out]
        for keep in filters:
            kept = keep(kept)
        if len(kept) >= count or k >= len(pool):
            return list(kept[:count])
        k *= 4


# Filters.


def cap(*limits: tuple[Labels, int]) -> Filter:
    """At most so many songs a label, best ranks first: ``cap((artists, 2), (albums, 1))``.

    Limits that hold at once belong in one filter: a song that one of them leaves out does not count for the others.

    Parameters
    ----------
    limits : pairs of callable and int >= 1
        Ids -> a label each (``None`` is never capped), and how many songs may share one.
    """

    def keep(ranked: Sequence[Neighbour]) -> list[Neighbour]:
        ids = [neighbour.id for neighbour in ranked]
        found = [labels(ids) for labels, _ in limits]
        seen: Counter[tuple[int, Hashable]] = Counter()
        kept = []
        for neighbour in ranked:
            keys = [
                (n, label) for n, labels in enumerate(found) if (label := labels.get(neighbour.id)) is not None
            ]  # fmt: skip
            if all(seen[key] < limits[key[0]][1] for key in keys):
                seen.update(keys)
                kept.append(neighbour)
        return kept

    return keep


def reject(unwanted: Callable[[Sequence[int]], Collection[int]]) -> Filter:
    """A filter that leaves out the songs that a function returns.

    Parameters
    ----------
    unwanted : callable
        Ids -> those of them that must not come back. For ids known beforehand `nearest` has ``exclude``.
    """

    def keep(ranked: Sequence[Neighbour]) -> list[Neighbour]:
        out = set(unwanted([neighbour.id for neighbour in ranked]))
        return [neighbour for neighbour in ranked if neighbour.id not in out]

    return keep


# Steering.


def typical(distances: NDArray[np.float32]) -> float:
    """The unit of the weights: the median of the seed's distances to all songs [shape=(n,)]; 1 where it is 0."""
    return float(np.median(distances)) or 1.0 if len(distances) else 1.0


def away_from(
    index: Ranker, unlike: ArrayLike, *, weight: float = AWAY, metric: Metric = "cosine"
) -> NDArray[np.float32]:
    """Keep away from some songs: minus a part of the distance to them [shape=(n,)].

    For cosine this ranks as Rocchio's feedback does, the query ``seed - weight * unlike`` of unit vectors (Rocchio,
    "Relevance feedback in information retrieval", 1971).

    Parameters
    ----------
    index : Ranker
    unlike : array-like [shape=(m, d)], m >= 1
        Many are one point, their `centroid`.
    weight : float in 0..1
    metric : ``cosine`` or ``euclidean``
    """
    return -np.float32(weight) * index.distances(centroid(unlike, metric=metric), metric=metric)


def towards(values: ArrayLike, weight: float, unit_distance: float) -> NDArray[np.float32]:
    """Draw songs near by a value in 0..1, such as a genre's probability or a rating [shape=(n,)].

    With a weight of 1 the value 1 is worth one ``unit_distance`` (the `typical` one) more than 0; a weight below 0
    drives away.
    """
    return np.float32(-weight * unit_distance) * np.asarray(values, np.float32)


def normalised_ratings(known: Mapping[int, float], ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Ratings or counts of some songs -> a value in 0..1 for each song [shape=(n,)].

    Where all numbers lie in 0..1 (``rating`` of beets' mpdstats) they count as they are, and a song without one as
    their mean: it was not judged. Else (``play_count``) the logarithm of 1 + the number counts, against the largest,
    and a song without one as 0: it was not played. Numbers below 0 count as 0.
    """
    values = np.array([known.get(int(id_), np.nan) for id_ in ids], np.float64)
    given = values[np.isfinite(values)]
    if not len(given):
        return np.zeros(len(ids), np.float32)
    if given.max() <= 1:
        filled = np.where(np.isfinite(values), values, np.maximum(given, 0).mean())
        return np.maximum(filled, 0).astype(np.float32)
    counted = np.log1p(np.maximum(np.where(np.isfinite(values), values, 0), 0))
    return (counted / counted.max()).astype(np.float32)


# Diversity.


def pool_size(count: int) -> int:
    """How many of the best ranks `diversify` should choose ``count`` songs from."""
    return max(MIN_DIVERSE_POOL, POOL_PER_DIVERSE * count)


def diversify(
    index: Ranker, ranked: Sequence[Neighbour], count: int, variety: float, *, metric: Metric = "cosine"
) -> list[Neighbour]:
    """Choose songs by maximal marginal relevance, MMR (Carbonell and Goldstein 1998).

    The first song is the best rank. Each next one has the largest ``variety * novelty - (1 - variety) * distance``,
    where novelty is the distance to the nearest song that is chosen already. Ties go to the better rank.

    Parameters
    ----------
    index : Ranker
        Holds the vectors of all ranked songs.
    ranked : sequence of Neighbour
        The pool, best first. The order counts; distances tell how much.
    count : int >= 0
        Fewer come back where the pool is smaller.
    variety : float, 0 to 1
        0: the ranking as it is. 1: each song as far as can be from those before it.

    Returns
    -------
    chosen : list of Neighbour
        In the order in which they were chosen.

    Raises
    ------
    ValueError
        ``variety`` is not in 0..1, or a song is not in the index.
    """
    if not 0 <= variety <= 1:
        raise ValueError(f"variety has to be between 0 and 1, got {variety}")
    if variety == 0 or not ranked:
        return list(ranked[:count])
    vectors = index.vectors[positions(index, [neighbour.id for neighbour in ranked])]
    chosen = diverse(vectors, [neighbour.distance for neighbour in ranked], count, variety, metric=metric)
    return [ranked[place] for place in chosen]


def diverse(vectors: NDArray[Any], distances: ArrayLike, count: int, variety: float, *, metric: Metric) -> list[int]:
    """The places that `diversify` chooses, by the vectors [shape=(m, d)] and the distances [shape=(m,)] of the pool."""
    v = vectors.astype(np.float64)
    if metric == "cosine":
        v = unit(v)
    cost = (1 - variety) * np.maximum.accumulate(np.asarray(distances, np.float64))
    novelty, gain = np.full(len(v), np.inf), np.empty(len(v))
    chosen: list[int] = []
    for _ in range(min(count, len(v))):
        np.multiply(novelty, variety, out=gain)
        gain -= cost
        best = int(gain.argmax())  # the first time all are infinitely novel
        chosen.append(best)
        cost[best] = np.inf
        farther = 1 - v @ v[best] if metric == "cosine" else paired(v, v[best], metric)
        np.minimum(novelty, np.maximum(farther, 0, out=farther), out=novelty)
    return chosen
