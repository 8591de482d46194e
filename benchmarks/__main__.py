"""How fast `Encoder.embed_files` is, beside other programs and other variants, and where the time of a track goes.

``python -m benchmarks [FOLDER]``: the songs of FOLDER, or six composed ones of four minutes, one in each format.
``--markdown`` prints what docs/performance.md holds. Memory: ``python -m benchmarks.memory``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy  # noqa: F401 - only loaded libraries can be limited to a thread
from threadpoolctl import threadpool_limits

from .alternatives import alternatives
from .excerpts import excerpts
from .runtimes import runtimes
from .songs import songs
from .stages import stages
from .tables import machine
from .throughput import throughput

PARTS: dict[str, Callable[..., str]] = {
    "stages": stages,
    "throughput": throughput,
    "alternatives": alternatives,
    "runtimes": runtimes,
    "excerpts": excerpts,
}


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="music to measure (default: composed)")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this; may be repeated")
    parser.add_argument("--runs", type=int, default=7, help="runs a figure; the median counts")
    parser.add_argument("--rounds", type=int, default=3, help="the same for throughput, where a run is a batch")
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the composed songs [s]")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", "benchmarks", *arguments])
    mark = "`" if options.markdown else ""
    print(
        f"{mark}{command}{mark}: medians of {options.runs} runs, of {options.rounds} batches; {machine()}\n", flush=True
    )
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        paths = songs(options.folder, Path(scratch), seconds=options.seconds)
        for name in options.part or PARTS:
            times = options.rounds if name == "throughput" else options.runs
            print(PARTS[name](paths, times, markdown=options.markdown), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
