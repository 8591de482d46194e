"""Every track's neighbours: all pairs, cell by cell, and by LanceDB's index, one after the other on one core.

``python -m benchmarks.catalogue_neighbours TRACKS ...`` makes up so many tracks at a time, in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.cluster.session import ray_session
from musrec_core.catalogue.meter import Meter
from musrec_core.catalogue.neighbours.cells import PART_TRACKS, Sample, exact_sample
from musrec_core.catalogue.neighbours.graph import build_graph
from musrec_core.catalogue.neighbours.nearest import Found, Shard, Wanted
from musrec_core.catalogue.neighbours.neighbours import EXACT_TRACKS, RECALL
from musrec_core.catalogue.neighbours.recall import recall
from musrec_core.catalogue.neighbours.selection import Selection, load_shards, select

from .synthetic_catalogue import make_catalogue
from .tables import machine, table

K = 20
ASKED = 500  # tracks of which LanceDB is asked
BATCH = 50
PROBES = (16, 32)

Row = tuple[str, str, str, str, str]


def _part(number: int, shard: Shard, found: Found, ids: pa.Array) -> tuple[int, int, float, Any, Any]:
    """Process, tracks, its processor time so far [s], and what was found; in a task."""
    return os.getpid(), len(shard.ranks), time.process_time(), shard.ranks, found.distances


def ours(selection: Selection, size: int, exact: bool, parts: int) -> Row:
    """Some parts; the first of each worker is not timed, because the process has started before it."""
    start = time.perf_counter()
    graph = build_graph(selection, K, exact=exact, recall=RECALL, width=1, meter=Meter())
    before = time.perf_counter() - start
    wanted = range(min(len(graph.shards), parts))
    last: dict[int, float] = {}
    tracks = seconds = 0.0
    found: dict[int, NDArray[np.float32]] = {}
    for process, n, spent, ranks, distances in graph.each_part(_part, wanted):
        if process in last:
            tracks, seconds = tracks + n, seconds + spent - last[process]
        last[process] = spent
        found.update(zip(ranks.tolist(), distances, strict=True))
    share = "1"
    name = "all pairs"
    if graph.sample is not None and graph.cells is not None:
        ranks = graph.sample.ranks.tolist()
        made = [i for i, rank in enumerate(ranks) if rank in found]
        share = interval(*recall([found[ranks[i]] for i in made], graph.sample.nearest.distances[made]))
        name = f"cells: {graph.cells.probes} of {len(graph.cells.centroids):,}"
    return f"{size:,}", name, f"{before:.0f} s", f"{1000 * seconds / tracks:.2f} ms", share


def lance_index(catalogue: Catalogue, sample: Sample, size: int) -> Iterator[Row]:
    """LanceDB's IVF index of whole vectors, asked in batches."""
    folder, _, name = catalogue.uri.rpartition("/")
    tracks = lancedb.connect(folder).open_table(name.removesuffix(".lance"))
    start = time.perf_counter()
    partitions = max(1, round(size**0.5))
    tracks.create_index("vector", config=lancedb.index.IvfFlat(distance_type="cosine", num_partitions=partitions))
    built = time.perf_counter() - start
    vectors = sample.vectors.astype(np.float32)[:ASKED]
    for probes in PROBES:
        found: list[list[float]] = []
        start = time.process_time()
        for first in range(0, len(vectors), BATCH):
            some = list(vectors[first : first + BATCH])
            asked = tracks.search(some).distance_type("cosine").nprobes(probes).limit(K + 1)
            answers = asked.select(["id", "_distance"]).to_arrow()
            numbers, distances = answers["query_index"].to_numpy(), answers["_distance"].to_numpy()
            found += [sorted(distances[numbers == n].tolist())[1:] for n in range(len(some))]
        spent = time.process_time() - start
        rows = [np.array(each, np.float32) - 1e-5 for each in found]  # it computes them from rounded vectors
        share = interval(*recall(rows, sample.nearest.distances[:ASKED]))
        name = f"LanceDB IVF_FLAT: {probes} of {partitions:,}"
        yield f"{size:,}", name, f"{built:.0f} s", f"{1000 * spent / len(vectors):.2f} ms", share


def interval(mean: float, low: float, high: float) -> str:
    """A recall with its interval."""
    return f"{mean:.3f} ({low:.3f}-{high:.3f})"


def measure(size: int, parts: int) -> Iterator[Row]:
    """The rows of one size."""
    with tempfile.TemporaryDirectory() as folder:
        catalogue = make_catalogue(str(Path(folder, "tracks.lance")), size)
        selection = select(catalogue, None)
        if size <= EXACT_TRACKS:
            yield ours(selection, size, True, parts)
        yield ours(selection, size, False, parts)
        sample = exact_sample(selection, load_shards(selection), Wanted(K), None, 1)
        yield from lance_index(catalogue, sample, size)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue_neighbours", description=__doc__)
    parser.add_argument("tracks", type=int, nargs="+")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/scale.md")
    parser.add_argument("--parts", type=int, default=6, help="of a table, that are made: two or more")
    options = parser.parse_args()
    if options.parts < 2 or min(options.tracks) < 2 * PART_TRACKS:
        parser.error(f"the first part is not timed: --parts has to be 2 or more, TRACKS {2 * PART_TRACKS} or more")
    rows: list[Row] = []
    with ray_session("local", cpus=1):
        for size in options.tracks:
            for row in measure(size, options.parts):
                rows.append(row)
                print(*row, sep=", ", file=sys.stderr, flush=True)
    header = ("tracks", "compared with", "before", "a track", "recall@20")
    print(table(f"Neighbours of every track, on one core: {machine()}", header, rows, markdown=options.markdown))


if __name__ == "__main__":
    main()
