"""Every song's nearest songs, exactly, and how evenly songs appear among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import hnsw
from .index import Metric, VectorIndex

BLOCK = 4_000_000  # scores held at a time: 16 MB
GROUPS = 64  # a row's least scores are bounded by the minima of at least so many parts for each neighbour

Progress = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """The k nearest of some songs of an index.

    Attributes
    ----------
    seeds : np.ndarray [shape=(m,)], int64
        Positions in the index.
    rows : np.ndarray [shape=(m, k)], int32
        Positions of each seed's nearest, nearest first, never the seed itself; equal distances in the order of ids.
    distances : np.ndarray [shape=(m, k)], float32
    """

    seeds: NDArray[np.int64]
    rows: NDArray[np.int32]
    distances: NDArray[np.float32]


def neighbourhoods(
    index: VectorIndex,
    k: int = 10,
    *,
    metric: Metric = "cosine",
    seeds: ArrayLike | None = None,
    progress: Progress | None = None,
) -> Neighbourhoods:
    """The k nearest of every song, or of some: the directed k-nearest-neighbour graph.

    All pairs are compared, a block at a time, so that memory does not grow with the square of the library. A large one
    (`ann.PAYS` songs) is searched approximately, by cosine, where voyager is installed.

    Parameters
    ----------
    index : VectorIndex
    k : int >= 1
        No more than there are other songs: in a smaller index k is smaller.
    metric : ``cosine`` or ``euclidean``
    seeds : array-like of int [shape=(m,)], optional
        Positions in the index; without it all of them.
    progress : callable, optional
        Called with the number of songs done since the last call.

    Raises
    ------
    ValueError
        ``k`` or the metric does not fit.
    """
    if k < 1:
        raise ValueError(f"k has to be 1 or more, got {k}")
    if metric not in ("cosine", "euclidean"):
        raise ValueError(f"metric has to be cosine or euclidean, got {metric!r}")
    wanted = np.arange(len(index)) if seeds is None else np.asarray(seeds, np.int64)
    k = min(k, max(len(index) - 1, 0))
    if seeds is None and metric == "cosine" and len(index) >= hnsw.PAYS and hnsw.available():
        return Neighbourhoods(wanted, *_approximate(index, k, progress))
    rows = np.empty((len(wanted), k), np.int32)
    distances = np.empty((len(wanted), k), np.float32)
    if k:
        for part, scores in _scores(index, wanted, metric):
            block = wanted[part]
            rows[part] = _least(scores, k)
            distances[part], order = _sorted_distances(index, block, rows[part], metric)
            rows[part] = np.take_along_axis(rows[part], order, axis=1)
            if progress is not None:
                progress(len(block))
    return Neighbourhoods(wanted, rows, distances)


def _approximate(
    index: VectorIndex, k: int, progress: Progress | None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        if progress is not None:
            progress(done // 2 - told)
        told = done // 2

    rows, distances = hnsw.neighbours_of_all(index, k, progress=tell)
    return rows.astype(np.int32), distances


def _scores(
    index: VectorIndex, wanted: NDArray[np.int64], metric: Metric
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Blocks of what sorts as the distance does [shape=(b, n)]; a song's own score is infinite."""
    vectors = index.vectors
    squares = np.einsum("nd,nd->n", vectors, vectors)
    if metric == "cosine":
        vectors = vectors / np.sqrt(np.maximum(squares, 1e-24))[:, None]
    step = max(1, BLOCK // len(index))
    for first in range(0, len(wanted), step):
        part = slice(first, min(first + step, len(wanted)))
        scores = vectors[wanted[part]] @ vectors.T
        np.negative(scores, out=scores)
        if metric == "euclidean":
            scores *= 2
            scores += squares
        scores[np.arange(len(scores)), wanted[part]] = np.inf
        yield part, scores


def _least(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The columns of each row's k least scores, in any order; of equal ones the first.

    At least k scores lie at or below the k-th least of the minima of k or more disjoint parts. Only those are sorted:
    ten times as quick as `numpy.argpartition` of whole rows.
    """
    b, n = scores.shape
    parts = min(n, k * GROUPS)
    width = n // parts
    minima = scores[:, : parts * width].reshape(b, width, parts).min(axis=1)
    bounds = np.partition(minima, k - 1, axis=1)[:, k - 1]
    found = np.empty((b, k), np.int32)
    for i, (row, bound) in enumerate(zip(scores, bounds, strict=True)):
        near = np.flatnonzero(row <= bound)
        found[i] = near[np.argsort(row[near], kind="stable")[:k]]
    return found


def _sorted_distances(
    index: VectorIndex, block: NDArray[np.int64], rows: NDArray[np.int32], metric: Metric
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Distances in double precision, ascending, and the order that sorts the rows so [shape=(b, k) each]."""
    a = index.vectors[block].astype(np.float64)
    b = index.vectors[rows].astype(np.float64)
    if metric == "euclidean":
        found = np.linalg.norm(b - a[:, None], axis=2)
    else:
        lengths = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=2)
        found = np.maximum(0.0, 1 - np.einsum("bd,bkd->bk", a, b) / np.maximum(lengths, 1e-24))
    order = np.lexsort((index.ids[rows], found), axis=1)
    return np.take_along_axis(found, order, axis=1).astype(np.float32), order


def occurrences(rows: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """How often each of n songs is among the nearest of others: the k-occurrence N_k [shape=(n,)]."""
    return np.bincount(rows.ravel(), minlength=n).astype(np.int64)


def skewness(counts: NDArray[np.int64]) -> float:
    """Third standardised moment of the k-occurrence (Radovanovic et al. 2010).

    0: songs are found equally often; well above 1: a few songs, the hubs, are found everywhere.
    """
    centred = counts - counts.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    return float(np.mean(centred**3)) / deviation**3 if deviation else 0.0


def share_never(counts: NDArray[np.int64]) -> float:
    """The share of anti-hubs, which are among nobody's nearest; 0 where there is no song."""
    return float(np.mean(counts == 0)) if len(counts) else 0.0


def positions(index: VectorIndex, ids: Sequence[int]) -> NDArray[np.int64]:
    """Where some songs stand in an index [shape=(m,)]; raises `ValueError` for an id that is not there."""
    wanted = np.asarray(ids, np.int64)
    order = np.argsort(index.ids, kind="stable")
    rows = order[np.minimum(np.searchsorted(index.ids, wanted, sorter=order), len(order) - 1)] if len(order) else order
    if len(rows) != len(wanted) or not np.array_equal(index.ids[rows], wanted):
        raise ValueError("a song is not in the index")
    return rows


def step_lengths(index: VectorIndex, path: Sequence[int], metric: Metric = "cosine") -> list[float]:
    """The distance from each song of a list of ids to the next: one fewer than there are songs."""
    vectors = index.vectors[positions(index, path)]
    return [float(pairwise(vectors[i : i + 2], metric)[0, 1]) for i in range(len(path) - 1)]


def pairwise(vectors: NDArray[np.floating[Any]], metric: Metric = "cosine") -> NDArray[np.float64]:
    """Distances between all pairs [shape=(m, m)], 0 on the diagonal."""
    v = vectors.astype(np.float64)
    if metric == "cosine":
        v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12)
        found = 1 - v @ v.T
    else:
        squares = np.einsum("nd,nd->n", v, v)
        found = np.sqrt(np.maximum(squares[:, None] + squares - 2 * v @ v.T, 0))
    np.fill_diagonal(found, 0)
    return np.maximum(found, 0)
