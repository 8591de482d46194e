"""Thousands of damaged files through `Encoder.embed_files`: each has an outcome, and nobody's memory grows.

``python -m tests.faults.mutation_run --files 5000`` prints what came of them; ``--only 1234 --keep FOLDER`` writes one.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from musrec_core import Encoder, UnusableAudio
from musrec_core.errors import REASONS

from .mutate import mutated
from .sample_files import every_kind

READ_EVERY = 25  # outcomes


@dataclass
class MutationResult:
    """What came of a run.

    Attributes
    ----------
    outcomes : Counter
        Reason, or ``embedded`` -> how many files.
    not_allowed : list of str
        Outcomes that no file may have.
    crashed : list of str
        Files that killed their worker.
    parent, worker : list of int
        Resident memory [bytes], read now and then: of this process, and of the largest worker.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    not_allowed: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    worker: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def read_memory(self) -> None:
        """Note how much memory is resident now."""
        gc.collect()
        me = psutil.Process()
        self.parent.append(me.memory_info().rss)
        self.worker.append(max((_resident(child) for child in me.children(recursive=True)), default=0))

    def growth(self) -> dict[str, float]:
        """How much more memory the last third of the readings shows than the second: the first third warms up."""
        found = {}
        for name, readings in (("parent", self.parent), ("worker", self.worker)):
            third = len(readings) // 3
            found[name] = float(np.median(readings[-third:]) / np.median(readings[third : 2 * third]))
        return found


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:  # a worker that was just replaced
        return 0


def run(
    kinds: dict[str, bytes], files: int, encoder: Encoder, *, seed: int = 0, workers: int = 2, timeout: float = 60.0
) -> MutationResult:
    """Embed as many mutated files; each is deleted as soon as its outcome is known."""
    result = MutationResult()
    gc.collect()
    gc.freeze()  # what is there already, so that `read_memory` looks at what comes
    started = time.monotonic()
    with TemporaryDirectory() as folder:
        for path, outcome in encoder.embed_files(_written(kinds, files, seed, Path(folder)), workers=workers,
                                                 timeout=timeout):  # fmt: skip
            _count(result, Path(os.fsdecode(path)).name, outcome)
            os.unlink(path)
            if result.outcomes.total() % READ_EVERY == 0:
                result.read_memory()
    gc.unfreeze()
    result.seconds = time.monotonic() - started
    return result


def _written(kinds: dict[str, bytes], files: int, seed: int, folder: Path) -> Iterator[Path]:
    for number in range(files):
        name, content = mutated(kinds, number, seed)
        (folder / name).write_bytes(content)
        yield folder / name


def _count(result: MutationResult, name: str, outcome: object) -> None:
    if isinstance(outcome, UnusableAudio):
        result.outcomes[outcome.reason] += 1
        if outcome.reason not in REASONS or outcome.reason == "missing" or "\n" in str(outcome):
            result.not_allowed.append(f"{name}: {outcome}")
        if outcome.reason in ("crashed", "timeout"):
            result.crashed.append(f"{name}: {outcome}")
        return
    result.outcomes["embedded"] += 1
    vector = getattr(outcome, "vector", None)
    if vector is None or not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector)) - 1) > 1e-4:
        result.not_allowed.append(f"{name}: {outcome!r}")


def main() -> None:
    """Run the mutations and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.mutation_run", description=__doc__)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="write this file, and run nothing")
    parser.add_argument("--keep", type=Path, default=Path(), metavar="FOLDER", help="where --only writes it")
    options = parser.parse_args()
    if options.only is not None:
        name, content = mutated(every_kind(), options.only, options.seed)
        (options.keep / name).write_bytes(content)
        print(options.keep / name)
        return
    result = run(every_kind(), options.files, Encoder.load(threads=1), seed=options.seed, workers=options.workers)
    print(f"{result.outcomes.total()} files in {result.seconds:.0f} s, {options.workers} workers")
    for outcome, count in result.outcomes.most_common():
        print(f"  {count:6}  {outcome}")
    for name, readings in (("parent", result.parent), ("worker", result.worker)):
        tenths = [readings[n * (len(readings) - 1) // 10] / 1e6 for n in range(11)]
        print(f"  resident, {name} [MB]: {' '.join(f'{reading:.0f}' for reading in tenths)}")
    print(f"  growth: {', '.join(f'{name} {growth:.3f}' for name, growth in result.growth().items())}")
    for line in [*result.not_allowed, *result.crashed]:
        print(f"  {line}")


if __name__ == "__main__":
    main()
