"""What several excerpts of a track cost, beside one from its middle: ``python -m benchmarks --part excerpts``."""

from __future__ import annotations

import statistics
from functools import partial
from pathlib import Path

from musrec_core.audio.clip import load_excerpts

from .tables import cpu_ms, table

COUNTS = (1, 3, 10)


def excerpts(paths: list[Path], runs: int, *, markdown: bool = False) -> str:
    """One row a file: the processor time of decoding thirty seconds in so many excerpts."""
    rows = []
    for path in paths:
        jobs = {str(count): partial(load_excerpts, path, count, skip_silent=True) for count in COUNTS}
        rows.append([path.name, *cpu_ms(jobs, runs).values()])
    rows.append(["mean", *(statistics.fmean(column) for column in list(zip(*rows, strict=True))[1:])])
    return table(
        "Thirty seconds in so many excerpts: processor time of the clip [ms]",
        ["file", *map(str, COUNTS)],
        rows,
        markdown=markdown,
    )
