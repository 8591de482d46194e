"""Tracks a second of `Encoder.embed_files` beside those of `contenders`: ``python -m benchmarks --part throughput``."""

from __future__ import annotations

import statistics
import time
import warnings
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from musrec_core import Card, UnusableAudio
from musrec_core.workers.pool import WorkerPool

from .contenders import CONTENDERS, DECODING, LIBROSA, MUSREC, missing
from .tables import table

WORKERS = (1, 2)


class Timing(NamedTuple):
    """What a worker measured on one file: processor time of all its threads [ms], or why there is none."""

    cpu_ms: float
    fault: str = ""


def timed(name: str, path: str) -> Timing:
    """Run a contender on a file, in a worker."""
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how librosa looks for a decoder
            CONTENDERS[name](path)
    except Exception as error:  # a peer's faults are its own: a line of the report
        return Timing(0.0, f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": "))
    return Timing(1e3 * (time.process_time() - start))


class Result:
    """Of one contender: processor times by file [ms], and tracks a second by number of workers, one a round."""

    def __init__(self) -> None:
        self.cpu: dict[Path, list[float]] = {}
        self.rates: dict[int, list[float]] = {n: [] for n in WORKERS}

    def rate(self, workers: int) -> float:
        """Median tracks a second."""
        return statistics.median(self.rates[workers])

    def cpu_ms(self, paths: set[Path]) -> float:
        """Mean over files of the median of runs."""
        return statistics.fmean(statistics.median(self.cpu[path]) for path in paths)


def run_batch(pool: WorkerPool, paths: list[Path], repeats: int, result: Result) -> None:
    """All files, ``repeats`` times; the rate is between the first results and the last."""
    ends = []
    for path, took in pool.map([path for _ in range(repeats) for path in paths]):
        assert isinstance(took, Timing), took
        assert not took.fault, f"{path}: {took.fault}"
        ends.append(time.perf_counter())
        result.cpu.setdefault(path, []).append(took.cpu_ms)
    if len(ends) > pool.workers:
        result.rates[pool.workers].append((len(ends) - pool.workers) / (ends[-1] - ends[pool.workers - 1]))


def readable(pool: WorkerPool, paths: list[Path]) -> tuple[list[Path], list[str]]:
    """Which files a contender can read, and a line for each of the others; warms the workers up, too."""
    good, notes = [], []
    for path, took in pool.map(paths * pool.workers):
        if isinstance(took, UnusableAudio) or took.fault:
            notes.append(f"{path.name}: {took if isinstance(took, UnusableAudio) else took.fault}")
        else:
            good.append(path)
    return [path for path in paths if path in good], sorted(set(notes))


def throughput(paths: list[Path], rounds: int, names: list[str] | None = None, *, markdown: bool = False) -> str:
    """Every contender that is installed, in turns, with one worker and with two."""
    results: dict[str, Result] = {}
    notes, usable = [], {}
    with ExitStack() as stack:
        pools = {}
        for name in names or CONTENDERS:
            if lacking := missing(name):
                notes.append(f"{name}: not installed: pip install {lacking}")
                continue
            card = Card.load() if name == MUSREC else None
            for workers in WORKERS:
                pool = WorkerPool(card, workers=workers, timeout=600, job=partial(timed, name))
                pools[name, workers] = stack.enter_context(pool)
                usable[name], cannot = readable(pool, paths)
            notes += [f"{name}: left out {line}" for line in cannot]
            if usable[name]:
                results[name] = Result()
        for _ in range(rounds):
            for (name, _), pool in pools.items():
                if name in results:
                    quick = results[name].cpu and results[name].cpu_ms(set(usable[name])) < 200
                    run_batch(pool, usable[name], 4 if quick else 2, results[name])
    return _report(results, notes, markdown=markdown)


def _report(results: dict[str, Result], notes: list[str], *, markdown: bool) -> str:
    first = next(iter(results))
    rows = []
    for name, result in results.items():
        one, two = result.rate(1), result.rate(2)
        times = _times(result, results[first])
        rows.append([name, result.cpu_ms(set(result.cpu)), one, two, f"{two / one:.2f}", f"{times:.2f}"])
    title = f"Throughput; the last column is processor time relative to {first}, on the files that both can read"
    columns = ["", "processor time [ms/track]", "tracks/s, 1 worker", "2 workers", "gain", f"relative to {first}"]
    lines = [("- " if markdown else "") + note for note in notes]
    return "\n".join([table(title, columns, rows, markdown=markdown), *lines, "", *_goals(results, markdown)])


def _times(result: Result, other: Result) -> float:
    """Processor time relative to another's, on the files that both can read."""
    same = set(result.cpu) & set(other.cpu)
    return result.cpu_ms(same) / other.cpu_ms(same)


def _goals(results: dict[str, Result], markdown: bool) -> list[str]:
    musrec, decoding, librosa = (results.get(name) for name in (MUSREC, DECODING, LIBROSA))
    if musrec is None:
        return []
    rows: list[list[object]] = [
        ["tracks/s with two workers", "20 or more", musrec.rate(2)],
        ["gain from the second worker", "1.8 or more", f"{musrec.rate(2) / musrec.rate(1):.2f}"],
    ]
    if decoding:
        rows.append([f"processor time relative to {DECODING}", "2.5 or less", f"{_times(musrec, decoding):.2f}"])
    if librosa:
        rows.append([f"processor time of {LIBROSA} relative to ours", "10 or more", _times(librosa, musrec)])
    return [table("Goals", ["", "goal", "measured"], rows, markdown=markdown)]
