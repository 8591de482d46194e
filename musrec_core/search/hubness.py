"""Hubs, the songs that are among the nearest of very many others: how to count them, and how to rank without them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distance import Metric, squared_norms, unit
from .index import Neighbour, VectorIndex

BLOCK = 20_000  # songs at a time

_erfc = np.frompyfunc(math.erfc, 1, 1)


def occurrences(rows: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """The k-occurrence N_k: how often each of n songs is among the k nearest of others [shape=(n,)].

    Parameters
    ----------
    rows : np.ndarray [shape=(m, k)]
        Each song's nearest, as positions (`knn.Neighbourhoods.rows`).
    n : int
    """
    return np.bincount(rows.ravel(), minlength=n).astype(np.int64)


def skewness(counts: NDArray[np.int64]) -> float:
    """Third standardised moment of the k-occurrence [shape=(n,)] (Radovanovic et al. 2010).

    0: songs are found equally often; well above 1: a few songs, the hubs, are found everywhere.
    """
    centred = counts - counts.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    return float(np.mean(centred**3)) / deviation**3 if deviation else 0.0


def share_never(counts: NDArray[np.int64]) -> float:
    """The share of anti-hubs, which are among nobody's nearest, 0 to 1; 0 where there is no song."""
    return float(np.mean(counts == 0)) if len(counts) else 0.0


class MutualIndex:
    """A `Ranker` that ranks by mutual proximity in place of distance (Schnitzer et al. 2012).

    Two songs are near if, for each of the two, few songs of the library are nearer than the other one. The distances
    from a song to the library are taken as normally distributed (the paper's Gaussian variant with independence; for
    Euclid the squared distances). Both their moments follow from those of the library's vectors: no sample is drawn.

    Answers carry their plain distance, which therefore need not ascend. `distances`, to which a steering is added, has
    the unit of the plain ones and the order of mutual proximity.

    Parameters
    ----------
    index : VectorIndex
        The whole library; `among` keeps its statistics.
    metric : ``cosine`` or ``euclidean``
        The only one that the index then answers for.
    """

    def __init__(self, index: VectorIndex, *, metric: Metric = "cosine") -> None:
        self.metric: Metric = metric
        self._index = self._whole = index
        self._moments = _Moments(index.vectors, metric)
        self._mean, self._deviation = self._moments.of_distances(index.vectors)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Of the songs [shape=(n,)]."""
        return self._index.ids

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Of the songs [shape=(n, d)]."""
        return self._index.vectors

    def __len__(self) -> int:
        return len(self._index)

    def among(self, ids: Iterable[int]) -> MutualIndex:
        """The part of the index whose ids are in ``ids``, by the statistics of the whole."""
        part = MutualIndex.__new__(MutualIndex)
        part.metric, part._moments, part._whole = self.metric, self._moments, self._whole
        part._index = self._index.among(ids)
        kept = np.isin(self.ids, part.ids)
        part._mean, part._deviation = self._mean[kept], self._deviation[kept]
        return part

    def query(self, queries: ArrayLike, k: int, *, metric: Metric = "cosine") -> list[list[Neighbour]]:
        """The k nearest of each query, nearest first; raises `ValueError` as `VectorIndex.query` does."""
        self._require(metric)
        if k < 1:
            raise ValueError(f"k has to be 1 or more, got {k}")
        q = np.asarray(queries, np.float32)
        orders = [np.lexsort((self.ids, row))[:k] for row in self.remoteness(q)]
        return [self.take(order, point, metric=metric) for order, point in zip(orders, q, strict=True)]

    def distances(self, point: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
        """What to rank by, as a distance [shape=(n,)]: for ranking, not for printing.

        The song that is r-th by mutual proximity gets the r-th smallest plain distance. So a steering in the unit of
        distances (see `ranking`) means the same as without the correction, and one of zeros changes nothing.
        Remoteness itself would not do: it is a probability, and nearly 0 for whatever is near, so that steering would
        swamp the order of the near songs.
        """
        self._require(metric)
        q = np.asarray(point)
        plain = self._index.distances(q, metric=metric)
        remoteness = self.remoteness(q[None])[0] if q.ndim == 1 else self._remoteness_of_many(q, plain)
        order = np.lexsort((self.ids, remoteness))
        found = np.empty_like(plain)
        found[order] = np.sort(plain)
        return found

    def take(self, rows: ArrayLike, point: ArrayLike, *, metric: Metric = "cosine") -> list[Neighbour]:
        """The songs at some positions of ``ids``, in that order, with their plain distances to a point or to seeds."""
        self._require(metric)
        return self._index.take(rows, point, metric=metric)

    def remoteness(self, queries: ArrayLike) -> NDArray[np.float64]:
        """One minus the mutual proximity of each query to each song [shape=(q, n)].

        The probability that a song of the library is nearer to either of the two than they are to each other: 0 to 1.
        Raises ``ValueError`` where the queries' shape does not fit.
        """
        q = np.asarray(queries, np.float32)
        if q.ndim != 2 or q.shape[1] != self.vectors.shape[1]:
            raise ValueError(f"got queries of shape {q.shape}, wanted (q, {self.vectors.shape[1]})")
        distances = self._moments.distances(q, self.vectors)
        mean, deviation = self._moments.of_distances(q)
        return self._either_nearer(distances, mean[:, None], deviation[:, None])

    def _remoteness_of_many(self, seeds: NDArray[np.float32], plain: NDArray[np.float32]) -> NDArray[np.float64]:
        """The same for many seeds [shape=(m, d)] as one, whose distances to these songs are ``plain`` [shape=(n,)]."""
        whole = self._whole.distances(seeds, metric=self.metric) if self._whole is not self._index else plain
        power = 2 if self.metric == "euclidean" else 1  # the moments are those of the squares
        known = whole.astype(np.float64) ** power
        deviation = np.sqrt(np.maximum(known.var(), 1e-12))
        return self._either_nearer(plain.astype(np.float64) ** power, known.mean(), deviation)

    def _either_nearer(self, distances: NDArray[np.float64], mean: Any, deviation: Any) -> NDArray[np.float64]:
        """The probability that a song is nearer to the query or to each song than these are [shape=(..., n)]."""
        nearer_here = _normal((distances - mean) / deviation)
        nearer_there = _normal((distances - self._mean) / self._deviation)
        return nearer_here + nearer_there - nearer_here * nearer_there

    def _require(self, metric: Metric) -> None:
        if metric != self.metric:
            raise ValueError(f"this index is for {self.metric}, got {metric!r}")


class _Moments:
    """Mean and deviation of the distances from any point to a library, without comparing all pairs.

    A distance (for Euclid its square) is linear in features of the other song: c(x) + w(x) . u(y). So its moments over
    the library follow from those of the features.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, d)]
        The library's.
    metric : ``cosine`` or ``euclidean``
    """

    def __init__(self, vectors: NDArray[np.float32], metric: Metric) -> None:
        self._metric = metric
        width = self._features(vectors[:0]).shape[1]
        first, second = np.zeros(width), np.zeros((width, width))
        for part in _blocks(vectors):
            features = self._features(part)
            first += features.sum(axis=0)
            second += features.T @ features
        n = max(len(vectors), 1)
        self._mean = first / n  # [shape=(f,)]
        self._covariance = second / n - np.outer(first, first) / n**2  # [shape=(f, f)]

    def distances(self, queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Distances (for Euclid their squares) of queries [shape=(q, d)] to vectors [shape=(n, d)] [shape=(q, n)]."""
        constant, weights = self._linear(queries)
        blocks = [constant[:, None] + weights @ self._features(part).T for part in _blocks(vectors)]
        return np.concatenate(blocks or [np.empty((len(queries), 0))], axis=1)

    def of_distances(self, points: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of the distances from some points to the library [shape=(m,) each]."""
        means, deviations = [np.empty(0)], [np.empty(0)]
        for part in _blocks(points):
            constant, weights = self._linear(part)
            means.append(constant + weights @ self._mean)
            variance = np.einsum("mf,mf->m", weights @ self._covariance, weights)
            deviations.append(np.sqrt(np.maximum(variance, 1e-12)))
        return np.concatenate(means), np.concatenate(deviations)

    def _features(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """u [shape=(m, d) or (m, d + 1)]: the unit vector for cosine; the vector and its square for Euclid."""
        v = vectors.astype(np.float64)
        return unit(v) if self._metric == "cosine" else np.hstack([v, squared_norms(v)[:, None]])

    def _linear(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """c [shape=(m,)] and w [shape as u]."""
        features = self._features(vectors)
        if self._metric == "cosine":
            return np.ones(len(features)), -features
        weights = -2 * features
        weights[:, -1] = 1
        return features[:, -1], weights


def _blocks(vectors: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (vectors[first : first + BLOCK] for first in range(0, len(vectors), BLOCK))


def _normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard normal distribution function."""
    return np.asarray(_erfc(-z / math.sqrt(2)), np.float64) / 2
