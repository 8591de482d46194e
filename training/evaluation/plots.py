"""The report's figures, as PNG files: retrieval, confusion matrix, reliability diagram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

OUR_COLOUR, OTHER_COLOUR = "#1b6ca8", "#b8c4ce"


def draw(report: dict[str, Any], folder: Path) -> list[str]:
    """Draw into ``folder``; gives the files' names."""
    with mpl.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 130}):
        names = [_retrieval(report, folder)] if report["retrieval"] else []
        return [*names, _confusion(report, folder), _calibration(report, folder)]


def _save(figure: Any, folder: Path, name: str) -> str:
    figure.savefig(folder / name, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return name


def _retrieval(report: dict[str, Any], folder: Path) -> str:
    groups = report["retrieval"]
    systems = list(next(iter(groups.values()))["systems"])
    height = 1.2 + 0.32 * len(systems)
    figure, axes = plt.subplots(1, len(groups), figsize=(4.6 * len(groups) + 2, height), sharey=True, squeeze=False)
    for axis, (name, group) in zip(axes[0], groups.items(), strict=True):
        _bars(axis, f"{name}: {group['songs']} songs", group, report["model"].partition("@")[0])
    figure.tight_layout()
    return _save(figure, folder, "retrieval.png")


def _bars(axis: Axes, title: str, group: dict[str, Any], ours: str) -> None:
    systems = list(group["systems"])[::-1]
    values = np.array([group["systems"][s]["precision_at_10"] for s in systems])
    spans = np.array([group["systems"][s]["precision_at_10_interval"] for s in systems])
    errors = np.clip([values - spans[:, 0], spans[:, 1] - values], 0, None)
    colours = [OUR_COLOUR if s.partition(",")[0] == ours else OTHER_COLOUR for s in systems]
    axis.barh(systems, values, color=colours, xerr=errors, ecolor="#555555", error_kw={"lw": 1})
    axis.axvline(group["chance"], color="#c0392b", lw=1, ls="--")
    axis.text(group["chance"], len(systems) - 0.4, " chance", color="#c0392b", va="bottom", fontsize=8)
    axis.set_xlabel("precision@10, other artists only (95 % interval)")
    axis.set_title(title, loc="left", pad=14)
    axis.set_xlim(0, 1)


def _confusion(report: dict[str, Any], folder: Path) -> str:
    names = report["vocabulary"]
    counts = np.array(report["detail"]["confusion"])
    present = np.flatnonzero(counts.sum(axis=1))
    rows = counts[present]
    share = rows / rows.sum(axis=1, keepdims=True)
    figure, axis = plt.subplots(figsize=(0.42 * len(names) + 2, 0.38 * len(present) + 1.6))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axis.set_yticks(range(len(present)), [f"{names[p]} ({counts[p].sum()})" for p in present])
    for (i, j), n in np.ndenumerate(rows):
        if n:
            axis.text(
                j, i, str(n), ha="center", va="center", fontsize=8, color="white" if share[i, j] > 0.5 else "black"
            )
    axis.set_xlabel("guess")
    axis.set_ylabel("label (clips)")
    return _save(figure, folder, "confusion.png")


def _calibration(report: dict[str, Any], folder: Path) -> str:
    rows = report["detail"]["reliability"]
    figure, axis = plt.subplots(figsize=(4, 4))
    axis.plot([0, 1], [0, 1], color="#888888", lw=1, ls="--", label="perfect")
    sizes = np.array([row["songs"] for row in rows])
    x, y = [row["confidence"] for row in rows], [row["right"] for row in rows]
    axis.scatter(x, y, s=12 + 6 * sizes, color=OUR_COLOUR, alpha=0.8, label="bin (area: clips)")
    axis.set_xlabel("confidence")
    axis.set_ylabel("share right")
    axis.set_xlim(0, 1)
    axis.set_ylim(-0.03, 1.03)
    axis.legend(loc="upper left", frameon=False)
    return _save(figure, folder, "calibration.png")
