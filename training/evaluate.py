"""How good an exported encoder is: ``python -m training evaluate MODEL.onnx --split valid``.

Retrieval asks, within the split, how many of a song's nearest share its label; see `metrics.retrieval_scores`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musrec_core.card import Card
from musrec_core.encoder import Encoder, TrackEmbedding
from musrec_core.errors import UnusableAudio
from musrec_core.features import windows

from . import metrics
from .baselines import mfcc_vectors
from .datasets import Cache, Track
from .recipe import Recipe, RecipeError


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

    @property
    def files(self) -> list[Path]:
        return [track.file for track in self.tracks if track.file]


def single_label_groups(cache: Cache, split: str) -> list[Group]:
    """The songs that retrieval is measured on: one label, a known artist, audio; one group a dataset."""
    by_dataset: dict[str, list[Track]] = defaultdict(list)
    for i in cache.split(split):
        track = cache.tracks[i]
        if track.file and track.artist and len(track.labels) == 1:
            by_dataset[track.id.partition("-")[0]].append(track)
    return [Group(name, tracks) for name, tracks in sorted(by_dataset.items()) if len(tracks) > 10]


def embedded(group: Group, encoder: Encoder) -> list[TrackEmbedding]:
    """The group's songs through the code path that users run: files -> `Encoder.embed_files`."""
    outcomes = dict(encoder.embed_files(group.files))
    tracks = []
    for file in group.files:
        outcome = outcomes[file]
        if isinstance(outcome, UnusableAudio):
            raise RecipeError(f"{outcome.path} can't be evaluated: {outcome}")
        tracks.append(outcome)
    return tracks


def retrieval(group: Group, encoder: Encoder) -> dict[str, Any]:
    """Each system's figures on the same songs: the encoder's two spaces, and MFCC statistics."""
    tracks = embedded(group, encoder)
    order = [genre.label for genre in encoder.card.genres]
    probabilities = np.array([[track.genres[label] for label in order] for track in tracks])
    systems = {
        "embedding_cosine": metrics.cosine_distances(np.stack([track.vector for track in tracks])),
        "genres_euclidean": metrics.euclidean_distances(probabilities),
        "mfcc_statistics": metrics.euclidean_distances(mfcc_vectors(group.files)),
    }
    return {
        "songs": len(tracks),
        "artists": len(set(group.artists)),
        "chance": metrics.chance(group.labels, group.artists),
        "systems": {name: _figures(distances, group) for name, distances in systems.items()},
    }


def _figures(distances: metrics.Floats, group: Group) -> dict[str, Any]:
    scores = metrics.retrieval_scores(distances, group.labels, group.artists)
    figures: dict[str, Any] = {name: float(np.nanmean(values)) for name, values in scores.items()}
    figures["precision_at_10_interval"] = list(metrics.bootstrap(scores["precision_at_10"], group.artists))
    figures["hubness"] = metrics.hubness(distances)
    return figures


def classification(cache: Cache, split: str, encoder: Encoder) -> dict[str, Any]:
    """Accuracy and calibration over the split's whole clips whose label allows one genre."""
    labels = [genre.label for genre in encoder.card.genres]
    sure = [i for i in cache.split(split) if cache.tracks[i].file and len(cache.tracks[i].genres) == 1]
    frames = encoder.card.front_end.window_frames
    genres = [encoder.embed_windows(windows(cache.clip(i), frames)).genres for i in sure]
    probabilities = np.array([[found[label] for label in labels] for found in genres])
    truth = np.array([labels.index(cache.tracks[i].genres[0]) for i in sure])
    return {"songs": len(sure), **metrics.classification_scores(probabilities, truth)}


def excerpt_accuracy(cache: Cache, encoder: Encoder) -> dict[str, Any]:
    """Accuracy on the valid split's short excerpts, among the genres that occur there (GTZAN's ten)."""
    clips = [i for i in cache.split("valid") if cache.tracks[i].file is None and len(cache.tracks[i].genres) == 1]
    vocabulary = {cache.tracks[i].genres[0] for i in clips}
    frames = encoder.card.front_end.window_frames
    right = []
    for i in clips:
        genres = encoder.embed_windows(windows(cache.clip(i), frames)).genres
        right.append(next(label for label in genres if label in vocabulary) == cache.tracks[i].genres[0])
    return {"clips": len(clips), "accuracy": float(np.mean(right))}


def evaluate(recipe: Recipe, cache: Cache, model: Path, split: str) -> dict[str, Any]:
    """All figures of one split."""
    encoder = Encoder.load(model)
    report: dict[str, Any] = {"model": encoder.card.model_id, "split": split, "temperature": encoder.card.temperature}
    report["retrieval"] = {group.name: retrieval(group, encoder) for group in single_label_groups(cache, split)}
    report["genres"] = classification(cache, split, encoder)
    if split == "valid" and any(cache.tracks[i].file is None for i in cache.split("valid")):
        report["excerpts_3s"] = excerpt_accuracy(cache, encoder)
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def write_report(report: dict[str, Any], into_card_of: Path | None) -> str:
    """The figures as JSON text; where asked, also into the model's card."""
    if into_card_of is not None:
        card = Card.load(into_card_of)
        card.metrics[report["split"]] = report
        card.save()
    return json.dumps(report, indent=2)
