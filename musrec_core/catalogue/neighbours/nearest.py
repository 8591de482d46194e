"""The nearest tracks of many tracks, cell by cell: matrix products of those that look into a cell and those in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...search.distance import paired, unit
from ...search.knn import BLOCK_SCORES, least

SLACK = 8  # candidates beside the wanted ones, whose order single precision does not settle
MOST_KEPT = 4_000_000  # candidates that are kept at a time: 48 MB
MOST_QUERIES = 8_192  # that are searched at a time
CAP_FETCH = 4  # times as many candidates are looked at where some of them will be left out; and again if too few stay
MOST_FETCH = 64  # times as many as are wanted, at most
NOBODY = -1  # the rank of no track


@dataclass(frozen=True, eq=False)
class Shard:
    """Tracks of some cells, in the order of the cells, within one in that of their ranks.

    A track's rank is its place among the ids of all tracks.

    Attributes
    ----------
    ranks : np.ndarray [shape=(n,)], int64
    vectors : np.ndarray [shape=(n, d)], float16
    cells : np.ndarray [shape=(c,)], int32
        Ascending numbers.
    starts : np.ndarray [shape=(c + 1,)], int64
        Where each cell begins.
    """

    ranks: NDArray[np.int64]
    vectors: NDArray[np.float16]
    cells: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of_cell(cls, number: int, ranks: NDArray[np.int64], vectors: NDArray[np.float16]) -> Shard:
        """One cell, of tracks in any order."""
        return cls.of_cells(np.full(len(ranks), number, np.int32), ranks, vectors, np.array([number], np.int32))

    @classmethod
    def of_cells(
        cls,
        cell_of: NDArray[np.int32],
        ranks: NDArray[np.int64],
        vectors: NDArray[np.float16],
        cells: NDArray[np.int32],
    ) -> Shard:
        """Some cells, empty ones among them, of tracks in any order; ``cell_of`` is the cell of each track."""
        order = np.lexsort((ranks, cell_of))
        starts = np.append(np.searchsorted(cell_of[order], cells), len(ranks))
        return cls(ranks[order], vectors[order], cells, starts)

    def cell(self, number: int) -> slice:
        """The tracks of a cell; empty where it is not here."""
        at = int(np.searchsorted(self.cells, number))
        if at == len(self.cells) or self.cells[at] != number:
            return slice(0, 0)
        return slice(int(self.starts[at]), int(self.starts[at + 1]))


@dataclass(frozen=True)
class Wanted:
    """What is searched.

    Attributes
    ----------
    k : int
        Neighbours of a track, at most.
    max_per : int
        At most so many neighbours of one group; 0: any number.
    exact : bool
        Of equally near tracks, those of the lower rank are taken; else it is not said which.
    """

    k: int
    max_per: int = 0
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Found:
    """Neighbours, nearest first, equal distances in the order of ranks.

    Attributes
    ----------
    ranks : np.ndarray [shape=(q, k)], int64
        `NOBODY` where there are fewer.
    distances : np.ndarray [shape=(q, k)], float32
        Cosine distance; infinite where there is nobody.
    """

    ranks: NDArray[np.int64]
    distances: NDArray[np.float32]


Shards = Callable[[int], Shard]  # a shard by its number; it is asked for again rather than kept


def search(
    vectors: NDArray[np.float16],
    ranks: NDArray[np.int64],
    probes: NDArray[np.int32],
    shard_of: NDArray[np.int32],
    shards: Shards,
    wanted: Wanted,
    groups: NDArray[np.int32] | None = None,
) -> Found:
    """The nearest of some tracks among those of the cells that each looks into, never the track itself.

    Parameters
    ----------
    vectors, ranks : np.ndarray [shape=(q, d) and (q,)]
        Of the tracks.
    probes : np.ndarray [shape=(q, p)]
        The cells that each looks into.
    shard_of : np.ndarray [shape=(cells,)]
        The shard of each cell.
    shards : callable
    wanted : Wanted
    groups : np.ndarray [shape=(all tracks,)], optional
        A number for each rank's group, such as its artist, -1 for one that has none; for ``max_per``.
    """
    found = Found(
        np.full((len(ranks), wanted.k), NOBODY, np.int64), np.full((len(ranks), wanted.k), np.inf, np.float32)
    )
    fetch = wanted.k * (CAP_FETCH if wanted.max_per else 1) + SLACK
    left = np.arange(len(ranks))
    while len(left) and fetch <= MOST_FETCH * wanted.k + SLACK:
        size = max(1, min(MOST_QUERIES, MOST_KEPT // (fetch * probes.shape[1])))
        short = []
        for first in range(0, len(left), size):
            part = left[first : first + size]
            batch = _Batch(vectors[part], ranks[part], probes[part], shard_of, shards, wanted.exact)
            near, distances = batch.nearest(fetch)
            full = np.isfinite(distances[:, -1])  # there may be more candidates than were fetched
            if wanted.max_per and groups is not None:
                near, distances = _capped(near, distances, groups, wanted.max_per)
            n = min(wanted.k, near.shape[1])
            found.ranks[part, :n], found.distances[part, :n] = near[:, :n], distances[:, :n]
            short.append(part[full & ~np.isfinite(found.distances[part, -1])])
        left = np.concatenate(short)
        fetch *= CAP_FETCH
    return found


class _Batch:
    """Some tracks that are searched together."""

    def __init__(
        self,
        vectors: NDArray[np.float16],
        ranks: NDArray[np.int64],
        probes: NDArray[np.int32],
        shard_of: NDArray[np.int32],
        shards: Shards,
        exact: bool,
    ) -> None:
        self._raw, self._vectors, self._ranks = vectors, unit(vectors.astype(np.float32)), ranks
        self._probes, self._shards, self._exact = probes, shards, exact
        self._shard_of = shard_of[probes]  # [shape=(q, p)]

    def nearest(self, fetch: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Ranks and distances of the nearest [shape=(q, at most fetch) each]."""
        q, p = self._probes.shape
        scores = np.full((q * p, fetch), np.inf, np.float32)
        near = np.full((q * p, fetch), NOBODY, np.int64)
        for number in np.unique(self._shard_of).tolist():
            shard = self._shards(number)
            for cell, pairs in self._pairs_by_cell(number):
                self._search_cell(shard, shard.cell(cell), pairs, scores, near)
        slots, chosen = self._merged(scores.reshape(q, -1), near.reshape(q, -1), fetch)
        return self._measured(slots // fetch, chosen)

    def _pairs_by_cell(self, number: int) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """Each cell of a shard with the (track, probe) pairs that look into it, as flat positions."""
        pairs = np.flatnonzero(self._shard_of.ravel() == number)
        cells = self._probes.ravel()[pairs]
        order = np.argsort(cells, kind="stable")
        values, starts = np.unique(cells[order], return_index=True)
        yield from zip(values.tolist(), np.split(pairs[order], starts[1:]), strict=True)

    def _search_cell(
        self,
        shard: Shard,
        rows: slice,
        pairs: NDArray[np.int64],
        scores: NDArray[np.float32],
        near: NDArray[np.int64],
    ) -> None:
        """Write the nearest of a cell's tracks for each pair."""
        members = shard.ranks[rows]
        if not len(members):
            return
        vectors = unit(shard.vectors[rows].astype(np.float32)).T
        k = min(scores.shape[1], len(members))
        step = max(1, BLOCK_SCORES // len(members))
        for first in range(0, len(pairs), step):
            some = pairs[first : first + step]
            queries = some // self._probes.shape[1]
            block = -(self._vectors[queries] @ vectors)
            _forbid_self(block, members, self._ranks[queries])
            columns = _columns_of_least(block, k, self._exact)
            scores[some, :k] = np.take_along_axis(block, columns, axis=1)
            near[some, :k] = members[columns]

    def _merged(
        self, scores: NDArray[np.float32], near: NDArray[np.int64], fetch: int
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Columns and ranks of the least scores [shape=(q, fetch) each]."""
        if self._exact:
            columns = np.lexsort((near, scores), axis=1)[:, :fetch]
        elif scores.shape[1] > fetch:
            columns = np.argpartition(scores, fetch - 1, axis=1)[:, :fetch]
        else:
            columns = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
        kept = np.where(np.isfinite(np.take_along_axis(scores, columns, axis=1)),
                        np.take_along_axis(near, columns, axis=1), NOBODY)  # fmt: skip
        return columns, kept

    def _measured(
        self, slots: NDArray[np.intp], near: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The distances of candidates in double precision; sorted by them, then by rank."""
        distances = np.full(near.shape, np.inf, np.float64)
        shard_of = np.where(near == NOBODY, -1, np.take_along_axis(self._shard_of, slots, axis=1))
        cell_of = np.take_along_axis(self._probes, slots, axis=1)
        for number in np.unique(shard_of[shard_of >= 0]).tolist():
            shard = self._shards(number)
            i, j = np.nonzero(shard_of == number)
            rows = _rows_in(shard, cell_of[i, j], near[i, j])
            distances[i, j] = paired(self._raw[i], shard.vectors[rows])
        order = np.lexsort((near, distances), axis=1)
        return np.take_along_axis(near, order, axis=1), np.take_along_axis(distances, order, axis=1).astype(np.float32)


def _rows_in(shard: Shard, cells: NDArray[np.int32], ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of some tracks of a shard, by their cells and ranks."""
    rows = np.empty(len(ranks), np.int64)
    for cell in np.unique(cells).tolist():
        here, part = cells == cell, shard.cell(cell)
        rows[here] = part.start + np.searchsorted(shard.ranks[part], ranks[here])
    return rows


def _forbid_self(block: NDArray[np.float32], members: NDArray[np.int64], own: NDArray[np.int64]) -> None:
    """Give each track itself an infinite score, where it is among the members."""
    at = np.minimum(np.searchsorted(members, own), len(members) - 1)
    here = np.flatnonzero(members[at] == own)
    block[here, at[here]] = np.inf


def _columns_of_least(block: NDArray[np.float32], k: int, exact: bool) -> NDArray[Any]:
    """The columns of each row's k least scores, in any order; of equal ones the first, if that matters."""
    if exact or block.shape[1] >= 64 * k:  # from here on it is the quicker one
        return least(block, k)
    if k == block.shape[1]:
        return np.broadcast_to(np.arange(k), block.shape)
    return np.argpartition(block, k - 1, axis=1)[:, :k]


def _capped(
    near: NDArray[np.int64], distances: NDArray[np.float32], groups: NDArray[np.int32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Leave out what has so many nearer ones of its group, nearest first."""
    near, distances = near.copy(), distances.copy()
    codes = np.where(near == NOBODY, -1, groups[near])
    for i, row in enumerate(codes):
        order = np.argsort(row, kind="stable")
        ordered = row[order]
        before = np.arange(len(row)) - np.searchsorted(ordered, ordered)
        near[i, order[(before >= most) & (ordered >= 0)]] = NOBODY
    distances[near == NOBODY] = np.inf
    order = np.argsort(near == NOBODY, axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(distances, order, axis=1)
