"""Hubs are songs that are near everything; mutual proximity asks whether two songs are near for both sides."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .index import Metric, Neighbour, VectorIndex, _distances

BLOCK = 20_000  # songs at a time

_erfc = np.frompyfunc(math.erfc, 1, 1)


class MutualIndex(VectorIndex):
    """An index that ranks by mutual proximity in place of distance (Schnitzer et al. 2012).

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
        self.ids, self.vectors, self._squares = index.ids, index.vectors, index._squares
        self.metric = metric
        self._first, self._second = self._moments()
        self._mean, self._deviation = self._spread(self.vectors)

    def among(self, ids: Iterable[int]) -> MutualIndex:
        """The part of the index whose ids are in ``ids``, by the statistics of the whole."""
        mask = np.isin(self.ids, np.fromiter(ids, np.int64))
        part = MutualIndex.__new__(MutualIndex)
        part.ids, part.vectors, part._squares = self.ids[mask], self.vectors[mask], self._squares[mask]
        part.metric, part._first, part._second = self.metric, self._first, self._second
        part._mean, part._deviation = self._mean[mask], self._deviation[mask]
        return part

    def query(self, queries: ArrayLike, k: int, *, metric: Metric = "cosine") -> list[list[Neighbour]]:
        """The k nearest of each query, nearest first; raises `ValueError` as `VectorIndex.query` does."""
        if metric != self.metric:
            raise ValueError(f"this index is for {self.metric}, got {metric!r}")
        if k < 1:
            raise ValueError(f"k has to be 1 or more, got {k}")
        q = np.asarray(queries, np.float32)
        found = []
        for point, remoteness in zip(q, self.remoteness(q), strict=True):
            order = np.lexsort((self.ids, remoteness))[:k]
            distances = _distances(self.vectors[order], point, metric)
            found.append([Neighbour(int(self.ids[i]), float(d)) for i, d in zip(order, distances, strict=True)])
        return found

    def distances(self, point: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
        """What to rank by, as a distance [shape=(n,)]: for ranking, not for printing.

        The song that is r-th by mutual proximity gets the r-th smallest plain distance. So a steering in the unit of
        distances (`musrec_core.steering`) means the same as without the correction, and one of zeros changes nothing.
        Remoteness itself would not do: it is a chance, and nearly 0 for whatever is near, so that steering swept away
        the order of the near songs.
        """
        if metric != self.metric:
            raise ValueError(f"this index is for {self.metric}, got {metric!r}")
        plain = super().distances(point, metric=metric)
        order = np.lexsort((self.ids, self.remoteness(np.asarray(point)[None])[0]))
        found = np.empty_like(plain)
        found[order] = np.sort(plain)
        return found

    def remoteness(self, queries: ArrayLike) -> NDArray[np.float64]:
        """One minus the mutual proximity of each query to each song [shape=(q, n)].

        The chance that a song of the library is nearer to either of the two than they are to each other: 0 to 1.
        """
        q = np.asarray(queries, np.float32)
        if q.ndim != 2 or q.shape[1] != self.vectors.shape[1]:
            raise ValueError(f"got queries of shape {q.shape}, wanted (q, {self.vectors.shape[1]})")
        constant, weights = self._linear(q)
        distances = np.concatenate(
            [constant[:, None] + weights @ self._features(part).T for part in self._parts()]
            or [np.empty((len(q), 0))], axis=1,
        )  # fmt: skip
        mean, deviation = self._spread(q)
        nearer_here = _normal((distances - mean[:, None]) / deviation[:, None])
        nearer_there = _normal((distances - self._mean) / self._deviation)
        return nearer_here + nearer_there - nearer_here * nearer_there

    # A distance is linear in features of the other song: c(x) + w(x) . u(y). So are its moments in theirs.

    def _features(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """u [shape=(m, d) or (m, d + 1)]: the unit vector for cosine; the vector and its square for Euclid."""
        v = vectors.astype(np.float64)
        squares = np.einsum("nd,nd->n", v, v)[:, None]
        return v / np.sqrt(np.maximum(squares, 1e-24)) if self.metric == "cosine" else np.hstack([v, squares])

    def _linear(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """c [shape=(m,)] and w [shape as u]."""
        features = self._features(vectors)
        if self.metric == "cosine":
            return np.ones(len(features)), -features
        weights = -2 * features
        weights[:, -1] = 1
        return features[:, -1], weights

    def _parts(self) -> Iterable[NDArray[np.float32]]:
        return (self.vectors[first : first + BLOCK] for first in range(0, len(self), BLOCK))

    def _moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean [shape=(f,)] and covariance [shape=(f, f)] of the library's features."""
        width = self._features(self.vectors[:0]).shape[1]
        first, second = np.zeros(width), np.zeros((width, width))
        for part in self._parts():
            features = self._features(part)
            first += features.sum(axis=0)
            second += features.T @ features
        n = max(len(self), 1)
        return first / n, second / n - np.outer(first, first) / n**2

    def _spread(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and deviation of the distances from some points to the library [shape=(m,) each]."""
        means, deviations = [np.empty(0)], [np.empty(0)]
        for start in range(0, len(vectors), BLOCK):
            constant, weights = self._linear(vectors[start : start + BLOCK])
            means.append(constant + weights @ self._first)
            variance = np.einsum("mf,mf->m", weights @ self._second, weights)
            deviations.append(np.sqrt(np.maximum(variance, 1e-12)))
        return np.concatenate(means), np.concatenate(deviations)


def _normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard normal distribution function."""
    return np.asarray(_erfc(-z / math.sqrt(2)), np.float64) / 2
