"""Nearest neighbours among many vectors, exactly: one matrix product. And the file that keeps them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._files import atomic_write
from ..errors import IndexFileError
from . import many_seeds
from .distance import Metric, distances_from_scores, paired, rank_scores, require_metric, smallest, squared_norms

__all__ = ["Metric", "Neighbour", "Ranker", "VectorIndex", "positions", "step_lengths"]


class Neighbour(NamedTuple):
    """An id and its distance."""

    id: int
    distance: float


class Ranker(Protocol):
    """What ranks songs by their nearness to a vector: `VectorIndex`, or `hubness.MutualIndex`.

    Ranking, journeys and queries need no more of an index than this.
    """

    @property
    def ids(self) -> NDArray[np.int64]:
        """Of the songs [shape=(n,)]."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Of the songs [shape=(n, d)], in the order of ``ids``."""

    def __len__(self) -> int: ...

    def among(self, ids: Iterable[int]) -> Ranker:
        """The part whose ids are in ``ids``."""

    def query(self, queries: ArrayLike, k: int, *, metric: Metric = "cosine") -> list[list[Neighbour]]:
        """The k best of each query [shape=(q, d)], best first; raises ``ValueError``."""

    def distances(self, point: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
        """What to rank by for a point [shape=(d,)] or many seeds [shape=(m, d)], in the unit of distances [shape=(n,)].

        That to many seeds is their soft minimum (see `many_seeds`).
        """

    def take(self, rows: ArrayLike, point: ArrayLike, *, metric: Metric = "cosine") -> list[Neighbour]:
        """The songs at some positions of ``ids``, in that order, with their distances to a point or to many seeds."""


class VectorIndex:
    """Exact top-k search.

    Parameters
    ----------
    ids : sequence of int [shape=(n,)]
        Distinct.
    vectors : array-like [shape=(n, d)]
        Finite.

    Raises
    ------
    ValueError
        The shapes do not fit, an id occurs twice, or a vector is not finite.
    """

    def __init__(self, ids: Sequence[int] | NDArray[np.int64], vectors: ArrayLike) -> None:
        self.ids = np.asarray(ids, np.int64)
        self.vectors = np.asarray(vectors, np.float32)
        if self.vectors.ndim != 2 or self.ids.shape != (len(self.vectors),):
            raise ValueError(f"got {self.ids.shape} ids and {self.vectors.shape} vectors, wanted (n,) and (n, d)")
        if len(np.unique(self.ids)) != len(self.ids):
            raise ValueError("an id occurs twice")
        self._squares: NDArray[np.float32] = squared_norms(self.vectors)
        if not np.isfinite(self._squares).all():
            raise ValueError("a vector is not finite")

    def __len__(self) -> int:
        return len(self.ids)

    def vectors_of(self, ids: Iterable[int]) -> NDArray[np.float32]:
        """The vectors of some ids [shape=(m, d)]; ids that are not here are left out."""
        return self.vectors[np.isin(self.ids, np.fromiter(ids, np.int64))]

    def among(self, ids: Iterable[int]) -> VectorIndex:
        """The part of the index whose ids are in ``ids``."""
        mask = np.isin(self.ids, np.fromiter(ids, np.int64))
        return self._checked(self.ids[mask], self.vectors[mask], self._squares[mask])

    def save(self, path: str | os.PathLike[str], note: Mapping[str, Any]) -> None:
        """Write the index and a note (plain JSON) to one file, atomically; raises `OSError`."""
        content = json.dumps(dict(note)).encode()
        content += b" " * (-len(content) % 64)  # else the vectors lie askew, and numpy copies them for each question
        text = np.frombuffer(content, np.uint8)
        with atomic_write(path) as file:
            for array in (text, self.ids, self._squares, self.vectors):
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> tuple[VectorIndex, dict[str, Any]]:
        """Read what `save` wrote; the vectors stay on the disk until they are needed.

        Returns
        -------
        index : VectorIndex
        note : dict

        Raises
        ------
        OSError
            The file is missing or can't be read.
        IndexFileError
            It is not an index file, or is truncated.
        """
        with open(path, "rb") as file:
            try:
                note = json.loads(_read_array(file, np.uint8, 1).tobytes())
                ids, squares = _read_array(file, np.int64, 1), _read_array(file, np.float32, 1)
                vectors = _map_array(file, np.float32, 2)
            except (ValueError, EOFError) as error:
                raise IndexFileError(f"{os.fspath(path)} is not an index file: {error}") from None
        if not (isinstance(note, dict) and ids.shape == squares.shape == vectors.shape[:1]):
            raise IndexFileError(f"{os.fspath(path)} is not an index file: its parts do not match")
        return cls._checked(ids, vectors, squares), note

    @classmethod
    def _checked(
        cls, ids: NDArray[np.int64], vectors: NDArray[np.float32], squares: NDArray[np.float32]
    ) -> VectorIndex:
        """An index of parts that were checked before."""
        index = cls.__new__(cls)
        index.ids, index.vectors, index._squares = ids, vectors, squares
        return index

    def query(self, queries: ArrayLike, k: int, *, metric: Metric = "cosine") -> list[list[Neighbour]]:
        """The k nearest of each query, nearest first; equal distances in the order of ids.

        Parameters
        ----------
        queries : array-like [shape=(q, d)]
        k : int >= 1
            Fewer come back where the index is smaller.
        metric : ``cosine`` or ``euclidean``

        Raises
        ------
        ValueError
            The queries' shape, ``k`` or the metric does not fit.
        """
        q = np.asarray(queries, np.float32)
        if q.ndim != 2 or q.shape[1] != self.vectors.shape[1]:
            raise ValueError(f"got queries of shape {q.shape}, wanted (q, {self.vectors.shape[1]})")
        if k < 1:
            raise ValueError(f"k has to be 1 or more, got {k}")
        require_metric(metric)
        if not len(self):
            return [[] for _ in q]
        scores = rank_scores(q, self.vectors, self._squares, metric)
        return [self._top(row, k, point, metric) for row, point in zip(scores, q, strict=True)]

    def distances(self, point: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
        """The distance of every vector to a point or to many seeds -> [shape=(n,)], in the order of ``ids``.

        Single precision, so good to some 1e-6: for ranking, not for printing.

        Parameters
        ----------
        point : array-like [shape=(d,) or (m, d)]
        """
        q = np.asarray(point, np.float32)
        if q.ndim == 2:
            return many_seeds.distances(q, self.vectors, self._squares, metric)
        q = q[None]
        return distances_from_scores(rank_scores(q, self.vectors, self._squares, metric), q, metric)[0]

    def take(self, rows: ArrayLike, point: ArrayLike, *, metric: Metric = "cosine") -> list[Neighbour]:
        """The vectors at some positions of ``ids``, in that order, with their distances to a point or to many seeds."""
        wanted, q = np.asarray(rows, np.int64), np.asarray(point, np.float32)
        vectors = self.vectors[wanted]
        found = many_seeds.exact(q, vectors, metric) if q.ndim == 2 else paired(vectors, q, metric)
        return list(map(Neighbour, self.ids[wanted].tolist(), found.tolist()))

    def _top(self, scores: NDArray[np.float32], k: int, q: NDArray[np.float32], metric: Metric) -> list[Neighbour]:
        top = smallest(scores, self.ids, k)
        ids, distances = self.ids[top], paired(self.vectors[top], q, metric)  # the scores' last digits cancel
        order = np.lexsort((ids, distances))
        return list(map(Neighbour, ids[order].tolist(), distances[order].tolist()))


def positions(index: Ranker, ids: Sequence[int]) -> NDArray[np.int64]:
    """The positions of some songs in an index [shape=(m,)]; raises `ValueError` for an unknown id."""
    wanted = np.asarray(ids, np.int64)
    order = np.argsort(index.ids, kind="stable")
    rows = order[np.minimum(np.searchsorted(index.ids, wanted, sorter=order), len(order) - 1)] if len(order) else order
    if len(rows) != len(wanted) or not np.array_equal(index.ids[rows], wanted):
        raise ValueError("a song is not in the index")
    return rows


def step_lengths(index: Ranker, path: Sequence[int], metric: Metric = "cosine") -> list[float]:
    """The distance from each song of a list of ids to the next: one fewer than there are songs."""
    vectors = index.vectors[positions(index, path)]
    steps: list[float] = paired(vectors[:-1], vectors[1:], metric).tolist()
    return steps


def _header(file: BinaryIO, dtype: type[np.generic], ndim: int) -> tuple[int, ...]:
    """Read an array's header: its shape, where it is of this kind."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array in another version's format")
    shape, fortran, found = np.lib.format.read_array_header_1_0(file)
    if fortran or found != np.dtype(dtype) or len(shape) != ndim:
        raise ValueError(f"an array of {found}{list(shape)}")
    return shape


def _read_array(file: BinaryIO, dtype: type[np.generic], ndim: int) -> NDArray[Any]:
    shape = _header(file, dtype, ndim)
    content = file.read(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    return np.frombuffer(content, dtype).reshape(shape)


def _map_array(file: BinaryIO, dtype: type[np.generic], ndim: int) -> NDArray[Any]:
    shape = _header(file, dtype, ndim)
    if os.fstat(file.fileno()).st_size != file.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize:
        raise ValueError("its length does not match its header")
    if not np.prod(shape):
        return np.empty(shape, dtype)
    return np.memmap(file, dtype, "r", file.tell(), shape).view(np.ndarray)
