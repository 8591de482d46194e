"""Memory of `beet embed`'s processes over many tracks: ``python -m benchmarks.memory --tracks 2000``.

The songs are short and repeated, one of them with six channels at 96 kHz; a worker uses 30 seconds of each anyway.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from musrec_core import Card
from musrec_core.workers.pool import WorkerPool

from .resident import Memory, measured, own_memory
from .songs import songs, surround
from .tables import machine, table

SAMPLES = 8  # rows of the table


def sampled(paths: list[Path], tracks: int, workers: int) -> Iterator[tuple[int, list[Memory], Memory]]:
    """How much each worker and the parent hold, ``SAMPLES`` times along the way: (tracks so far, workers, parent)."""
    latest: dict[int, Memory] = {}
    every = max(1, tracks // SAMPLES)
    with WorkerPool(Card.load(), workers=workers, timeout=600, job=measured) as pool:
        for done, (path, memory) in enumerate(pool.map(islice(cycle(paths), tracks)), 1):
            assert isinstance(memory, Memory), f"{path}: {memory}"
            latest[memory.pid] = memory
            if done % every == 0 or done == tracks:
                yield done, [latest[pid] for pid in sorted(latest)], own_memory()


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="music to measure (default: composed)")
    parser.add_argument("--tracks", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        paths = songs(options.folder, Path(scratch), seconds=36.0)
        if options.folder is None:
            paths.append(surround(Path(scratch) / "surround.wav"))
        rows = [
            [done, *(f"{m.now:.0f} ({m.peak:.0f})" for m in (*workers, parent))]
            for done, workers, parent in sampled(paths, options.tracks, options.workers)
        ]
    names = [f"worker {n + 1}" for n in range(len(rows[-1]) - 2)]
    print(machine() + "\n")
    title = "Resident memory, and its peak so far [MB]"
    print(table(title, ["tracks", *names, "parent"], rows, markdown=options.markdown))


if __name__ == "__main__":
    main(sys.argv[1:])
