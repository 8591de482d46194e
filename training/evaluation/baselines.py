"""Baselines from audio alone: statistics of MFCC, DSP features with a linear SVM, and chance."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musrec_core.audio.clip import load_clip
from musrec_core.errors import UnusableAudio
from musrec_core.mood import QUADRANTS
from musrec_core.workers.pool import WorkerPool

from ..data.cache import Cache, Track
from ..recipe import RecipeError
from .systems import System, with_audio

SAMPLE_RATE = 22_050
N_MFCC = 20
MFCC_COLUMNS = np.r_[
    0 : 2 * N_MFCC, 59:99
]  # means and deviations of MFCC and their deltas, without chroma and contrast


def dsp_statistics(y: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Mean and deviation over a clip of 20 MFCC, their deltas, 12 chroma and 7 bands of spectral contrast.

    Sources: Tzanetakis and Cook 2002 (statistics of frames), Ellis 2007 (chroma), Jiang et al. 2002 (contrast).

    Returns
    -------
    statistics : np.ndarray [shape=(118,)]
        59 means, then 59 deviations.
    """
    from librosa import feature

    mfcc = feature.mfcc(y=y, sr=sample_rate, n_mfcc=N_MFCC)
    chroma = feature.chroma_stft(y=y, sr=sample_rate, tuning=0.0)
    contrast = feature.spectral_contrast(y=y, sr=sample_rate)
    frames = np.concatenate([mfcc, feature.delta(mfcc), chroma, contrast])
    return np.concatenate([frames.mean(axis=1), frames.std(axis=1)]).astype(np.float32)


def statistics_of(seconds: float, path: str) -> NDArray[np.float32] | UnusableAudio:
    """A worker's job."""
    try:
        return dsp_statistics(load_clip(path, seconds=seconds, sample_rate=SAMPLE_RATE), SAMPLE_RATE)
    except UnusableAudio as error:
        return error


def dsp_statistics_of(tracks: Iterable[Track], store: Path, seconds: float = 30.0) -> dict[str, NDArray[np.float32]]:
    """`dsp_statistics` by track id; what ``store`` (an npz) already has is not made again."""
    wanted = {track.id: track.file for track in tracks if track.file}
    known: dict[str, NDArray[np.float32]] = {}
    if store.is_file():
        with np.load(store, allow_pickle=False) as kept:
            known = {id_: kept[id_] for id_ in kept.files if id_ in wanted}
    id_of = {str(file): id_ for id_, file in wanted.items() if id_ not in known}
    with WorkerPool(None, job=partial(statistics_of, seconds), timeout=300) as pool:
        outcomes = tqdm(pool.map(id_of), total=len(id_of), desc="DSP features", unit="clip", disable=None, delay=1)
        for path, outcome in outcomes:
            if isinstance(outcome, UnusableAudio):
                raise RecipeError(f"{outcome.path} can't be evaluated: {outcome}")
            known[id_of[path]] = outcome
    store.parent.mkdir(parents=True, exist_ok=True)
    np.savez(store, **known)  # type: ignore[arg-type]
    return known


def dsp_systems(cache: Cache, tracks: list[Track], store: Path) -> list[System]:
    """MFCC statistics by distance, and all DSP features with linear SVMs that learnt genres and mood from train."""
    train = with_audio(cache, "train")
    statistics = dsp_statistics_of([*train, *tracks], store)
    known = np.stack([statistics[track.id] for track in train])
    mean, deviation = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-9)
    x = {id_: (row - mean) / deviation for id_, row in statistics.items()}
    ids = [track.id for track in tracks]
    x_train = np.stack([x[track.id] for track in train])
    x_query = np.stack([x[id_] for id_ in ids])
    sure = [n for n, track in enumerate(train) if track.has_one_genre]
    labels = np.array([train[n].genres[0] for n in sure])
    genres = svm_probabilities(x_train[sure], labels, x_query, cache.vocabulary)
    genres_of = None if genres is None else dict(zip(ids, genres, strict=True))
    with_mood = [n for n, track in enumerate(train) if track.quadrant]
    mood = None
    if with_mood:
        axes = np.array([QUADRANTS[train[n].quadrant] for n in with_mood])
        axis_of = [svm_probabilities(x_train[with_mood], axes[:, a].astype(str), x_query, ["0", "1"]) for a in (0, 1)]
        columns = [p[:, 1] for p in axis_of if p is not None]
        mood = dict(zip(ids, np.stack(columns, axis=1), strict=True)) if len(columns) == len(axis_of) else None
    columns_of = dict(zip(ids, x_query, strict=True))
    return [
        System("MFCC statistics", {id_: row[MFCC_COLUMNS] for id_, row in columns_of.items()}, "euclidean"),
        System("DSP + linear SVM", columns_of, "euclidean", genres_of, mood),
    ]


def svm_probabilities(
    x: NDArray[np.float32], labels: NDArray[np.str_], x_query: NDArray[np.float32], vocabulary: list[str]
) -> NDArray[np.float64] | None:
    """Probabilities [shape=(n, k)] of a linear SVM, calibrated by cross-validation (Platt 1999).

    None where fewer than two classes have the examples that cross-validation takes.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import LinearSVC

    counts = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    folds = 3
    kept = np.array([counts[label] >= folds for label in labels], bool)
    if len(set(labels[kept])) < 2:
        return None
    model = CalibratedClassifierCV(LinearSVC(C=0.01, random_state=0, max_iter=20_000), cv=folds, ensemble=False)
    model.fit(x[kept], labels[kept])
    found = model.predict_proba(x_query)
    probabilities = np.zeros((len(x_query), len(vocabulary)))
    probabilities[:, [vocabulary.index(label) for label in model.classes_]] = found
    return probabilities


def random_system(cache: Cache, tracks: list[Track], seed: int = 0) -> System:
    """Chance: random vectors; the train split's shares of genres as probabilities of every song."""
    rng = np.random.default_rng(seed)
    vectors = {track.id: rng.standard_normal(128).astype(np.float32) for track in tracks}
    genres = [cache.tracks[i].genres[0] for i in cache.split("train") if cache.tracks[i].has_one_genre]
    shares = np.array([genres.count(genre) for genre in cache.vocabulary], float) / len(genres)
    return System("random", vectors, "cosine", {track.id: shares for track in tracks})
