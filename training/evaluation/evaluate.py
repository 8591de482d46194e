"""Evaluation of an exported encoder: ``python -m training evaluate MODEL.onnx --split valid``.

Retrieval asks, within the split, how many of a song's nearest share its label; see `metrics.retrieval_scores`. Every
system answers for the same songs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musrec_core.audio.features import windows
from musrec_core.card import Card
from musrec_core.encoder import Encoder
from musrec_core.mood import QUADRANTS

from ..data.cache import Cache, Track, differing
from ..data.targets import Targets
from ..recipe import RecipeError
from . import metrics
from .baselines import dsp_systems, random_system
from .robustness import robustness
from .systems import System, cost, knows_genres, model_systems, teacher_systems, with_audio
from .teachers import agreement, ensemble_name, joined_tags, taught_systems, unlabelled_vectors


@dataclass(frozen=True)
class Group:
    """Songs of one dataset that carry exactly one label each, from audio."""

    name: str
    tracks: list[Track]

    @property
    def labels(self) -> metrics.Labels:
        return np.array([track.labels[0] for track in self.tracks])

    @property
    def artists(self) -> metrics.Labels:
        return np.array([track.artist.casefold() for track in self.tracks])


def single_label_groups(cache: Cache, split: str, *, least: int = 11) -> list[Group]:
    """The songs that retrieval is measured on: one label, known artist, audio; a group a dataset that has ``least``."""
    by_dataset: dict[str, list[Track]] = defaultdict(list)
    for track in with_audio(cache, split):
        if track.artist and len(track.labels) == 1:
            by_dataset[track.id.partition("-")[0]].append(track)
    return [Group(name, tracks) for name, tracks in sorted(by_dataset.items()) if len(tracks) >= least]


def evaluate(
    cache: Cache,
    model: Path,
    split: str,
    *,
    beside: Sequence[Path],
    store: Path,
    heard: Sequence[Targets] = (),
    ensemble: Sequence[Targets] = (),
) -> dict[str, Any]:
    """All figures of one split.

    Parameters
    ----------
    model : Path
        The ``.onnx`` in question.
    beside : sequence of Path
        Other encoders, for the same tables.
    store : Path
        Where DSP features are kept between runs (an npz).
    heard : sequence of Targets
        Teachers, for the same tables.
    ensemble : sequence of Targets
        Those whose joint similarities the systems are compared with.

    Raises
    ------
    RecipeError
        The model knows other genres than the cache, or the split has nothing to measure.
    """
    card = Card.load(model)
    if not knows_genres(card, cache.vocabulary):
        raise RecipeError(f"{card.name} knows other genres than the cache: {', '.join(g.label for g in card.genres)}")
    tracks = with_audio(cache, split)
    if not any(track.has_one_genre for track in tracks):
        raise RecipeError(f"the {split} split has no audio whose label allows one genre: nothing can be measured")
    ours = model_systems(model, tracks, cache.vocabulary)
    systems = [*ours]
    for other in beside:
        systems += model_systems(other, tracks, cache.vocabulary)
    groups = single_label_groups(cache, split)
    queries = [track for group in groups for track in group.tracks]
    taught, left_out = taught_systems(heard, ensemble, queries)
    systems += [*taught, *teacher_systems(cache, queries), *dsp_systems(cache, tracks, store)]
    systems.append(random_system(cache, tracks))
    report: dict[str, Any] = {
        "model": card.model_id,
        "split": split,
        "temperature": card.temperature,
        "vocabulary": cache.vocabulary,
        "retrieval": {group.name: retrieval(group, systems) for group in groups},
        "genres": {system.name: classification(tracks, cache, system) for system in systems if system.genres},
        "detail": genre_detail(tracks, cache, ours[0], card.temperature),
        "mood": {system.name: found for system in systems if (found := mood_figures(tracks, system))},
        "cost": {Card.load(path).name: cost(path) for path in (model, *beside)},
    }
    if split == "valid" and any(
        cache.tracks[i].file is None and cache.tracks[i].has_one_genre for i in cache.split("valid")
    ):
        found = {Card.load(path).name: excerpt_accuracy(cache, path) for path in (model, *beside)}
        report["excerpts_3s"] = {name: figures for name, figures in found.items() if figures}
    report["teachers_left_out"] = left_out
    if ensemble:
        report["agreement"] = _agreement(cache, split, tracks, systems, ensemble)
    report["robustness"] = robustness(Encoder.load(model), queries)
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def _agreement(
    cache: Cache, split: str, tracks: list[Track], systems: list[System], ensemble: Sequence[Targets]
) -> dict[str, Any]:
    """`agreement` on the labelled songs, and on those that are not."""
    unlabelled = [cache.tracks[i] for i in cache.split(split) if not cache.tracks[i].is_labelled]
    models = [system for system in systems if system.model and system.metric == "cosine"]
    more = {system.name: unlabelled_vectors(Encoder.load(system.model), cache, split) for system in models}
    figures = agreement([*tracks, *unlabelled], systems, joined_tags(ensemble), more)
    return {"with": ensemble_name(ensemble), "kinds": figures}


def retrieval(group: Group, systems: Sequence[System]) -> dict[str, Any]:
    """Each system's figures on the same songs."""
    return {
        "songs": len(group.tracks),
        "artists": len(set(group.artists)),
        "chance": metrics.chance(group.labels, group.artists),
        "systems": {system.name: retrieval_figures(system.distances(group.tracks), group) for system in systems},
    }


def retrieval_figures(distances: metrics.Floats, group: Group) -> dict[str, Any]:
    """Means over the group's songs, with intervals, and hubness."""
    scores = metrics.retrieval_scores(distances, group.labels, group.artists)
    figures: dict[str, Any] = {name: float(np.nanmean(values)) for name, values in scores.items()}
    for name in ("precision_at_10", "average_precision"):
        figures[f"{name}_interval"] = list(metrics.bootstrap(scores[name], group.artists))
    figures["hubness"] = metrics.hubness(distances)
    return figures


def _one_genre_songs(
    tracks: Sequence[Track], system: System, cache: Cache
) -> tuple[metrics.Floats, np.ndarray[Any, Any]]:
    """Probabilities and truth of the songs whose labels allow one genre."""
    assert system.genres is not None
    sure = [track for track in tracks if track.has_one_genre]
    truth = np.array([cache.vocabulary.index(track.genres[0]) for track in sure])
    return np.stack([system.genres[track.id] for track in sure]), truth


def classification(tracks: Sequence[Track], cache: Cache, system: System) -> dict[str, Any]:
    """Accuracy and calibration over the split's whole clips whose label allows one genre."""
    probabilities, truth = _one_genre_songs(tracks, system, cache)
    return {"songs": len(truth), **metrics.classification_scores(probabilities, truth)}


def genre_detail(tracks: Sequence[Track], cache: Cache, system: System, temperature: float) -> dict[str, Any]:
    """Per genre, the confusion matrix, and calibration before and after the temperature."""
    probabilities, truth = _one_genre_songs(tracks, system, cache)
    before = probabilities**temperature
    before /= before.sum(axis=1, keepdims=True)
    found = {"before": before, "after": probabilities}
    return {
        "per_genre": metrics.per_class(probabilities, truth, cache.vocabulary),
        "confusion": metrics.confusion(probabilities, truth).tolist(),
        "calibration": {name: metrics.classification_scores(p, truth) for name, p in found.items()},
        "ece_of_a_calibrated_model": metrics.calibration_floor(probabilities),
        "reliability": metrics.reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == truth),
    }


def mood_figures(tracks: Sequence[Track], system: System) -> dict[str, Any] | None:
    """AUC and calibration of each axis and quadrant accuracy; None where the system or the split knows no mood."""
    with_mood = [track for track in tracks if track.quadrant]
    if system.mood is None or not with_mood:
        return None
    scores = np.stack([system.mood[track.id] for track in with_mood])
    truth = np.array([QUADRANTS[track.quadrant] for track in with_mood]).astype(bool)
    artists = np.array([track.artist.casefold() for track in with_mood])
    return {"songs": len(with_mood), **metrics.mood_scores(scores, truth, artists)}


def excerpt_accuracy(cache: Cache, model: Path) -> dict[str, Any] | None:
    """Accuracy on the valid split's short excerpts, among the genres that occur there (GTZAN's ten).

    A model hears the excerpts' resynthesis where the cache has it, else their log-mel. None: it can do neither, as its
    front end is another, or knows other genres.
    """
    encoder = Encoder.load(model)
    clips = [i for i in cache.split("valid") if cache.tracks[i].file is None and cache.tracks[i].has_one_genre]
    among = {cache.tracks[i].genres[0] for i in clips}
    front_end = encoder.card.front_end
    audio = cache.audio if cache.audio and cache.audio.length[clips].all() else None
    if (audio is None and differing(front_end, cache.front_end)) or not knows_genres(encoder.card, cache.vocabulary):
        return None
    right = []
    for i in clips:
        if audio is None:
            said = encoder.embed_windows(windows(cache.clip(i), front_end.window_frames))
        else:
            said = encoder.embed_clip(audio.clip(i, front_end.sample_rate))
        guess = next(label for label in said.genres if label in among)
        right.append(guess == cache.tracks[i].genres[0])
    heard = "log-mel" if audio is None else "resynthesis"
    return {"clips": len(clips), "accuracy": float(np.mean(right)), "heard": heard}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(float(value), 4) if isinstance(value, float) else value
