"""Every track's nearest tracks, as a table of Parquet parts: exactly, or cell by cell in a large catalogue, on Ray."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from ...errors import CatalogueError
from ..cluster.session import session_cpus
from ..cluster.tasks import in_parallel
from ..dataset import Catalogue
from ..meter import Meter
from .cells import Cells, Sample, exact_sample, make_cells, shuffle
from .nearest import Found, Shard, Wanted, recall, search
from .out_folder import OutFolder
from .selection import Selection, load_shards, select
from .table import CELLS, SUCCESS, NeighbourTable

FORMAT = 1  # of a table's request
K = 20
MOST_K = 1_000
EXACT_TRACKS = 200_000  # up to which all pairs are compared
RECALL = 0.98  # that a larger catalogue is cut up for


@dataclass(frozen=True)
class NeighbourOptions:
    """What a neighbour table holds.

    Attributes
    ----------
    k : int
        Neighbours of a track: fewer where there are fewer others.
    where : str, optional
        An SQL condition: only tracks that fulfil it are compared.
    exact : bool, optional
        Compare all pairs; None: up to `EXACT_TRACKS`.
    recall : float
        The share of the true neighbours that is to be found where not all pairs are compared.
    max_per : str, optional
        The column of which a value is named ``most_per`` times at most among a track's neighbours.
    most_per : int
    lists : bool
        One row a track, with lists, instead of one a neighbour.
    """

    k: int = K
    where: str | None = None
    exact: bool | None = None
    recall: float = RECALL
    max_per: str | None = None
    most_per: int = 1
    lists: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.k <= MOST_K:
            raise CatalogueError(f"the number of neighbours has to be 1 to {MOST_K:,}, and {self.k} is not")
        if not 0 < self.recall <= 1:
            raise CatalogueError(f"the recall has to be above 0 and at most 1, and {self.recall} is not")


@dataclass(frozen=True)
class NeighbourSummary:
    """What was written.

    Attributes
    ----------
    tracks : int
    unusable : int
        Further tracks that were left out, because their vector holds a number that is not finite.
    parts : int
    exact : bool
    probes, cells : int
        The cells into which a track looks, of how many; 0 where it is exact.
    recall, recall_low, recall_high : float
        The share of the true neighbours among those found, in a sample, and its 95 % interval; 1 where it is exact.
    sampled : int
        Tracks of the sample.
    """

    tracks: int
    unusable: int
    parts: int
    exact: bool
    probes: int = 0
    cells: int = 0
    recall: float = 1.0
    recall_low: float = 1.0
    recall_high: float = 1.0
    sampled: int = 0


def write_neighbours(
    catalogue: Catalogue,
    out: str,
    options: NeighbourOptions | None = None,
    *,
    overwrite: bool = False,
    workers: int | None = None,
    meter: Meter | None = None,
) -> NeighbourSummary:
    """Write every track's nearest tracks, a part at a time; what is there of the same request is kept.

    A Ray session has to be there (`ray_session`). Tracks without an embedding of the dataset's model are left out. Each
    part, of some ten thousand tracks, is written whole by a task, and ``_SUCCESS`` at the end. A task needs 0.5 GB.

    Parameters
    ----------
    out : str
        A folder, or its URL (``s3://...``): empty, new, or of the same dataset, version and options.
    overwrite : bool
        Replace a table of another request.
    workers : int, optional
        Tasks at a time; by default one a CPU of the session.
    meter : Meter, optional
        Is told what goes on.

    Raises
    ------
    CatalogueError
        An option does not fit, the folder is of another request, or something can't be read or written.
    """
    options, meter = options or NeighbourOptions(), meter or Meter()
    table = NeighbourTable(OutFolder.at(out, catalogue.storage_options), options.lists)
    if options.max_per:
        catalogue.require_limits({options.max_per: options.most_per})
    selection = select(catalogue, options.where, [options.max_per] if options.max_per else [])
    exact = len(selection) <= EXACT_TRACKS if options.exact is None else options.exact
    table.prepare(_request(catalogue, selection, options, exact), overwrite=overwrite)
    if SUCCESS in table.folder.names():
        return _read_summary(table)
    graph = build_graph(selection, options, exact, table=table, width=workers or session_cpus(), meter=meter)
    there = table.parts()
    meter.begin(sum(graph.sizes), kept=sum(size for part, size in enumerate(graph.sizes) if part in there))
    missing = [part for part in range(len(graph.shards)) if part not in there]
    for tracks in graph.each_part(_write_part, missing, table):
        meter.update(tracks)
    summary = _summary(graph, table)
    table.folder.write(SUCCESS, json.dumps(asdict(summary)).encode())
    return summary


def _request(catalogue: Catalogue, selection: Selection, options: NeighbourOptions, exact: bool) -> dict[str, Any]:
    """By what a part is known to be of this request."""
    ids = hashlib.blake2b(digest_size=8)
    for buffer in selection.ids.buffers()[1:]:
        ids.update(buffer or b"")
    return {
        "format": FORMAT,
        "version": selection.source.version,
        "model": catalogue.columns.model,
        "tracks": len(selection),
        "ids": ids.hexdigest(),
        "exact": exact,
        "k": options.k,
        "where": options.where,
        "max_per": f"{options.max_per}={options.most_per}" if options.max_per else None,
        "lists": options.lists,
        "recall": None if exact else options.recall,
    }


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
    options: NeighbourOptions,
    exact: bool,
    *,
    table: NeighbourTable | None = None,
    width: int,
    meter: Meter,
) -> Graph:
    """Load the vectors, and cut them up unless all pairs are compared: as the table says, if it was begun."""
    meter.tell(f"reading the vectors of {len(selection):,} tracks")
    shards = load_shards(selection)
    k = max(1, min(options.k, len(selection) - 1))
    wanted = Wanted(k, options.most_per if options.max_per else 0, exact)
    groups = ray.put(_codes(selection.further[options.max_per])) if options.max_per else None
    if exact or not len(selection):
        return Graph(selection, wanted, shards, _sizes(shards, width), None, None, groups, width)
    meter.tell("comparing a sample with all tracks")
    sample = exact_sample(selection, shards, Wanted(k, wanted.max_per), groups, width)
    if table is not None and CELLS in table.folder.names():
        cells = _read_cells(table)
    else:
        meter.tell("finding cells of tracks that lie together")
        cells = make_cells(selection, shards, sample.half(0), options.recall, width)
        if table is not None:
            table.folder.write(CELLS, cells.to_bytes())
    shards = shuffle(shards, cells)
    return Graph(selection, wanted, shards, _sizes(shards, width), cells, sample.half(1), groups, width)


def _read_cells(table: NeighbourTable) -> Cells:
    try:
        return Cells.from_bytes(table.folder.read(CELLS))
    except (ValueError, KeyError, EOFError, BadZipFile):
        raise _damaged(table, CELLS) from None


def _read_summary(table: NeighbourTable) -> NeighbourSummary:
    try:
        return NeighbourSummary(**json.loads(table.folder.read(SUCCESS)))
    except (ValueError, TypeError):
        raise _damaged(table, SUCCESS) from None


def _damaged(table: NeighbourTable, name: str) -> CatalogueError:
    return CatalogueError(f"{name} in {table.folder} is damaged: delete the folder, or name another one")


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


def _write_part(number: int, shard: Shard, found: Found, ids: pa.Array, table: NeighbourTable) -> int:
    table.write_part(number, ids, shard.ranks, found)
    return len(shard.ranks)


def _summary(graph: Graph, table: NeighbourTable) -> NeighbourSummary:
    """What is in a complete table."""
    tracks, parts = sum(graph.sizes), len(graph.shards)
    unusable = len(graph.selection) - tracks
    if graph.cells is None or graph.sample is None:
        return NeighbourSummary(tracks, unusable, parts, True)
    cells, sample = graph.cells, graph.sample
    ids = graph.selection.ids.take(pa.array(sample.ranks)).to_pylist()
    found = table.distances_of(ids, cells.part_of[cells.cell_of[sample.ranks]].tolist())
    share, low, high = recall(found, sample.nearest.distances)
    return NeighbourSummary(
        tracks, unusable, parts, False, cells.probes, len(cells.centroids), share, low, high, len(ids)
    )
