"""The systems that evaluation compares: the vectors, genres and mood that each gives to the same songs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core.card import Card
from musrec_core.encoder import Encoder, TrackEmbedding
from musrec_core.errors import UnusableAudio
from musrec_core.mood import AXES
from musrec_core.search.distance import Metric, pairwise

from ..data.cache import Cache, Track
from ..recipe import RecipeError
from .metrics import Floats


@dataclass(frozen=True)
class System:
    """The outputs of one system for the songs of a split, by track id.

    Attributes
    ----------
    name : str
    vectors : dict of np.ndarray [shape=(d,)]
    metric : ``cosine`` or ``euclidean``
        How it ranks them.
    genres : dict of np.ndarray [shape=(k,)], optional
        Probabilities in the order of the cache's vocabulary.
    mood : dict of np.ndarray [shape=(2,)], optional
        Valence and arousal, 0 to 1.
    model : Path, optional
        Its ``.onnx``.
    """

    name: str
    vectors: dict[str, NDArray[np.float32]]
    metric: Metric
    genres: dict[str, Floats] | None = None
    mood: dict[str, Floats] | None = None
    model: Path | None = None

    def distances(self, tracks: Sequence[Track]) -> Floats:
        """All pairs [shape=(n, n)]."""
        return pairwise(np.stack([self.vectors[track.id] for track in tracks]), self.metric)


def embedded(tracks: Sequence[Track], encoder: Encoder) -> dict[str, TrackEmbedding]:
    """Songs through the code path that users run, ``Encoder.embed_files``; by track id."""
    id_of = {track.file: track.id for track in tracks if track.file}
    found = {}
    for file, outcome in encoder.embed_files(id_of):
        if isinstance(outcome, UnusableAudio):
            raise RecipeError(f"{outcome.path} can't be evaluated: {outcome}")
        found[id_of[file]] = outcome  # type: ignore[index]
    return found


def knows_genres(card: Card, vocabulary: list[str]) -> bool:
    """Whether a model tells the cache's genres apart, and no others."""
    return {genre.label for genre in card.genres} == set(vocabulary)


def model_systems(path: Path, tracks: Sequence[Track], vocabulary: list[str]) -> list[System]:
    """An exported encoder's two spaces: embeddings by cosine, genre probabilities by Euclidean distance.

    Where it knows other genres than the cache, they can't be compared, but serve as a space.
    """
    encoder = Encoder.load(path)
    same = knows_genres(encoder.card, vocabulary)
    labels = vocabulary if same else [genre.label for genre in encoder.card.genres]
    embedded_tracks = embedded(tracks, encoder)
    genres = {id_: np.array([track.genres[label] for label in labels]) for id_, track in embedded_tracks.items()}
    mood = {id_: np.array([t.mood[axis] for axis in AXES]) for id_, t in embedded_tracks.items() if t.mood}
    vectors = {id_: track.vector for id_, track in embedded_tracks.items()}
    name = encoder.card.name
    return [
        System(f"{name}, embedding, cosine", vectors, "cosine", genres if same else None, mood or None, path),
        System(
            f"{name}, genres, Euclidean",
            {id_: p.astype(np.float32) for id_, p in genres.items()},
            "euclidean",
            model=path,
        ),
    ]


def teacher_systems(cache: Cache, tracks: Sequence[Track]) -> list[System]:
    """The teacher itself, where the cache has its outputs for every one of these songs: embedding and tags."""
    if cache.teacher is None:
        return []
    with np.load(cache.teacher, allow_pickle=False) as data:
        ids, embedding, tags = data["id"].astype(str), data["embedding"].astype(np.float32), data["tags"]
    if not {track.id for track in tracks} <= set(ids):
        return []
    train = np.isin(ids, [cache.tracks[i].id for i in cache.split("train")])
    standard = (embedding - embedding[train].mean(axis=0)) / embedding[train].std(axis=0)
    views = {"embedding": standard, "root of tags": np.sqrt(tags.astype(np.float32))}
    return [
        System(f"the teacher, {name}, cosine", {t.id: rows[ids == t.id].mean(axis=0) for t in tracks}, "cosine")
        for name, rows in views.items()
    ]


def cost(path: Path, rounds: int = 15) -> dict[str, float]:
    """Milliseconds of CNN a 30 s clip on one core (median), and size of the model's files in MB."""
    card = Card.load(path)
    encoder = Encoder.load(path, threads=1)
    front = card.front_end
    frames = 1 + int(front.clip_seconds * front.sample_rate) // front.hop_length
    w = np.zeros((-(-frames // front.window_frames), front.n_mels, front.window_frames), np.float32)
    encoder.embed_windows(w)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        encoder.embed_windows(w)
        times.append(1000 * (time.perf_counter() - start))
    size = sum((card.folder / name).stat().st_size for name in (card.weights, card.mel_basis))
    return {"cnn_ms": statistics.median(times), "megabytes": size / 1e6}


def with_audio(cache: Cache, split: str) -> list[Track]:
    """The labelled songs of a split whose audio is available."""
    return [cache.tracks[i] for i in cache.split(split) if cache.tracks[i].file and cache.tracks[i].is_labelled]
