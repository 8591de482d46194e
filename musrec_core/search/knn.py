"""The k-nearest-neighbour graph: every song's nearest songs, exactly, or approximately with HNSW.

HNSW (Malkov and Yashunin 2018) comes with voyager, the extra ``ann``. One question is answered as quickly by the exact
index, which reads its file as it goes; an approximate one has to be loaded whole. It pays where every song of a large
library is asked for its neighbours: hubs and reports.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .distance import Metric, paired, rank_scores, require_metric, squared_norms, unit
from .index import VectorIndex

BLOCK_SCORES = 4_000_000  # scores held at a time: 16 MB
MINIMA_PER_NEIGHBOUR = 64  # a row's least scores are bounded by the minima of at least so many parts per neighbour

HNSW_MIN_SONGS = 50_000  # from which HNSW is quicker than comparing all pairs (`python -m benchmarks.search`)
HNSW_M = 16  # connections of a node
EF_CONSTRUCTION = 200
EF_SEARCH = 100  # candidates that a search keeps; recall@20 of 0.99 on made-up libraries of 10,000 to 1,000,000 songs
HNSW_BATCH = 20_000  # songs between two calls of `progress`
SORT_BATCH = 2_000  # songs whose neighbours' vectors are held at a time: 41 MB for 20 neighbours of 128 dimensions

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
    (`HNSW_MIN_SONGS`) is searched approximately, by cosine, where voyager is installed.

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
    require_metric(metric)
    wanted = np.arange(len(index)) if seeds is None else np.asarray(seeds, np.int64)
    k = min(k, max(len(index) - 1, 0))
    if seeds is None and metric == "cosine" and len(index) >= HNSW_MIN_SONGS and hnsw_available():
        return hnsw_neighbourhoods(index, k, progress=progress)
    rows = np.empty((len(wanted), k), np.int32)
    distances = np.empty((len(wanted), k), np.float32)
    if k:
        for part, scores in _blocks_of_scores(index, wanted, metric):
            rows[part], distances[part] = _sorted_by_distance(index, wanted[part], least(scores, k), metric)
            if progress is not None:
                progress(len(scores))
    return Neighbourhoods(wanted, rows, distances)


def _blocks_of_scores(
    index: VectorIndex, wanted: NDArray[np.int64], metric: Metric
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Blocks of what sorts as the distance does [shape=(b, n)]; a song's own score is infinite."""
    squares = squared_norms(index.vectors)
    step = max(1, BLOCK_SCORES // len(index))
    for first in range(0, len(wanted), step):
        part = slice(first, min(first + step, len(wanted)))
        scores = rank_scores(index.vectors[wanted[part]], index.vectors, squares, metric)
        scores[np.arange(len(scores)), wanted[part]] = np.inf
        yield part, scores


def least(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The columns of each row's k least scores, in any order; of equal ones the first.

    At least k scores lie at or below the k-th least of the minima of k or more disjoint parts. Only those are sorted:
    ten times as quick as `numpy.argpartition` of whole rows.
    """
    b, n = scores.shape
    parts = min(n, k * MINIMA_PER_NEIGHBOUR)
    width = n // parts
    minima = scores[:, : parts * width].reshape(b, width, parts).min(axis=1)
    bounds = np.partition(minima, k - 1, axis=1)[:, k - 1]
    found = np.empty((b, k), np.int32)
    for i, (row, bound) in enumerate(zip(scores, bounds, strict=True)):
        near = np.flatnonzero(row <= bound)
        found[i] = near[np.argsort(row[near], kind="stable")[:k]]
    return found


def _sorted_by_distance(
    index: VectorIndex, block: NDArray[np.int64], rows: NDArray[np.int32], metric: Metric
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Each row's neighbours and their distances, nearest first, equal ones in the order of ids [shape=(b, k) each]."""
    found = paired(index.vectors[block][:, None], index.vectors[rows], metric)
    order = np.lexsort((index.ids[rows], found), axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(found, order, axis=1).astype(np.float32)


def hnsw_available() -> bool:
    """Whether voyager is installed."""
    return importlib.util.find_spec("voyager") is not None


def hnsw_neighbourhoods(
    index: VectorIndex, k: int, *, threads: int = -1, progress: Progress | None = None
) -> Neighbourhoods:
    """The k nearest of every song by cosine, approximately; the distances are computed from the vectors themselves.

    Parameters
    ----------
    index : VectorIndex
        n vectors, n > k.
    k : int >= 1
    threads : int
        -1: one a core.
    progress : callable, optional
        Called with the number of songs done since the last call; putting a song into the graph is half of it.

    Raises
    ------
    ValueError
        There are not more than k songs.
    """
    import voyager

    n = len(index)
    if n <= k:
        raise ValueError(f"{n} songs have no {k} neighbours each")
    vectors = unit(index.vectors)
    graph = voyager.Index(
        voyager.Space.InnerProduct, vectors.shape[1], M=HNSW_M, ef_construction=EF_CONSTRUCTION, max_elements=n
    )
    songs = np.arange(n)
    rows, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for batch in _batches(n, HNSW_BATCH, progress, 0):
        graph.add_items(vectors[batch], ids=songs[batch], num_threads=threads)
    for batch in _batches(n, HNSW_BATCH, progress, n):
        found, _ = graph.query(vectors[batch], k + 1, num_threads=threads, query_ef=max(EF_SEARCH, 2 * k))
        rows[batch] = _without_self(found.astype(np.int32), songs[batch])
    for batch in _batches(n, SORT_BATCH):
        rows[batch], distances[batch] = _sorted_by_distance(index, songs[batch], rows[batch], "cosine")
    return Neighbourhoods(songs, rows, distances)


def _batches(n: int, size: int, progress: Progress | None = None, done: int = 0) -> Iterator[slice]:
    """Slices of n songs; ``progress`` gets half of each: there are two passes, ``done`` counts the earlier one's."""
    for first in range(0, n, size):
        last = min(first + size, n)
        yield slice(first, last)
        if progress is not None:
            progress((done + last) // 2 - (done + first) // 2)


def _without_self(found: NDArray[np.int32], own: NDArray[np.int64]) -> NDArray[np.int32]:
    """Leave out each song itself, or its last neighbour where a twin took its place [shape=(m, k)]."""
    is_self = found == own[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(found), -1)
