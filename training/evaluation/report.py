"""The report of an evaluation: ``report.md``, ``report.json`` and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from musrec_core.card import Card
from musrec_core.mood import AXES

from ..export.model_card import write_model_card
from .plots import draw

Figures = dict[str, Any]

NOT_COMPARABLE = """\
The 66 % and 72.5 % that the two earlier projects print can't be compared with these figures: both cut songs into
slices and split the slices at random, so that slices of one song stand on both sides and recognising a recording passes
for knowing its genre. Split by artist, as here, the same networks have to name the genre of people whom they never
heard, which is what a user's library asks of them."""


def write_report(report: Figures, folder: Path) -> Path:
    """Write the report into ``folder``; gives the path of ``report.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_files(report, markdown(report, draw(report, folder)), folder, "report")


def write_files(report: dict[str, Any], text: str, folder: Path, name: str) -> Path:
    """Write ``NAME.json`` and, with the text, ``NAME.md``; gives the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def store_in_card(report: Figures, model: Path) -> None:
    """Store the figures in the model's card, and rewrite its Markdown."""
    card = Card.load(model)
    kept = ("model", "retrieval", "genres", "detail", "mood", "cost", "excerpts_3s", "agreement", "robustness")
    card.metrics[report["split"]] = {key: report[key] for key in kept if key in report}
    card.save()
    write_model_card(card)


def markdown(report: Figures, pictures: list[str]) -> str:
    """The whole report."""
    sections = [
        f"# {report['model']} on the {report['split']} split",
        f"Made by `python -m training evaluate --split {report['split']}`. Every system answers for the same songs.",
        *(_retrieval(name, group) for name, group in report["retrieval"].items()),
        *([_left_out(report["teachers_left_out"])] if report["teachers_left_out"] else []),
        *([_agreement(report["agreement"])] if report.get("agreement", {}).get("kinds") else []),
        _classification(report),
        NOT_COMPARABLE,
        _per_genre(report),
        _calibration(report),
        *([_mood(report)] if report["mood"] else []),
        *([_robustness(report)] if report["robustness"] else []),
        _cost(report),
        *(f"![{Path(name).stem}]({name})" for name in pictures),
    ]
    return "\n\n".join(sections) + "\n"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _f(value: float) -> str:
    return f"{value:.3f}"


def _with_interval(figures: Figures, name: str) -> str:
    low, high = figures[f"{name}_interval"]
    return f"{figures[name]:.3f} ({low:.2f} to {high:.2f})"


def _retrieval(name: str, group: Figures) -> str:
    header = ["system", "P@1", "P@5", "P@10 (95 %)", "P@20", "R-precision", "mAP (95 %)", "5-NN",
              "hub skew", "largest hub", "never found"]  # fmt: skip
    rows = [
        [
            system,
            _f(f["precision_at_1"]), _f(f["precision_at_5"]), _with_interval(f, "precision_at_10"),
            _f(f["precision_at_20"]), _f(f["r_precision"]), _with_interval(f, "average_precision"), _f(f["knn_5"]),
            f"{f['hubness']['skewness']:.2f}", str(f["hubness"]["largest"]), f"{f['hubness']['never']:.0%}",
        ]
        for system, f in group["systems"].items()
    ]  # fmt: skip
    return (
        f"## Retrieval: {name}\n\n{group['songs']} songs of {group['artists']} artists, one label each; the query's "
        f"artist is left out; chance gives {group['chance']:.3f}. Intervals by bootstrap over artists.\n\n"
        f"{table(header, rows)}"
    )


def _left_out(names: dict[str, str]) -> str:
    return "Left out of these tables: " + "; ".join(f"{name} ({why})" for name, why in names.items()) + "."


def _agreement(found: Figures) -> str:
    kinds = found["kinds"]
    header = ["system", *(f"{kind} music ({f['clips']} clips, {f['pairs']} pairs)" for kind, f in kinds.items())]
    names = dict.fromkeys(name for f in kinds.values() for name in f["correlation"])
    rows = [
        [name, *(_f(f["correlation"][name]) if name in f["correlation"] else "" for f in kinds.values())]
        for name in names
    ]
    text = (
        f"Correlation of the cosine similarities of pairs of clips with those of the {found['with']} (each teacher's "
        "tags, centred, at unit length, side by side). None of the clips was trained on; no pair is of one song or "
        "artist."
    )
    return f"## Agreement with the teachers\n\n{text}\n\n{table(header, rows)}"


def _classification(report: Figures) -> str:
    rows = [
        [system.partition(",")[0], _f(f["accuracy"]), _f(f["macro_f1"]), _f(f["ece"]), _f(f["nll"]), _f(f["brier"])]
        for system, f in report["genres"].items()
    ]
    songs = next(iter(report["genres"].values()))["songs"]
    text = (
        f"## Genres\n\n{songs} whole clips whose label allows one genre, {len(report['vocabulary'])} genres to choose "
        f"from.\n\n{table(['system', 'accuracy', 'macro-F1', 'ECE', 'NLL', 'Brier'], rows)}"
    )
    if excerpts := report.get("excerpts_3s"):
        found = ", ".join(f"{name} {f['accuracy']:.3f}" for name, f in excerpts.items())
        first = next(iter(excerpts.values()))
        heard = " (sound made of their log-mel)" if first["heard"] == "resynthesis" else ""
        text += f"\n\nOn {first['clips']} excerpts of 3 s{heard}, among the genres that occur there: {found}."
    return text


def _per_genre(report: Figures) -> str:
    rows = [
        [genre, _f(f["precision"]), _f(f["recall"]), _f(f["f1"]), f"{f['songs']:.0f}"]
        for genre, f in report["detail"]["per_genre"].items()
    ]
    return f"## Per genre\n\n{table(['genre', 'precision', 'recall', 'F1', 'songs'], rows)}"


def _calibration(report: Figures) -> str:
    rows = [
        [f"{name} the temperature", _f(f["ece"]), _f(f["nll"]), _f(f["brier"])]
        for name, f in report["detail"]["calibration"].items()
    ]
    floor = report["detail"]["ece_of_a_calibrated_model"]
    return (
        f"## Calibration\n\nTemperature {report['temperature']}, from the valid split; ECE over 15 bins of confidence. "
        f"On as few songs a perfectly calibrated model would show an ECE of {floor['mean']:.3f} on average, up to "
        f"{floor['high']:.3f} in one of twenty draws.\n\n{table(['', 'ECE', 'NLL', 'Brier'], rows)}"
    )


def _mood(report: Figures) -> str:
    rows = []
    for system, f in report["mood"].items():
        axes = [f"{f[a]['auc']:.3f} ({f[a]['auc_interval'][0]:.2f} to {f[a]['auc_interval'][1]:.2f})" for a in AXES]
        calibration = [_f(f[a][figure]) for figure in ("ece", "brier") for a in AXES]
        rows.append([system.partition(",")[0], *axes, _with_interval(f, "quadrant_accuracy"), *calibration])
    header = ["system", "valence AUC", "arousal AUC", "quadrant accuracy", "valence ECE", "arousal ECE",
              "valence Brier", "arousal Brier"]  # fmt: skip
    songs = next(iter(report["mood"].values()))["songs"]
    return f"## Mood\n\n{songs} clips with a quadrant, split by artist.\n\n{table(header, rows)}"


def _robustness(report: Figures) -> str:
    rows = [
        [kind, f"{f['first']:.0%}", f"{f['median_rank']:.0f}", str(f["worst_rank"]), _f(f["cosine"])]
        for kind, f in report["robustness"].items()
    ]
    songs = next(iter(report["robustness"].values()))["songs"]
    header = ["the song changed to", "its original is nearest", "median rank", "worst rank", "mean cosine"]
    text = f"{songs} songs, each asked with its changed twin among all originals."
    return f"## Robustness\n\n{text}\n\n{table(header, rows)}"


def _cost(report: Figures) -> str:
    rows = [[name, f"{f['cnn_ms']:.0f}", f"{f['megabytes']:.1f}"] for name, f in report["cost"].items()]
    return f"## Cost\n\n{table(['model', 'CNN, ms a 30 s clip on one core', 'MB'], rows)}"
