"""How good an exported encoder is: ``python -m training evaluate MODEL.onnx --split valid``.

Retrieval asks, test to test, how many of a song's nearest share its label, with all songs of its artist left out
(the artist filter of Pampalk et al. 2005: else a system that knows a voice or a studio looks as if it knew genres).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.card import Card
from musrec_core.encoder import Encoder
from musrec_core.errors import UnusableAudio
from musrec_core.features import windows

from .baselines import mfcc_vectors
from .datasets import Cache, Track
from .recipe import Recipe, RecipeError

BINS = 15


@dataclass(frozen=True)
class Group:
    """Songs of one dataset that carry exactly one label each, from audio."""

    name: str
    tracks: list[Track]

    @property
    def labels(self) -> NDArray[np.str_]:
        return np.array([track.labels[0] for track in self.tracks])

    @property
    def artists(self) -> NDArray[np.str_]:
        return np.array([track.artist.casefold() for track in self.tracks])


def precision_at(distances: NDArray[np.float64], labels: NDArray[np.str_], artists: NDArray[np.str_], k: int) -> float:
    """Artist-filtered precision@k, averaged over queries.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n)]
    labels, artists : np.ndarray [shape=(n,)]
    """
    hits = []
    for i in range(len(labels)):
        others = np.flatnonzero(artists != artists[i])
        nearest = others[np.argsort(distances[i, others], kind="stable")[:k]]
        hits.append((labels[nearest] == labels[i]).mean())
    return float(np.mean(hits))


def chance(labels: NDArray[np.str_], artists: NDArray[np.str_]) -> float:
    """What `precision_at` gives a random ranking, on average."""
    return float(np.mean([(labels[artists != a] == label).mean() for label, a in zip(labels, artists, strict=True)]))


def cosine_distances(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """All pairs [shape=(n, n)]."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return 1 - (unit.astype(np.float64) @ unit.T)


def euclidean_distances(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """All pairs [shape=(n, n)]."""
    from sklearn.metrics.pairwise import euclidean_distances as pairwise

    result: NDArray[np.float64] = pairwise(vectors.astype(np.float64))
    return result


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error over equal bins of confidence (Naeini et al. 2015)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (bin_of == b).mean() * abs(confidence[bin_of == b].mean() - right[bin_of == b].mean())
        for b in range(bins)
        if (bin_of == b).any()
    ]
    return float(sum(gaps))


def single_label_groups(cache: Cache, split: str) -> list[Group]:
    """The songs that retrieval is measured on: one label, a known artist, audio; one group a dataset."""
    by_dataset: dict[str, list[Track]] = defaultdict(list)
    for i in cache.split(split):
        track = cache.tracks[i]
        if track.file and track.artist and len(track.labels) == 1:
            by_dataset[track.id.partition("-")[0]].append(track)
    return [Group(name, tracks) for name, tracks in sorted(by_dataset.items()) if len(tracks) > 10]


def retrieval(group: Group, encoder: Encoder) -> dict[str, float]:
    """Precision@10 of the encoder's two spaces and of MFCC statistics, on the same songs."""
    files = [track.file for track in group.tracks if track.file]
    outcomes = dict(encoder.embed_files(files))
    tracks = []
    for file in files:
        outcome = outcomes[file]
        if isinstance(outcome, UnusableAudio):
            raise RecipeError(f"{outcome.path} can't be evaluated: {outcome}")
        tracks.append(outcome)
    order = [genre.label for genre in encoder.card.genres]
    genres = np.array([[track.genres[label] for label in order] for track in tracks])
    labels, artists = group.labels, group.artists
    return {
        "songs": len(files),
        "chance": chance(labels, artists),
        "mfcc_statistics": precision_at(euclidean_distances(mfcc_vectors(files)), labels, artists, 10),
        "embedding_cosine": precision_at(cosine_distances(np.stack([t.vector for t in tracks])), labels, artists, 10),
        "genres_euclidean": precision_at(euclidean_distances(genres), labels, artists, 10),
    }


def classification(cache: Cache, split: str, encoder: Encoder) -> dict[str, float]:
    """Accuracy and calibration over the split's whole clips whose label allows one genre."""
    sure = [i for i in cache.split(split) if cache.tracks[i].file and len(cache.tracks[i].genres) == 1]
    right, confidence = [], []
    for i in sure:
        genres = encoder.embed_windows(windows(cache.clip(i), encoder.card.front_end.window_frames)).genres
        guess, probability = next(iter(genres.items()))
        right.append(guess == cache.tracks[i].genres[0])
        confidence.append(probability)
    return {
        "songs": len(sure),
        "accuracy": float(np.mean(right)),
        "ece": calibration_error(np.array(confidence), np.array(right)),
    }


def excerpt_accuracy(cache: Cache, encoder: Encoder, frames: int) -> dict[str, float]:
    """Accuracy on the valid split's short excerpts, among the genres that occur there (GTZAN's ten)."""
    clips = [i for i in cache.split("valid") if cache.tracks[i].file is None and len(cache.tracks[i].genres) == 1]
    vocabulary = {cache.tracks[i].genres[0] for i in clips}
    right = []
    for i in clips:
        genres = encoder.embed_windows(windows(cache.clip(i), frames)).genres
        right.append(next(label for label in genres if label in vocabulary) == cache.tracks[i].genres[0])
    return {"clips": len(clips), "accuracy": float(np.mean(right))}


def evaluate(recipe: Recipe, cache: Cache, model: Path, split: str) -> dict[str, Any]:
    """All figures of one split, by the shipped code path: files -> `Encoder.embed_files`."""
    encoder = Encoder.load(model)
    report: dict[str, Any] = {"model": encoder.card.model_id, "split": split, "temperature": encoder.card.temperature}
    for group in single_label_groups(cache, split):
        report[f"precision_at_10_{group.name}"] = _rounded(retrieval(group, encoder))
    report["genres"] = _rounded(classification(cache, split, encoder))
    if any(cache.tracks[i].file is None for i in cache.split("valid")):
        report["excerpts_3s_valid"] = _rounded(excerpt_accuracy(cache, encoder, encoder.card.front_end.window_frames))
    return report


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: value if isinstance(value, int) else round(value, 4) for name, value in figures.items()}


def write_report(report: dict[str, Any], into_card_of: Path | None) -> str:
    """The figures as JSON text; where asked, also into the model's card."""
    if into_card_of is not None:
        card = Card.load(into_card_of)
        card.metrics[report["split"]] = report
        card.save()
    return json.dumps(report, indent=2)
