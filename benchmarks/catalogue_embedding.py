"""Tracks a second of ``python -m musrec_core.catalogue embed`` beside `Encoder.embed_files`, with 1 worker and with 2.

``python -m benchmarks.catalogue_embedding [FOLDER]``: the songs of FOLDER, or six composed ones of four minutes. The
processor time is that of all processes between the first tracks and the last: no start counts, and no end.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import psutil

from musrec_core import Encoder
from musrec_core.catalogue import embed
from musrec_core.catalogue.cluster.session import ray_session
from musrec_core.catalogue.embedding.progress import Progress
from musrec_core.catalogue.embedding.run import BATCH

from .songs import songs
from .tables import machine, table

WORKERS = (1, 2)
FILES, ACTORS = "embed_files", "actors"
SKIPPED = 2 * BATCH  # tracks a worker, at the beginning and at the end
LEAST = 4 * SKIPPED  # tracks a worker
ENCODING, ACTOR, DRIVER, RAY = "worker processes", "actors", "driver", "Ray's own"


class Meter(Progress):
    """Notes when tracks are done, and what every process has used until then."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[
            tuple[float, int, dict[str, float]]
        ] = []  # time [s], tracks, processor time of each role [s]
        self._processes: dict[int, tuple[str, float]] = {}  # by their number: role, processor time [s]
        self._tracks = 0

    def done(self, statuses: Mapping[str, int]) -> None:
        super().done(statuses)
        assert not self.failed, self.failed
        self.noted(sum(statuses.values()))

    def noted(self, tracks: int) -> None:
        """So many more are done."""
        self._tracks += tracks
        self._processes.update(used())  # those that have ended keep what they had
        roles: dict[str, float] = defaultdict(float)
        for role, seconds in self._processes.values():
            roles[role] += seconds
        self.moments.append((time.perf_counter(), self._tracks, roles))

    def between(self, skipped: int) -> tuple[float, dict[str, float]]:
        """Tracks a second, and processor time of each role [ms/track], without so many tracks at each end.

        So as many are under way when it begins as when it ends.
        """
        first = next(moment for moment in self.moments if moment[1] >= skipped)
        last = next(moment for moment in reversed(self.moments) if moment[1] <= self._tracks - skipped)
        tracks = last[1] - first[1]
        roles = {role: 1e3 * (last[2].get(role, 0.0) - first[2].get(role, 0.0)) / tracks for role in last[2]}
        return tracks / (last[0] - first[0]), roles


def used() -> dict[int, tuple[str, float]]:
    """Role and processor time [s] of this process and all below it."""
    me, found = psutil.Process(), {}
    for process in (me, *me.children(recursive=True)):
        try:
            with process.oneshot():
                name, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.NoSuchProcess:  # it has just ended
            continue
        if name:  # one that has ended, and that nobody has waited for yet, has none
            found[process.pid] = (_role(process.pid, name), times.user + times.system)
    return found


def _role(pid: int, name: str) -> str:
    if pid == os.getpid():
        return DRIVER
    if "musrec_core.workers.child" in name:
        return ENCODING
    return ACTOR if "MapWorker" in name else RAY


def by_files(paths: list[Path], workers: int) -> Meter:
    """`Encoder.embed_files`."""
    meter, outcomes = Meter(), Encoder.load().embed_files(paths, workers=workers)
    while some := list(itertools.islice(outcomes, BATCH)):  # as often as the actors: noting takes time, too
        meter.noted(len(some))
    return meter


def by_actors(paths: list[Path], workers: int) -> Meter:
    """`musrec_core.catalogue.embed`, in a session that runs."""
    meter = Meter()
    with tempfile.TemporaryDirectory() as scratch:
        manifest = Path(scratch, "tracks.csv")
        with manifest.open("w", newline="") as file:
            csv.writer(file).writerows([("id", "path"), *enumerate(map(str, paths))])
        embed(manifest, f"{scratch}/tracks.lance", workers=workers, progress=meter)
    return meter


def compared(paths: list[Path], rounds: int, repeats: int, *, markdown: bool) -> str:
    """Both, in turns: medians."""
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    roles: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with ray_session(cpus=max(WORKERS)):
        for _ in range(rounds):
            for workers in WORKERS:
                many = [path for _ in range(repeats * workers) for path in paths]
                for name, way in ((FILES, by_files), (ACTORS, by_actors)):
                    rate, times = way(many, workers).between(SKIPPED * workers)
                    rates[name, workers].append(rate)
                    roles[name, workers].append(times)
    rows = []
    for workers in WORKERS:
        own = statistics.median(rates[FILES, workers])
        for name in (FILES, ACTORS):
            rate = statistics.median(rates[name, workers])
            each = {role: statistics.median(t.get(role, 0.0) for t in roles[name, workers])
                    for role in (ENCODING, ACTOR, DRIVER, RAY)}  # fmt: skip
            rows.append([name, workers, rate, f"{own / rate:.2f}", *each.values(), sum(each.values())])
    columns = ["", "workers", "tracks/s", "time relative", *(f"{role} [ms/track]" for role in each), "all [ms/track]"]
    title = f"Embedding a catalogue: {len(paths)} songs, each {repeats} times a worker"
    return table(title, columns, rows, markdown=markdown)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue_embedding", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="music to measure (default: composed)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--repeats", type=int, default=24, help="of each song, a worker and round")
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the composed songs [s]")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args(arguments)
    mark = "`" if options.markdown else ""
    command = shlex.join(["python", "-m", "benchmarks.catalogue_embedding", *arguments])
    print(f"{mark}{command}{mark}: medians of {options.rounds} rounds; {machine()}\n", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        paths = songs(options.folder, Path(scratch), seconds=options.seconds)
        if len(paths) * options.repeats < LEAST:
            parser.error(f"{len(paths)} songs need --repeats of {-(-LEAST // len(paths))} or more")
        print(compared(paths, options.rounds, options.repeats, markdown=options.markdown), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
