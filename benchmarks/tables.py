"""Timing and printing that the benchmarks share."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

LIBRARIES = ("numpy", "av", "soxr", "ncnn", "onnxruntime", "librosa", "torch", "bliss-audio", "pymusly")


def machine() -> str:
    """One line: processor, cores, load, versions."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    found = " ".join(f"{name} {got}" for name in LIBRARIES if (got := _version(name)))
    return f"{_processor()}, {os.cpu_count()} cores{load}; Python {platform.python_version()}, {found}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def cpu_ms(jobs: Mapping[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median processor time of each job [ms]; they take turns, so that a busy machine disturbs all alike."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(runs + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if turn:  # the first one warms up
                times[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, markdown: bool = False) -> str:
    """A table for a terminal, or in Markdown; numbers stand to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    left = [n == 0 or _words(cells, n) for n in range(len(columns))]
    if markdown:
        rule = [":--" if is_left else "--:" for is_left in left]
        lines = ["| " + " | ".join(line) + " |" for line in ([*columns], rule, *cells)]
        return "\n".join([f"**{title}**", "", *lines, ""])
    widths = [max(len(line[n]) for line in ([*columns], *cells)) for n in range(len(columns))]
    lines = [_aligned(line, widths, left) for line in ([*columns], *cells)]
    return "\n".join([title, *lines, ""])


def _words(cells: Sequence[Sequence[str]], column: int) -> bool:
    return all(line[column][:1].isalpha() for line in cells)


def _aligned(line: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> str:
    pairs = zip(line, widths, left, strict=True)
    return "  ".join(text.ljust(width) if is_left else text.rjust(width) for text, width, is_left in pairs).rstrip()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}" if value < 1_000 else f"{value:.0f}"
    return "" if value is None else str(value)
