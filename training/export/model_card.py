"""The model card for people: ``NAME.md`` beside ``NAME.json``, after Mitchell et al. 2019."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from musrec_core.card import Card
from musrec_core.front_end import FrontEnd
from musrec_core.mood import AXES
from musrec_core.words.heads import Words


def write_model_card(card: Card) -> Path:
    """Write ``NAME.md`` from the card's JSON; sections without figures are left out."""
    path = card.folder / f"{card.name}.md"
    path.write_text("\n\n".join([*_what(card), *_how_good(card)]) + "\n", encoding="utf-8")
    return path


def _what(card: Card) -> list[str]:
    front = card.front_end
    genres = ", ".join(genre.label for genre in card.genres)
    mood = f", and {' and '.join(card.mood)} in 0..1" if card.mood else ""
    return [
        f"# {card.name}",
        f"Model id `{card.model_id}`. Made by `python -m training`; figures by `python -m training evaluate`.",
        f"**What it does.** {front.clip_seconds:.0f} s of music{_places(front)} as log-mel ({front.sample_rate} Hz, "
        f"{front.n_mels} bands{_level(front)}, windows of {front.window_frames} frames) become a {card.dimensions}-d "
        f"embedding of unit length and the probabilities of {len(card.genres)} genres{mood}.",
        f"**Genres.** {genres}.",
        *_words(card),
        f"**Training data.** {card.training_data}",
        f"**Licence of the weights.** {card.licence}",
        "**Meant for** finding similar songs in one's own library, first guesses of genre, playlists. **Not for** "
        "deciding anything about people, charging for plays, or telling one recording from another. Genre labels are "
        "opinions of their time and place, mostly Anglo-American; what the training data lacks, it guesses badly.",
    ]


def _words(card: Card) -> list[str]:
    """The words by group, with the AUC of each."""
    words = Words.load(card)
    if words is None:
        return []
    known = list(zip(words.groups, words.names, words.auc.tolist(), strict=True))
    groups = dict.fromkeys(words.groups)
    lists = ("; ".join(f"{name} {auc:.2f}" for group, name, auc in known if group == wanted) for wanted in groups)
    lines = [f"- {group}: {names}" for group, names in zip(groups, lists, strict=True)]
    return [
        "\n".join(
            ["**Words**, with the AUC of each against its teachers, on artists that were kept aside.", "", *lines]
        )
    ]


def _places(front: FrontEnd) -> str:
    return f", in {front.excerpts} excerpts spread over a track," if front.excerpts > 1 else ""


def _level(front: FrontEnd) -> str:
    return f", at an RMS of {front.level_dbfs:g} dBFS" if front.normalise == "level" else ""


def _how_good(card: Card) -> list[str]:
    found = []
    for split, report in card.metrics.items():
        found.append(f"## Figures on the {split} split")
        found += [_retrieval(name, group) for name, group in report.get("retrieval", {}).items()]
        if "genres" in report:
            found.append(_genres(report))
        if report.get("mood"):
            found.append(_mood(report["mood"]))
    return found


def _retrieval(name: str, group: dict[str, Any]) -> str:
    lines = [
        f"Retrieval on {name}: {group['songs']} songs of {group['artists']} artists never heard in training, the "
        f"query's artist left out; chance {group['chance']:.3f}.",
        "",
        "| system | precision@10 (95 %) | mAP | hub skew |",
        "|---|---|---|---|",
    ]
    for system, figures in group["systems"].items():
        low, high = figures["precision_at_10_interval"]
        lines.append(
            f"| {system} | {figures['precision_at_10']:.3f} ({low:.3f} to {high:.3f}) | "
            f"{figures['average_precision']:.3f} | {figures['hubness']['skewness']:.2f} |"
        )
    return "\n".join(lines)


def _genres(report: dict[str, Any]) -> str:
    name, figures = next(iter(report["genres"].items()))
    floor = report["detail"]["ece_of_a_calibrated_model"]
    return (
        f"Genres, {figures['songs']} clips whose label allows one ({name.partition(',')[0]}): accuracy "
        f"{figures['accuracy']:.3f}, macro-F1 {figures['macro_f1']:.3f}, ECE {figures['ece']:.3f} (a perfectly "
        f"calibrated model shows {floor['mean']:.3f} on so few, up to {floor['high']:.3f}), NLL {figures['nll']:.3f}."
    )


def _mood(mood: dict[str, Any]) -> str:
    figures = next(iter(mood.values()))
    axes = ", ".join(f"{axis} AUC {figures[axis]['auc']:.3f} (ECE {figures[axis]['ece']:.3f})" for axis in AXES)
    return f"Mood, {figures['songs']} clips: {axes}; the right quadrant of four {figures['quadrant_accuracy']:.3f}."
