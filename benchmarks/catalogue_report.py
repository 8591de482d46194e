"""What `benchmarks.catalogue` kept, as tables and as a log-log picture of growth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .tables import table

Figures = Mapping[str, Any]
Kept = Mapping[int, Mapping[str, Figures]]  # size -> part -> figures
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#555555"  # Okabe and Ito's: told apart by all eyes


def tables(kept: Kept, *, markdown: bool = False) -> str:
    """All tables, of what is there."""
    parts = [
        table(title, ["tracks", *columns], found, markdown=markdown)
        for title, columns, row in _TABLES
        if (found := [[f"{size:,}", *row(parts)] for size, parts in kept.items() if _complete(row, parts)])
    ]
    return "\n".join(parts)


def _complete(row: Callable[[Mapping[str, Figures]], list[object]], parts: Mapping[str, Figures]) -> bool:
    try:
        row(parts)
    except KeyError:
        return False
    return True


def _building(parts: Mapping[str, Figures]) -> list[object]:
    write, index, merge = parts["write"], parts["index"], parts["merge"]
    return [
        _seconds(write["seconds"]), _seconds(write["cpu_seconds"]), _bytes(write["bytes"]),
        _seconds(index["seconds"]), _seconds(index["cpu_seconds"]), _bytes(index["bytes"]),
        f"{index['peak_mb']:,.0f}", f"{1e3 * merge['cpu_seconds']:.0f}",
    ]  # fmt: skip


def _finding(parts: Mapping[str, Figures]) -> list[object]:
    recall, low_high = parts["recall"], parts["recall"]["index_interval"]
    latency = parts["latency"]
    index, exact = latency["index"], latency["exact"]
    return [
        f"{recall['index']:.3f} ({low_high[0]:.3f} to {low_high[1]:.3f})",
        _two(index), f"{index['cpu_ms']:,.1f}", f"{index['cold']:,.0f}", f"{index['rss_mb']:,.0f}",
        _two(exact), f"{exact['cpu_ms']:,.1f}", f"{exact['cold']:,.0f}", f"{exact['rss_mb']:,.0f}",
    ]  # fmt: skip


def _filtering(parts: Mapping[str, Figures]) -> list[object]:
    latency = parts["latency"]
    batch = latency["batch"]
    return [_two(latency["index_where"]), _two(latency["exact_where"]), f"{batch['per_second']:,.0f}"]


_TABLES: tuple[tuple[str, list[str], Callable[[Mapping[str, Figures]], list[object]]], ...] = (
    (
        "Building: by the clock, and processor time (CPU)",
        ["write [s]", "CPU [s]", "data", "index [s]", "CPU [s]", "index", "peak [MB]", "merge [ms]"],
        _building,
    ),
    (
        "Twenty neighbours, one question at a time [ms], with the index and exactly",
        ["recall@20 (95%)", "p50 / p99", "CPU", "first", "[MB]", "exact: p50 / p99", "CPU", "first", "[MB]"],
        _finding,
    ),
    (
        "The same where genre = 'jazz' and year < 1990 [ms], and many at once",
        ["index: p50 / p99", "exact: p50 / p99", "batches: tracks/s"],
        _filtering,
    ),
)


def _two(figures: Figures) -> str:
    return f"{figures['p50']:,.1f} / {figures['p99']:,.1f}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f}"


def _bytes(size: float) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


@dataclass(frozen=True)
class Line:
    """A line of the picture: its name, its figure of a size, and how it is drawn."""

    name: str
    value: Callable[[Mapping[str, Figures]], float]
    colour: str
    marker: str


_PANELS: tuple[tuple[str, str, tuple[Line, ...]], ...] = (
    (
        "Building",
        "s of a processor",
        (
            Line("index", lambda p: float(p["index"]["cpu_seconds"]), BLUE, "o"),
            Line("writing", lambda p: float(p["write"]["cpu_seconds"]), GREY, "s"),
        ),
    ),
    (
        "Size on disk",
        "MB",
        (
            Line("all columns", lambda p: p["write"]["bytes"] / 1e6, GREY, "s"),
            Line("index", lambda p: p["index"]["bytes"] / 1e6, BLUE, "o"),
        ),
    ),
    (
        "Memory",
        "MB",
        (
            Line("building the index", lambda p: float(p["index"]["peak_mb"]), ORANGE, "^"),
            Line("exact search", lambda p: float(p["latency"]["exact"]["rss_mb"]), GREEN, "D"),
            Line("search with the index", lambda p: float(p["latency"]["index"]["rss_mb"]), BLUE, "o"),
        ),
    ),
    (
        "A question",
        "ms",
        (
            Line("exact, p99", lambda p: float(p["latency"]["exact"]["p99"]), GREEN, "v"),
            Line("exact, p50", lambda p: float(p["latency"]["exact"]["p50"]), GREEN, "D"),
            Line("index, p99", lambda p: float(p["latency"]["index"]["p99"]), BLUE, "v"),
            Line("index, p50", lambda p: float(p["latency"]["index"]["p50"]), BLUE, "o"),
        ),
    ),
)


def picture(kept: Kept, path: Path) -> None:
    """Four panels of growth, both axes logarithmic, each line named at its end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, panels = pyplot.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
    for axes, (title, unit, lines) in zip(panels.flat, _PANELS, strict=True):
        ends = []
        for line in lines:
            points = [(size, line.value(parts)) for size, parts in kept.items() if _has(line, parts)]
            if not points:
                continue
            style = "--" if "p99" in line.name else "-"
            axes.loglog(*zip(*points, strict=True), style, marker=line.marker, color=line.colour, markersize=5)
            ends.append((points[-1][1], line))
        axes.set_title(f"{title} [{unit}]", loc="left", fontsize=10)
        axes.grid(which="major", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xticks(list(kept), [_short(size) for size in kept])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5) if _narrow(axes) else (1,)))
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
        _name_ends(axes, ends, max(kept))
    figure.supxlabel("tracks", fontsize=10)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _short(size: int) -> str:
    for unit, name in ((1_000_000, " million"), (1_000, ",000")):
        if size >= unit:
            return f"{size / unit:g}{name}"
    return str(size)


def _narrow(axes: Any) -> bool:
    """Whether the vertical axis spans less than two decades."""
    low, high = axes.get_ylim()
    return bool(high < 100 * low)


def _has(line: Line, parts: Mapping[str, Figures]) -> bool:
    try:
        line.value(parts)
    except KeyError:
        return False
    return True


def _name_ends(axes: Any, ends: list[tuple[float, Line]], size: float) -> None:
    """Write each line's name beside its last point, one above the other where they would meet."""
    low, high = axes.get_ylim()
    axes.set_xlim(axes.get_xlim()[0], size * 60)
    step = (high / low) ** 0.075
    lowest = 0.0
    for value, line in sorted(ends, key=lambda end: end[0]):
        lowest = max(value, lowest * step)
        axes.annotate(line.name, (size * 1.5, lowest), color=line.colour, fontsize=9, va="center")
