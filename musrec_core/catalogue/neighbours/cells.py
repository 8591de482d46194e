"""Cells of tracks that lie together: how a catalogue is cut up so that not every track is compared with every other.

Spherical k-means on a sample gives the centroids (an inverted file, as in Jegou et al. 2011). A track looks into the
cells whose centroids are nearest to it; how many, a sample whose neighbours are known exactly says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from ...search.distance import unit
from ..cluster.tasks import in_parallel, result_of
from .nearest import NOBODY, Found, Shard, Wanted, search
from .selection import Selection

SAMPLED = 500  # tracks by which the number of cells is chosen, and as many more by which the result is judged
CELLS_PER_ROOT = 2.0  # times the square root of the number of tracks: so many cells, about
MOST_CELLS = 16_384
TRAINED_PER_CELL = 32  # tracks of the sample
ITERATIONS = 8  # of k-means; more change little
MOST_IN_CELL = 20_000  # a larger cell, such as one of silence, is cut up, so that its square does not count
FEWEST_PROBES = 8
PART_TRACKS, MOST_PARTS = (
    32_768,
    400,
)  # a part of the result has so many tracks, or more where there would be more parts
_SCORED = 4096  # tracks whose nearness to all centroids is held at a time


@dataclass(frozen=True, eq=False)
class Cells:
    """How the tracks are cut up.

    Attributes
    ----------
    centroids : np.ndarray [shape=(c, d)], float32
        Of unit length.
    first : np.ndarray [shape=(c + 1,)], int32
        The first cell of each centroid: it has several where many tracks are nearest to it.
    cell_of : np.ndarray [shape=(n,)], int32
        The cell of each rank; -1 for one whose vector can't be used.
    part_of : np.ndarray [shape=(first[-1],)], int32
        The part of the result to which each cell's tracks belong: one shard each.
    probes : int
        Centroids that a track looks at.
    """

    centroids: NDArray[np.float32]
    first: NDArray[np.int32]
    cell_of: NDArray[np.int32]
    part_of: NDArray[np.int32]
    probes: int

    @property
    def parts(self) -> int:
        """The number of parts."""
        return int(self.part_of.max()) + 1

    def cells_of_part(self, part: int) -> NDArray[np.int32]:
        """The cells of a part, ascending."""
        return np.flatnonzero(self.part_of == part).astype(np.int32)

    def probes_of(self, vectors: NDArray[np.float16], ranks: NDArray[np.int64]) -> NDArray[np.int32]:
        """The cells into which tracks look, their own first [shape=(q, probes)]."""
        own = self.cell_of[ranks]
        found = np.empty((len(ranks), self.probes), np.int32)
        for rows, scores in _scores(vectors, self.centroids):
            mine = np.searchsorted(self.first, own[rows], side="right") - 1
            scores[np.arange(len(scores)), mine] = -np.inf
            nearest = _least_columns(scores, self.probes)
            here = self.first[nearest]
            found[rows] = np.where(nearest == mine[:, None], own[rows][:, None], here)
        return found

    def to_bytes(self) -> bytes:
        """For a file."""
        file = io.BytesIO()
        np.savez(file, centroids=self.centroids, first=self.first, cell_of=self.cell_of, part_of=self.part_of,
                 probes=np.int64(self.probes))  # fmt: skip
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Cells:
        """What `to_bytes` made; raises `ValueError` where it is something else."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return cls(file["centroids"], file["first"], file["cell_of"], file["part_of"], int(file["probes"]))


@dataclass(frozen=True, eq=False)
class Sample:
    """Tracks whose neighbours are known exactly.

    Attributes
    ----------
    ranks, vectors : np.ndarray [shape=(m,) and (m, d)]
    nearest : Found
    """

    ranks: NDArray[np.int64]
    vectors: NDArray[np.float16]
    nearest: Found

    def half(self, which: int) -> Sample:
        """Every other track: 0, by which something is chosen, or 1, by which it is judged."""
        part = slice(which, None, 2)
        nearest = Found(self.nearest.ranks[part], self.nearest.distances[part])
        return Sample(self.ranks[part], self.vectors[part], nearest)


def exact_sample(selection: Selection, shards: list[Any], wanted: Wanted, groups: Any, width: int) -> Sample:
    """Random tracks, the same for the same dataset, with their true neighbours, found by tasks."""
    ranks, vectors = _draw(selection, shards, 2 * SAMPLED, seed=1, width=width)
    task, everything = ray.remote(_search_all), ray.put(shards)
    pieces = [piece for piece in np.array_split(np.arange(len(ranks)), max(1, width)) if len(piece)]

    def submit(piece: NDArray[np.intp]) -> Any:
        return task.remote(vectors[piece], ranks[piece], everything, wanted, groups)

    found = Found(np.empty((len(ranks), wanted.k), np.int64), np.empty((len(ranks), wanted.k), np.float32))
    for piece, some in in_parallel(pieces, submit, width):
        found.ranks[piece], found.distances[piece] = some.ranks, some.distances
    return Sample(ranks, vectors, found)


def _search_all(
    vectors: NDArray[np.float16], ranks: NDArray[np.int64], shards: list[Any], wanted: Wanted, groups: Any
) -> Found:
    numbers = np.arange(len(shards), dtype=np.int32)
    probes = np.broadcast_to(numbers, (len(ranks), len(shards)))
    return search(vectors, ranks, probes, numbers, lambda n: ray.get(shards[n]), wanted, groups)


def make_cells(selection: Selection, shards: list[Any], sample: Sample, recall: float, width: int) -> Cells:
    """Cut up the tracks so that so large a share of the sample's true neighbours is found."""
    n = len(selection)
    count = int(min(MOST_CELLS, max(1, CELLS_PER_ROOT * n**0.5)))
    _, trained = _draw(selection, shards, count * TRAINED_PER_CELL, seed=2, width=width)
    centroids = result_of(ray.remote(train).remote(trained, count))
    nearest = np.full(n, -1, np.int32)
    task, shared = ray.remote(_assign), ray.put(centroids)
    for _, (ranks, columns) in in_parallel(shards, lambda shard: task.remote(shard, shared), width):
        nearest[ranks] = columns
    cell_of, first = _cut(nearest, len(centroids))
    sizes = np.bincount(cell_of[cell_of >= 0], minlength=first[-1])
    part_of = _parts(centroids, first, sizes)
    return Cells(centroids, first, cell_of, part_of, _enough_probes(centroids, nearest, sample, recall))


def train(vectors: NDArray[np.float16], count: int) -> NDArray[np.float32]:
    """Spherical k-means: at most ``count`` centroids of unit length."""
    x = unit(vectors.astype(np.float32))
    rng = np.random.default_rng(0)
    centroids = x[rng.choice(len(x), min(count, len(x)), replace=False)]
    for _ in range(ITERATIONS):
        nearest = np.concatenate([scores.argmin(axis=1) for _, scores in _scores(x, centroids)])
        order = np.argsort(nearest, kind="stable")
        values, starts = np.unique(nearest[order], return_index=True)
        centroids[values] = unit(np.add.reduceat(x[order], starts, axis=0))
    return centroids


def _scores(vectors: NDArray[Any], centroids: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Rows and what sorts as their distances to all centroids do, a block at a time."""
    for first in range(0, len(vectors), _SCORED):
        rows = slice(first, min(first + _SCORED, len(vectors)))
        yield rows, -(vectors[rows].astype(np.float32) @ centroids.T)


def _least_columns(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The columns of the k least of each row, least first."""
    columns = np.argpartition(scores, k - 1, axis=1)[:, :k] if k < scores.shape[1] else (
        np.broadcast_to(np.arange(scores.shape[1]), scores.shape))  # fmt: skip
    order = np.argsort(np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def _assign(shard: Shard, centroids: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Ranks of a shard, and the nearest centroid of each."""
    found = np.empty(len(shard.ranks), np.int32)
    for rows, scores in _scores(shard.vectors, centroids):
        found[rows] = scores.argmin(axis=1)
    return shard.ranks, found


def _cut(nearest: NDArray[np.int32], count: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The cell of each rank, and the first cell of each centroid: those with too many tracks get several."""
    sizes = np.bincount(nearest[nearest >= 0], minlength=count)
    first = np.concatenate([[0], np.cumsum(np.maximum(1, -(-sizes // MOST_IN_CELL)))]).astype(np.int32)
    cell_of = np.where(nearest >= 0, first[nearest], -1).astype(np.int32)
    for centroid in np.flatnonzero(sizes > MOST_IN_CELL).tolist():
        members = np.flatnonzero(nearest == centroid)
        cell_of[members] = first[centroid] + np.arange(len(members)) // MOST_IN_CELL
    return cell_of, first


def _parts(centroids: NDArray[np.float32], first: NDArray[np.int32], sizes: NDArray[np.int64]) -> NDArray[np.int32]:
    """The part of each cell: cells that lie together, until there are enough tracks."""
    enough = max(PART_TRACKS, -(-int(sizes.sum()) // MOST_PARTS))
    vectors = np.repeat(centroids, np.diff(first), axis=0)
    part_of = np.full(len(sizes), -1, np.int32)
    part = 0
    while (left := np.flatnonzero(part_of < 0)).size:
        near = left[np.argsort(-(vectors[left] @ vectors[left[0]]), kind="stable")]
        taken = int(np.searchsorted(np.cumsum(sizes[near]), enough)) + 1
        part_of[near[:taken]] = part
        part += 1
    return part_of


def _enough_probes(centroids: NDArray[np.float32], nearest: NDArray[np.int32], sample: Sample, recall: float) -> int:
    """The least number of centroids to look at that finds so many of the sample's true neighbours."""
    known = sample.nearest.ranks != NOBODY
    cells = np.where(known, nearest[np.where(known, sample.nearest.ranks, 0)], -1)
    own = nearest[sample.ranks]
    found = np.zeros(len(centroids))  # true neighbours by the place of their cell, nearest first
    for rows, scores in _scores(sample.vectors, centroids):
        scores[np.arange(len(scores)), own[rows]] = -np.inf
        place = np.empty(scores.shape, np.int64)
        np.put_along_axis(place, np.argsort(scores, axis=1, kind="stable"), np.arange(len(centroids)), axis=1)
        here = np.take_along_axis(place, np.maximum(cells[rows], 0), axis=1)
        found += np.bincount(here[known[rows]], minlength=len(centroids))
    if not known.any():
        return min(FEWEST_PROBES, len(centroids))
    enough = int(np.searchsorted(np.cumsum(found) / known.sum(), recall)) + 1
    return min(len(centroids), max(FEWEST_PROBES, enough))


def _draw(
    selection: Selection, shards: list[Any], most: int, *, seed: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """Random tracks, ascending, with their vectors."""
    n = len(selection)
    chosen = np.sort(np.random.default_rng(seed).choice(n, min(most, n), replace=False))
    task, shared = ray.remote(_pick), ray.put(chosen)
    parts = [some for _, some in in_parallel(shards, lambda shard: task.remote(shard, shared), width)]
    ranks = np.concatenate([some for some, _ in parts])
    order = np.argsort(ranks)
    return ranks[order], np.concatenate([vectors for _, vectors in parts])[order]


def _pick(shard: Shard, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    here = np.isin(shard.ranks, chosen)
    return shard.ranks[here], shard.vectors[here]


def shuffle(shards: list[Any], cells: Cells) -> list[Any]:
    """References to one shard a part, made by tasks from those that were loaded."""
    shared, parts = ray.put(cells), cells.parts
    split = ray.remote(_split).options(num_returns=parts)
    gather = ray.remote(_gather)
    pieces = [split.remote(shard, shared) for shard in shards]
    pieces = [piece if parts > 1 else [piece] for piece in pieces]
    return [gather.remote(shared, part, *(piece[part] for piece in pieces)) for part in range(parts)]


def _split(shard: Shard, cells: Cells) -> Any:
    """The tracks of a shard by the parts to which they belong: ranks and vectors."""
    part_of = cells.part_of[cells.cell_of[shard.ranks]]
    order = np.argsort(part_of, kind="stable")
    bounds = np.searchsorted(part_of[order], np.arange(cells.parts + 1)).tolist()
    pieces = [(shard.ranks[some], shard.vectors[some]) for some in (order[a:b] for a, b in pairwise(bounds))]
    return pieces if len(pieces) > 1 else pieces[0]


def _gather(cells: Cells, part: int, *pieces: tuple[NDArray[np.int64], NDArray[np.float16]]) -> Shard:
    ranks = np.concatenate([some for some, _ in pieces])
    vectors = np.concatenate([vectors for _, vectors in pieces])
    return Shard.of_cells(cells.cell_of[ranks], ranks, vectors, cells.cells_of_part(part))
