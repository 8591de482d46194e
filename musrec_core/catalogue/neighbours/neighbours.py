"""Every track's nearest tracks, as a table of Parquet parts: exactly, or cell by cell in a large catalogue, on Ray."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from ...errors import CatalogueError
from ..cluster.session import session_cpus
from ..dataset import Catalogue
from ..meter import Meter
from .graph import Graph, build_graph
from .nearest import Found, Shard
from .out_folder import OutFolder
from .recall import recall
from .selection import Selection, select
from .table import SUCCESS, NeighbourTable

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
    graph = build_graph(
        selection,
        options.k,
        exact=exact,
        recall=options.recall,
        max_per=options.max_per,
        most_per=options.most_per,
        table=table,
        width=workers or session_cpus(),
        meter=meter,
    )
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


def _read_summary(table: NeighbourTable) -> NeighbourSummary:
    try:
        return NeighbourSummary(**json.loads(table.folder.read(SUCCESS)))
    except (ValueError, TypeError):
        raise table.damaged(SUCCESS) from None


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
