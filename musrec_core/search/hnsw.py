"""The neighbours of every song at once, approximately: HNSW (Malkov and Yashunin 2018) by voyager, the extra ``ann``.

One question is answered as quickly by the exact index, which reads its file as it goes; an approximate one has to be
loaded whole. It pays where every song of a large library is asked for its neighbours: hubs, journeys, reports.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .index import VectorIndex

CONNECTIONS = 16  # of a node; voyager's M
EF_CONSTRUCTION = 200
EF = 100  # candidates that a search keeps; recall@20 of 0.99 on made-up libraries of 10,000 to 1,000,000 songs
PAYS = 50_000  # songs from which it is quicker than comparing all pairs (`python -m benchmarks.search`)
PART = 20_000  # songs between two calls of `progress`


def available() -> bool:
    """Whether voyager is installed."""
    return importlib.util.find_spec("voyager") is not None


def neighbours_of_all(
    index: VectorIndex, k: int, *, threads: int = -1, progress: Callable[[int], object] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest of each song by cosine, itself left out.

    Parameters
    ----------
    index : VectorIndex
        n vectors, n > k.
    k : int >= 1
    threads : int
        -1: one a core.
    progress : callable, optional
        Called with the number of songs that are done, of 2 n: first put in, then asked.

    Returns
    -------
    rows : np.ndarray [shape=(n, k)], int64
        Positions in the index, nearest first.
    distances : np.ndarray [shape=(n, k)], float32
        Cosine distances, computed from the vectors themselves.

    Raises
    ------
    ValueError
        There are not more than k songs.
    """
    import voyager

    n = len(index)
    if n <= k:
        raise ValueError(f"{n} songs have no {k} neighbours each")
    vectors = index.vectors / np.sqrt(np.maximum((index.vectors**2).sum(axis=1, keepdims=True), 1e-24))
    graph = voyager.Index(
        voyager.Space.InnerProduct, vectors.shape[1], M=CONNECTIONS, ef_construction=EF_CONSTRUCTION, max_elements=n
    )
    rows, distances = np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    for part in _parts(n, progress, 0):
        graph.add_items(vectors[part], ids=np.arange(n)[part], num_threads=threads)
    for part in _parts(n, progress, n):
        found, _ = graph.query(vectors[part], k + 1, num_threads=threads, query_ef=max(EF, 2 * k))
        rows[part] = _without_self(found.astype(np.int64), np.arange(n)[part])
        distances[part] = 1 - np.einsum("nd,nkd->nk", vectors[part], vectors[rows[part]])
    order = np.argsort(distances, axis=1, kind="stable")
    return np.take_along_axis(rows, order, 1), np.maximum(0, np.take_along_axis(distances, order, 1))


def _parts(n: int, progress: Callable[[int], object] | None, before: int) -> Iterator[slice]:
    for first in range(0, n, PART):
        yield slice(first, min(first + PART, n))
        if progress:
            progress(before + min(first + PART, n))


def _without_self(found: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out each song itself, or its last neighbour where a twin took its place [shape=(m, k)]."""
    is_self = found == own[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    return found[~is_self].reshape(len(found), -1)
