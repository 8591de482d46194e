"""``precision.md`` and ``precision.json``: of the songs that a word finds first, how many have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..evaluation.report import table, write_files
from .combinations import table_rows
from .precision import DEPTH, LEAST_SONGS

NOTE = f"""\
Of the first {DEPTH} songs of a word, the share that has it (precision@{DEPTH}; where fewer songs have it, of as many as
have it). Songs of the test split, whose artists neither the encoder nor the words were fitted on. `songs`: those that
have it, of those whose labels tell. Chance: a random order. Teacher: the best single one for the word, chosen on the
train and valid splits. All: the teachers together. Intervals: 95%, by drawing artists."""


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """Write the report into ``folder``; gives the path of ``precision.md``."""
    return write_files(report, markdown(report), folder, "precision")


def markdown(report: dict[str, Any]) -> str:
    """The whole report."""
    sections = [
        f"# Songs found by the words of {report['model']}",
        f"Made by `python -m training words-precision` with {report['songs']} songs by {report['artists']} artists.",
        NOTE,
        _mean(report["mean"]),
        _words(report["words"]),
    ]
    if report["by_quadrant"]:
        note = "Every song has a quadrant of mood: happy Q1, energetic Q1 or Q2, aggressive Q2, sad Q3, calm Q4."
        sections += ["## Mood by quadrant", note, _words(report["by_quadrant"])]
    if report["requests"]:
        note = "Songs that have both, beside those that one of the two words alone finds."
        sections += ["## Two words at once", note, _words(report["requests"])]
    if report["by_teachers"]:
        sections += [
            "## Words without labels",
            "By the verdict of all teachers together.",
            _words(report["by_teachers"]),
        ]
    if report["combinations"]:
        note = (
            "Precision at ten (or as many songs as have both) and mean average precision of ways to score two words of "
            "different groups, by the verdict of all teachers together."
        )
        sections += ["## Ways to score two words", note, table(*table_rows(report["combinations"]))]
    if report["rare"]:
        sections.append(f"Labels of fewer than {LEAST_SONGS} of these songs: {', '.join(report['rare'])}.")
    return "\n\n".join(sections) + "\n"


def _mean(mean: dict[str, dict[str, Any]]) -> str:
    systems = {"model": "model", "teacher": "best teacher", "ensemble": "all teachers", "first": "first word alone",
               "second": "second word alone"}  # fmt: skip
    rows = [
        [what, str(found["number"]), _digits(found["chance"])]
        + [_with_interval(found, system) if system in found else "" for system in systems]
        for what, found in mean.items()
        if found
    ]
    return table(["mean of", "number", "chance", *systems.values()], rows) + "\n\n" + _differences(mean)


def _differences(mean: dict[str, dict[str, Any]]) -> str:
    """The model less each other system, as far as they can be compared."""
    others = {"teacher": "the best teacher", "ensemble": "all teachers", "first": "its first word alone",
              "second": "its second word alone"}  # fmt: skip
    lines = []
    for what, found in mean.items():
        for system, name in others.items():
            if system in found:
                low, high = found[f"over_{system}_interval"]
                less = found["model"] - found[system]
                lines.append(f"- {what}: the model less {name}: {less:+.2f} ({low:+.2f} to {high:+.2f})")
    return "\n".join(lines)


def _words(words: list[dict[str, Any]]) -> str:
    """With the columns that one of the rows has."""
    columns = {"teacher": "best teacher", "best_teacher": "which", "ensemble": "all teachers", "first": "first alone",
               "second": "second alone"}  # fmt: skip
    used = [column for column in columns if any(found.get(column) for found in words)]
    rows = [
        [found["word"], found["group"], f"{found['songs']} of {found['of']}", _digits(found["chance"]),
         _with_interval(found, "model"), *(_digits(found.get(column)) for column in used)]
        for found in words
    ]  # fmt: skip
    return table(["word", "group", "songs", "chance", "model", *(columns[column] for column in used)], rows)


def _with_interval(found: dict[str, Any], system: str) -> str:
    low, high = found[f"{system}_interval"]
    return f"{found[system]:.2f} ({low:.2f} to {high:.2f})"


def _digits(figure: float | str | None) -> str:
    return f"{figure:.2f}" if isinstance(figure, float) else figure or ""
