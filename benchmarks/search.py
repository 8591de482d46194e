"""How quickly songs are found: ``python -m benchmarks.search``.

Whole processes compared with ``beet ls id:1`` on the same library, then the index alone, exact and approximate.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.overhead import BEET, SETTLED, run
from benchmarks.synthetic_library import make_library, write_config
from benchmarks.tables import machine, table
from musrec_core import VectorIndex
from musrec_core.search.distance import unit
from musrec_core.search.knn import hnsw_available, hnsw_neighbourhoods, neighbourhoods

K = 20
ASKED = 500  # songs of which recall and the time of a question are measured


def processes(sizes: list[int], runs: int, scratch: Path) -> list[list[object]]:
    """A row a size: medians of whole processes [ms], taking turns."""
    rows: list[list[object]] = []
    for size in sizes:
        home = scratch / str(size)
        write_config(home)
        library = make_library(home / "library.db", size)
        time.sleep(SETTLED)
        kept = Path(f"{library}.musrec-embedding")
        first, later, ls = [], [], []
        run(home, "similar", "id:1")
        for _ in range(runs):
            kept.unlink(missing_ok=True)
            first.append(run(home, "similar", "id:1")[0].wall)
            ls.append(run(home, "ls", "id:1")[0].wall)
            later.append(run(home, "similar", "id:1")[0].wall)
        peak = _peak_mb(home)
        kept.unlink(missing_ok=True)
        base, again, anew = (1e3 * statistics.median(times) for times in (ls, later, first))
        rows.append([size, base, again, f"{again / base:.2f}", peak, anew, f"{anew / base:.2f}", _peak_mb(home)])
        for file in home.iterdir():
            file.unlink()
    return rows


def _peak_mb(home: Path) -> int:
    """Peak resident memory of ``beet similar`` [MB]."""
    process = subprocess.Popen(
        [*BEET, "similar", "id:1"], env={**os.environ, "BEETSDIR": str(home)}, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)


def picture(rows: list[list[object]], path: Path) -> None:
    """Time against size, both logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = [float(str(row[0])) for row in rows]
    figure, axes = pyplot.subplots(figsize=(6.4, 4), layout="constrained")
    for column, label, colour in (
        (5, "beet similar, the library was written to", "#D55E00"),
        (2, "beet similar", "#0072B2"),
        (1, "beet ls id:1", "#666666"),
    ):
        axes.loglog(sizes, [float(str(row[column])) / 1e3 for row in rows], "o-", color=colour, label=label)
    axes.set(xlabel="songs in the library", ylabel="whole process [s]")
    axes.grid(which="both", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def made_up(n: int, seed: int = 0) -> VectorIndex:
    """Unit vectors around artists around genres, as `benchmarks.synthetic_library` has them."""
    rng = np.random.default_rng(seed)
    genres = unit(rng.standard_normal((16, 128)))
    artists = unit(
        genres[rng.integers(16, size=max(1, n // 30))] + 0.7 * unit(rng.standard_normal((max(1, n // 30), 128)))
    )
    songs = artists[rng.integers(len(artists), size=n)] + 0.5 * unit(rng.standard_normal((n, 128)))
    return VectorIndex(np.arange(n), unit(songs).astype(np.float32))


def indexes(sizes: list[int], scratch: Path, approximate: bool = True) -> list[list[object]]:
    """A row a size: one question from the file and from memory, and the neighbours of all, exact and with voyager."""
    rows: list[list[object]] = []
    for size in sizes:
        index = made_up(size)
        asked = np.random.default_rng(1).choice(size, ASKED, replace=False)
        path = scratch / "index"
        index.save(path, {})
        from_file = _ms(partial(_load_and_query, path, index.vectors[:1]))
        in_memory = _ms(partial(index.query, index.vectors[:1], K))
        batch = _ms(partial(neighbourhoods, index, K, seeds=asked), 3) / ASKED
        exact = index.query(index.vectors[asked], K + 1)
        row: list[object] = [size, from_file, in_memory, batch * size / 1e3]
        if approximate and hnsw_available():
            start = time.perf_counter()
            found = hnsw_neighbourhoods(index, K).rows
            row += [time.perf_counter() - start, f"{_recall(index, asked, exact, found):.3f}"]
        rows.append(row)
    return rows


def _load_and_query(path: Path, query: Any) -> None:
    VectorIndex.load(path)[0].query(query, K)


def _recall(index: VectorIndex, asked: Any, exact: Any, found: Any) -> float:
    """Share of the exact neighbours that were found, oneself left out."""
    shares = []
    for row, nearest in zip(asked, exact, strict=True):
        true = [n.id for n in nearest if n.id != index.ids[row]][:K]
        shares.append(len(set(true) & set(index.ids[found[row]].tolist())) / K)
    return float(np.mean(shares))


def _ms(job: Callable[[], Any], runs: int = 7) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--libraries", type=int, nargs="*", default=[1_000, 10_000, 100_000, 500_000])
    parser.add_argument("--indexes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=5, help="runs a figure; the median counts")
    parser.add_argument("--exact", action="store_true", help="leave voyager out: a million songs take it minutes")
    parser.add_argument("--plot", type=Path, help="draw time against size, as PNG")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    print(machine(), "\n")
    with tempfile.TemporaryDirectory() as scratch:
        if options.libraries:
            columns = ["songs", "ls id:1 [ms]", "similar [ms]", "relative to ls", "peak [MB]"]
            columns += ["after a change [ms]", "relative to ls", "peak [MB]"]
            rows = processes(options.libraries, options.runs, Path(scratch))
            if options.plot:
                picture(rows, options.plot)
            print(table("Whole processes", columns, rows, markdown=options.markdown))
        if options.indexes:
            columns = ["vectors", "one, from its file [ms]", "in memory [ms]", f"all, {K} each: exact [s]"]
            columns += ["voyager [s]", f"recall@{K}"] if hnsw_available() and not options.exact else []
            rows = indexes(options.indexes, Path(scratch), not options.exact)
            print(table("The index alone", columns, rows, markdown=options.markdown))
            if not hnsw_available():
                print("voyager is not installed: pip install 'beets-musrec[ann]'")


if __name__ == "__main__":
    main()
