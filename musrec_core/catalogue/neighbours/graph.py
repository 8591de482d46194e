"""The k-nearest-neighbour graph of a dataset's tracks: the cells that they are cut up into, and tasks by parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from ..cluster.tasks import in_parallel
from ..meter import Meter
from .cells import Cells, Sample, exact_sample, make_cells, shuffle
from .nearest import Shard, Wanted, search
from .selection import Selection, load_shards
from .table import CELLS, NeighbourTable


@dataclass(frozen=True, eq=False)
class Graph:
    """The k-nearest-neighbour graph of a selection, whose parts tasks find.

    Attributes
    ----------
    selection : Selection
    wanted : Wanted
    shards : list
        References to the tracks of each part.
    sizes : list of int
        Tracks of each part.
    cells : Cells, optional
        How they are cut up; None: all pairs are compared.
    sample : Sample, optional
        Tracks by which the result is judged.
    groups : object, optional
        Reference to the number of each rank's group.
    width : int
        Tasks at a time.
    """

    selection: Selection
    wanted: Wanted
    shards: list[Any]
    sizes: list[int]
    cells: Cells | None
    sample: Sample | None
    groups: Any
    width: int

    def each_part(self, use: Callable[..., Any], parts: Iterable[int], *arguments: Any) -> Iterator[Any]:
        """What a function gives for the shard of each part, its neighbours and all ids, in tasks, as they finish."""
        ids, shards, cells = ray.put(self.selection.ids), ray.put(self.shards), ray.put(self.cells)
        task = ray.remote(_on_part)

        def submit(part: int) -> Any:
            return task.remote(use, part, self.shards[part], shards, cells, self.wanted, self.groups, ids, arguments)

        for _, result in in_parallel(parts, submit, self.width):
            yield result


def build_graph(
    selection: Selection,
    k: int,
    *,
    exact: bool,
    recall: float,
    max_per: str | None = None,
    most_per: int = 1,
    table: NeighbourTable | None = None,
    width: int,
    meter: Meter,
) -> Graph:
    """Load the vectors, and cut them up unless all pairs are compared: as the table says, if it was begun.

    Parameters
    ----------
    k : int
        Neighbours of a track.
    recall : float
        The share of the true neighbours that is to be found, unless all pairs are compared.
    max_per : str, optional
        A further column of the selection, of which a value is named ``most_per`` times at most.
    """
    meter.tell(f"reading the vectors of {len(selection):,} tracks")
    shards = load_shards(selection)
    k = max(1, min(k, len(selection) - 1))
    wanted = Wanted(k, most_per if max_per else 0, exact)
    groups = ray.put(_codes(selection.further[max_per])) if max_per else None
    if exact or not len(selection):
        return Graph(selection, wanted, shards, _sizes(shards, width), None, None, groups, width)
    meter.tell("comparing a sample with all tracks")
    sample = exact_sample(selection, shards, Wanted(k, wanted.max_per), groups, width)
    if table is not None and CELLS in table.folder.names():
        cells = _read_cells(table)
    else:
        meter.tell("finding cells of tracks that lie together")
        cells = make_cells(selection, shards, sample.half(0), recall, width)
        if table is not None:
            table.folder.write(CELLS, cells.to_bytes())
    shards = shuffle(shards, cells)
    return Graph(selection, wanted, shards, _sizes(shards, width), cells, sample.half(1), groups, width)


def _read_cells(table: NeighbourTable) -> Cells:
    try:
        return Cells.from_bytes(table.folder.read(CELLS))
    except (ValueError, KeyError, EOFError, BadZipFile):
        raise table.damaged(CELLS) from None


def _sizes(shards: list[Any], width: int) -> list[int]:
    task = ray.remote(_size)
    sizes = dict(in_parallel(range(len(shards)), lambda part: task.remote(shards[part]), width))
    return [sizes[part] for part in range(len(shards))]


def _size(shard: Shard) -> int:
    return len(shard.ranks)


def _codes(column: pa.Array) -> NDArray[np.int32]:
    """A number for each value, -1 for null."""
    codes = pc.dictionary_encode(column).indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), np.int32)


def _on_part(
    use: Callable[..., Any],
    number: int,
    shard: Shard,
    shards: list[Any],
    cells: Cells | None,
    wanted: Wanted,
    groups: NDArray[np.int32] | None,
    ids: pa.Array,
    arguments: tuple[Any, ...],
) -> Any:
    """Find the neighbours of all tracks of a shard, and use them; a task."""
    if cells is None:
        shard_of = np.arange(len(shards), dtype=np.int32)
        probes = np.broadcast_to(shard_of, (len(shard.ranks), len(shards)))
    else:
        probes, shard_of = cells.probes_of(shard.vectors, shard.ranks), cells.part_of
    fetch = lru_cache(maxsize=1)(lambda n: ray.get(shards[n]))
    return use(
        number, shard, search(shard.vectors, shard.ranks, probes, shard_of, fetch, wanted, groups), ids, *arguments
    )
