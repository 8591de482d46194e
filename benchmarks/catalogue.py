"""How a dataset of made-up tracks grows: ``python -m benchmarks.catalogue --folder DIR``.

Each part of each size runs in a process of its own, and its figures are kept in DIR as JSON, so that a run can be
stopped, gone on with, and drawn at any time. What is kept is not measured again unless ``--part`` names it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.search.index import build
from musrec_core.catalogue.search.search import Searcher

from .catalogue_report import picture, tables
from .resident import own_memory
from .synthetic_catalogue import World, as_table, make_catalogue, make_tracks, track_id
from .tables import machine

K = 20
ASKED = 500  # tracks of which recall and latency are measured
WARM_UP = 30  # questions before the first that counts
COLD = 5  # processes whose first question is timed
BATCH = 100  # tracks asked about at once
MERGED = 1_000  # rows of a merge
CHECKED = 20  # tracks by which exact search is compared with ours
FILTER = "genre = 'jazz' and year < 1990"
TRUTH_ROWS = 100_000  # compared at once

Figures = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the dataset of a size and its figures are kept."""

    folder: Path
    size: int

    @property
    def dataset(self) -> Path:
        return self.folder / f"tracks-{self.size}.lance"

    @property
    def truth(self) -> Path:
        return self.folder / f"truth-{self.size}.npz"

    @property
    def figures(self) -> Path:
        return self.folder / f"{self.size}.json"

    def kept(self) -> dict[str, Figures]:
        """Part -> figures."""
        found: dict[str, Figures] = json.loads(self.figures.read_text()) if self.figures.exists() else {}
        return found

    def keep(self, part: str, figures: Figures) -> None:
        """Replace the figures of a part, atomically."""
        new = self.figures.with_suffix(".new")
        new.write_text(json.dumps(self.kept() | {part: figures}, indent=1))
        os.replace(new, self.figures)

    def open(self) -> Catalogue:
        """The dataset."""
        return Catalogue.open(str(self.dataset))


# The parts.


def write(place: Place) -> Figures:
    """Make the dataset, in place of what an earlier or an interrupted run left."""
    shutil.rmtree(place.dataset, ignore_errors=True)
    place.figures.unlink(missing_ok=True)  # they were of that one
    with spent() as figures:
        made = make_catalogue(str(place.dataset), place.size)
    figures["bytes"] = folder_bytes(place.dataset)
    figures["rows"] = len(made)
    return figures


def index(place: Place) -> Figures:
    """Build the index anew."""
    catalogue, before = place.open(), folder_bytes(place.dataset / "_indices")
    with spent() as figures:
        build(catalogue, force=True)
    figures["bytes"] = folder_bytes(place.dataset / "_indices") - before
    return figures


def truth(place: Place) -> Figures:
    """Find the exact neighbours of the asked tracks, without Lance's search: the kept file is what recall compares."""
    catalogue, asked = place.open(), asked_numbers(place.size)
    vectors = vectors_of(catalogue, asked)
    best, rows = np.full((len(asked), K + 1), -np.inf, np.float32), np.zeros((len(asked), K + 1), np.int64)
    with spent() as figures:
        first = 0
        for batch in catalogue.batches(["vector"], rows=TRUTH_ROWS):
            scores = vectors @ flat_vectors(batch.column("vector")).T
            for n, row in enumerate(scores):
                (better,) = np.nonzero(row > best[n].min())
                both = np.concatenate([best[n], row[better]])
                top = np.argpartition(-both, K)[: K + 1]
                best[n], rows[n] = both[top], np.concatenate([rows[n], first + better])[top]
            first += len(batch)
    np.savez(place.truth, asked=asked, rows=rows)
    return figures


def recall(place: Place) -> Figures:
    """The share of the exact neighbours that the index finds, and that Lance's exact search finds."""
    kept = np.load(place.truth)
    searcher = searcher_of(place)
    figures: Figures = {}
    for name, exact, asked in (("index", False, ASKED), ("exact", True, CHECKED)):
        shares = []
        for number, rows in list(zip(kept["asked"], kept["rows"], strict=True))[:asked]:
            expected = {track_id(row) for row in rows if row != number}
            found = {match.id for match in searcher.similar([track_id(number)], count=K, exact=exact)}
            shares.append(len(expected & found) / K)
        figures[name] = float(np.mean(shares))
        figures[f"{name}_interval"] = interval(np.array(shares))
    return figures


def latency(place: Place) -> Figures:
    """Times of one question at a time, warm and cold, with the index and exact, with and without a condition."""
    figures: Figures = {"date": datetime.now(timezone.utc).isoformat(timespec="minutes"), "load": os.getloadavg()[0]}
    for name, exact, where in (
        ("index", False, None), ("exact", True, None), ("index_where", False, FILTER), ("exact_where", True, FILTER),
    ):  # fmt: skip
        figures[name] = apart(warm, place, exact, where)
    for name, exact in (("index", False), ("exact", True)):
        firsts = [apart(cold, place, exact) for _ in range(COLD if not exact else 2)]
        figures[name] |= {"cold": float(np.median(firsts)), "cold_runs": firsts}
    figures["batch"] = apart(batched, place)
    return figures


def warm(place: Place, exact: bool, where: str | None, seconds: float = 60.0) -> Figures:
    """Questions about tracks not asked for before [ms], after some others, for at most so long."""
    searcher = searcher_of(place)
    ids = [track_id(number) for number in asked_numbers(place.size)]
    for id_ in ids[: WARM_UP if not exact else 3]:
        searcher.similar([id_], count=K, exact=exact, where=where)
    times: list[float] = []
    end = time.perf_counter() + seconds
    started = time.process_time()
    for id_ in ids[WARM_UP:]:
        begun = time.perf_counter()
        searcher.similar([id_], count=K, exact=exact, where=where)
        times.append(1e3 * (time.perf_counter() - begun))
        if time.perf_counter() > end and len(times) >= 10:
            break
    cpu = 1e3 * (time.process_time() - started) / len(times)
    p50, p99 = np.percentile(times, [50, 99]).tolist()
    return {"p50": p50, "p99": p99, "asked": len(times), "cpu_ms": cpu, "rss_mb": own_memory().now}


def cold(place: Place, exact: bool) -> float:
    """The first question of a process, opening included, whose files are not in memory [ms]."""
    forget(place.dataset)
    begun = time.perf_counter()
    searcher_of(place).similar([track_id(place.size // 3)], count=K, exact=exact)
    return 1e3 * (time.perf_counter() - begun)


def batched(place: Place) -> Figures:
    """Many tracks asked about at once."""
    searcher, ids = searcher_of(place), [track_id(number) for number in asked_numbers(place.size)]
    list(searcher.similar_each(ids[:BATCH], count=K))
    begun, cpu = time.perf_counter(), time.process_time()
    found = list(searcher.similar_each(ids, count=K))
    seconds = time.perf_counter() - begun
    return {"per_second": len(found) / seconds, "cpu_ms": 1e3 * (time.process_time() - cpu) / len(found)}


def merge(place: Place) -> Figures:
    """Write a thousand new rows, as embedding does, and take them back."""
    catalogue = place.open()
    block = as_table(make_tracks(World(catalogue.columns, seed=1), 0, MERGED), catalogue.columns, 0, place.size)
    before = catalogue.lance.version
    with spent() as figures:
        catalogue.merge(block)
    assert len(catalogue) == place.size + MERGED
    catalogue.lance.checkout_version(before).restore()
    catalogue.refresh()
    return figures


PARTS: dict[str, Callable[[Place], Figures]] = {
    "write": write, "index": index, "truth": truth, "recall": recall, "latency": latency, "merge": merge,
}  # fmt: skip


# What they share.


@contextmanager
def spent() -> Iterator[Figures]:
    """Seconds by the clock and of the processor, and the process's peak memory."""
    figures: Figures = {"load": os.getloadavg()[0], "date": datetime.now(timezone.utc).isoformat(timespec="minutes")}
    begun, cpu = time.perf_counter(), time.process_time()
    yield figures
    figures |= {"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - cpu}
    figures["peak_mb"] = own_memory().peak


def apart(job: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a new process, so that time and memory are its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(job, *arguments).result()


def searcher_of(place: Place) -> Searcher:
    """Searches a small dataset by its index, too, unless asked to do so exactly."""
    return Searcher(place.open(), exact_rows=0)


def asked_numbers(size: int) -> NDArray[np.int64]:
    """The tracks that are asked about; the same for each run."""
    return np.asarray(np.random.default_rng(size).choice(size, min(ASKED, size), replace=False), np.int64)


def vectors_of(catalogue: Catalogue, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors of some tracks [shape=(n, d)], of unit length."""
    return flat_vectors(catalogue.lance.take(numbers.tolist(), columns=["vector"]).column("vector").combine_chunks())


def flat_vectors(column: Any) -> NDArray[np.float32]:
    """A column of vectors [shape=(n, d)], of unit length."""
    x = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1).astype(np.float32)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def interval(shares: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of a mean over questions, by bootstrap."""
    rng = np.random.default_rng(0)
    means = rng.choice(shares, (1_000, len(shares))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def folder_bytes(folder: Path) -> int:
    """Of all files in a folder; 0 where there is none."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def forget(folder: Path) -> None:
    """Have the system drop what it holds of a folder's files in memory."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def measure(folder: Path, sizes: list[int], named: list[str] | None) -> None:
    """Run the parts that are named, or those whose figures are not kept yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        place = Place(folder, size)
        for part, job in PARTS.items():
            if part in (named or PARTS) and (named or part not in place.kept()):
                print(f"{size} tracks: {part}", flush=True)
                figures = job(place) if part == "latency" else apart(job, place)
                place.keep(part, figures)
                print(f"  {figures}", flush=True)


def main() -> None:
    """Measure, print the tables, draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where datasets and figures are kept")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--part", action="append", choices=list(PARTS), help="measure this again; may be repeated")
    parser.add_argument("--report", action="store_true", help="measure nothing: what is kept")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--plot", type=Path, help="draw growth, as PNG")
    options = parser.parse_args()
    if not options.report:
        measure(options.folder, options.sizes, options.part)
    kept = {size: Place(options.folder, size).kept() for size in sorted(options.sizes)}
    print(f"{machine()}\n")
    print(tables(kept, markdown=options.markdown))
    if options.plot:
        picture(kept, options.plot)


if __name__ == "__main__":
    main()
