"""``words.md`` and ``words.json``: how good each word is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..evaluation.report import table, write_files
from .learn import LEAST_AUC

AGAINST = {
    "features": "the network's own outputs, before they become a vector",
    "hard": "the vector, learnt from targets of 0 and 1",
}
NOTE = f"""\
AUC: how often a clip to which the word applies, as the teachers have it, is above one to which it does not; 0.5 is
chance. `valid`: artists that neither the encoder nor the heads were fitted on. `folds`: for words that are rarer there,
artists of train and valid whom the heads were not fitted on. Labels: the same against labels of people, and what the
teachers reach there. Words below {LEAST_AUC} are left out."""


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """Write the report into ``folder``; gives the path of ``words.md``."""
    return write_files(report, markdown(report), folder, "words")


def markdown(report: dict[str, Any]) -> str:
    """The whole report."""
    clips = ", ".join(f"{n} {split}" for split, n in report["clips"].items() if n)
    known, dropped = report["words"], report["left_out"]
    mean = sum(found["auc"] for found in known) / len(known)
    sections = [
        f"# Words of {report['model']}",
        f"Made by `python -m training words` with {clips} clips. {len(known)} words, mean AUC {mean:.3f}; "
        f"{len(dropped)} left out. Regularisation C = {report['regularisation']:g}.",
        NOTE,
        _labels(known),
        *([_against(report["against"])] if report["against"] else []),
        *([_test(known)] if "test" in known[0] else []),
        _table(known),
    ]
    if dropped:
        sections += ["## Left out", _table(dropped)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _labels(known: list[dict[str, Any]]) -> str:
    both = [found["labels"] for found in known if found.get("labels", {}).get("teachers") is not None]
    if not both:
        return ""
    ours, teachers = (sum(found[key] for found in both) / len(both) for key in ("auc", "teachers"))
    return f"Against labels, mean AUC of {len(both)} words: {ours:.3f}, the teachers themselves {teachers:.3f}."


def _against(others: dict[str, dict[str, float]]) -> str:
    rows = []
    for name, found in others.items():
        for split, what in (("valid", "valid"), ("folds", "folds"), ("labels_folds", "labels, folds")):
            if f"{split}_words" in found:
                ours, other = found[f"{split}_ours"], found[f"{split}_other"]
                rows.append([AGAINST[name], what, str(found[f"{split}_words"]), f"{ours:.4f}", f"{other:.4f}",
                             f"{other - ours:+.4f}", str(found[f"{split}_lose"])])  # fmt: skip
    header = ["heads on", "where", "words", "AUC of the vector", "their AUC", "difference", "words above +0.02"]
    return table(header, rows)


def _test(known: list[dict[str, Any]]) -> str:
    found = [word["test"] for word in known]
    figures = [one["auc"] for one in found if one["auc"] is not None]
    both = [one for one in found if one["labels"] is not None and one["teachers"] is not None]
    text = f"On the test split, mean AUC of {len(figures)} words: {sum(figures) / max(1, len(figures)):.3f}."
    if both:
        ours, teachers = (sum(one[key] for one in both) / len(both) for key in ("labels", "teachers"))
        text += f" Against labels, of {len(both)} words: {ours:.3f}, the teachers themselves {teachers:.3f}."
    return text


def _table(known: list[dict[str, Any]]) -> str:
    with_test = "test" in known[0]
    header = ["word", "group", "share", "AUC", "on", "clips", "labels: AUC", "teachers", "on", "clips"]
    rows = []
    for found in known:
        labels = found.get("labels", {})
        row = [
            found["word"], found["group"], f"{found['share']:g}",
            _digits(found["auc"]), found["where"], str(found["clips"]),
            _digits(labels.get("auc")), _digits(labels.get("teachers")),
            labels.get("where", ""), str(labels.get("clips", "")),
        ]  # fmt: skip
        if with_test:
            row += [_digits(found["test"]["auc"]), _digits(found["test"]["labels"])]
        rows.append(row)
    return table(header + (["test: AUC", "labels"] if with_test else []), rows)


def _digits(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3f}"
