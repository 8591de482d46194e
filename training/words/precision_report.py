"""``precision.md`` and ``precision.json``: of the songs that a word finds first, how many have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..evaluation.report import table
from .precision import DEPTH, LEAST_SONGS

NOTE = f"""\
Of the first {DEPTH} songs of a word, the share that has it (precision@{DEPTH}; where fewer songs have it, of as many as
have it). Songs of the test split, whose artists neither the encoder nor the words were fitted on. `songs`: those that
have it, of those whose labels tell. Chance: a random order. Teacher: the best single one for the word, chosen on the
train and valid splits. All: the teachers together. Intervals: 95%, by drawing artists."""


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """Write the report into ``folder``; gives the path of ``precision.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "precision.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path = folder / "precision.md"
    path.write_text(markdown(report), encoding="utf-8")
    return path


def markdown(report: dict[str, Any]) -> str:
    """The whole report."""
    sections = [
        f"# Songs found by the words of {report['model']}",
        f"Made by `python -m training words-precision` with {report['songs']} songs by {report['artists']} artists.",
        NOTE,
        _mean(report["mean"]),
        _words(report["words"]),
    ]
    if report["requests"]:
        sections += ["## Requests of two words", "Songs that have both.", _words(report["requests"])]
    if report["by_teachers"]:
        sections += ["## Words without labels", "By the verdict of all teachers together.", _taught(report)]
    if report["rare"]:
        sections.append(f"Labels of fewer than {LEAST_SONGS} of these songs: {', '.join(report['rare'])}.")
    return "\n\n".join(sections) + "\n"


def _mean(mean: dict[str, Any]) -> str:
    rows = []
    for name, what in (("all", "all"), ("taught", "that teachers know")):
        if name in mean:
            found = mean[name]
            others = [_with_interval(found, system) if system in found else "" for system in ("teacher", "ensemble")]
            rows.append([what, str(found["words"]), _digits(found["chance"]), _with_interval(found, "model"), *others])
    text = table(["words", "number", "chance", "model", "teacher", "all"], rows)
    if "taught" in mean:
        less = mean["taught"]
        low, high = less["over_teacher_interval"]
        difference = less["model"] - less["teacher"]
        text += f"\n\nThe model less the best teacher: {difference:+.2f} ({low:+.2f} to {high:+.2f})."
    return text


def _words(words: list[dict[str, Any]]) -> str:
    rows = [
        [
            found["word"], found["group"], f"{found['songs']} of {found['of']}", _digits(found["chance"]),
            _with_interval(found, "model"), _digits(found.get("teacher")), found["best_teacher"],
            _digits(found.get("ensemble")),
        ]
        for found in words
    ]  # fmt: skip
    return table(["word", "group", "songs", "chance", "model", "teacher", "which", "all"], rows)


def _taught(report: dict[str, Any]) -> str:
    rows = [
        [found["word"], found["group"], f"{found['songs']} of {found['of']}", _digits(found["chance"]),
         _with_interval(found, "model")]
        for found in report["by_teachers"]
    ]  # fmt: skip
    return table(["word", "group", "songs", "chance", "model"], rows)


def _with_interval(found: dict[str, Any], system: str) -> str:
    low, high = found["interval" if "interval" in found else f"{system}_interval"]
    return f"{found[system]:.2f} ({low:.2f} to {high:.2f})"


def _digits(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"
