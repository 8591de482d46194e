"""What moves a ranking away from plain distance: songs to keep away from, genres, and the listener's own taste.

Each function gives a number for every song, to be added to its distance: below zero draws it near. All are in units of
the typical distance, the median of the seed's distances to all songs, so that a weight means the same in each library.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .index import Metric, VectorIndex
from .ranking import centroid

AWAY = 0.5  # below 1 a song at the seed's own place stays the best answer


def typical(distances: NDArray[np.float32]) -> float:
    """The unit of the weights: the median distance; 1 where there is none above 0."""
    return float(np.median(distances)) or 1.0 if len(distances) else 1.0


def away_from(
    index: VectorIndex, unlike: ArrayLike, *, weight: float = AWAY, metric: Metric = "cosine"
) -> NDArray[np.float32]:
    """Keep away from some songs: minus a part of the distance to them [shape=(n,)].

    For cosine this ranks as Rocchio's feedback does, the query ``seed - weight * unlike`` of unit vectors (Rocchio,
    "Relevance feedback in information retrieval", 1971).

    Parameters
    ----------
    index : VectorIndex
    unlike : array-like [shape=(m, d)], m >= 1
        Many are one point, their `centroid`.
    weight : float in 0..1
    metric : ``cosine`` or ``euclidean``
    """
    return -np.float32(weight) * index.distances(centroid(unlike, metric=metric), metric=metric)


def towards(values: ArrayLike, weight: float, unit: float) -> NDArray[np.float32]:
    """Draw songs near by a value in 0..1, such as a genre's probability or a rating [shape=(n,)].

    With a weight of 1 the value 1 is worth the typical distance more than 0; a weight below 0 drives away.
    """
    return np.float32(-weight * unit) * np.asarray(values, np.float32)


def taste(known: Mapping[int, float], ids: NDArray[np.int64]) -> NDArray[np.float32]:
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
