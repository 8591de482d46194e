"""Where to listen: ``python -m training excerpts MODEL SONGS`` compares ways to hear a whole song.

Asked with one half of a song, does its other half come first? And are neighbours of the same album or composer? Each
time, the model hears its ``clip_seconds`` in one stretch or in several, spread over what it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musrec_core.audio.clip import load_clip
from musrec_core.encoder import Encoder
from musrec_core.errors import UnusableAudio
from musrec_core.search.distance import pairwise
from musrec_core.workers.pool import WorkerPool

from ..data.sources import song_files
from ..recipe import RecipeError
from . import metrics
from .report import table

Clip = NDArray[np.float32]
COUNTS = (1, 3, 10)
LEAST_SECONDS = 90.0  # of a song: a half of a shorter one is hardly longer than what is heard
MOST_SECONDS = 900.0  # of a song that are decoded, from its middle
MIN_MEGABYTES = 0.25  # of a song's file: smaller ones are sounds of a game
LEAST_CLASS = 5  # songs of an album or composer
SONG_TIMEOUT = 600.0  # seconds


@dataclass(frozen=True)
class Heard:
    """One song.

    Attributes
    ----------
    seconds : float
        As decoded.
    vectors : dict of np.ndarray [shape=(3, d)]
        Number of excerpts -> of the first half, the second half and the whole song.
    """

    seconds: float
    vectors: dict[int, NDArray[np.float32]]


def spread(y: Clip, count: int, samples: int) -> list[Clip]:
    """``samples`` of a signal in ``count`` pieces, each from the middle of one of as many equal parts of it.

    The pieces that ``musrec_core.audio.clip.load_excerpts`` takes of a file.
    """
    if len(y) <= samples:
        return [y]
    length = samples // count
    middles = (np.arange(count) + 0.5) * len(y) / count
    starts = (middles - length / 2).round().astype(int)
    return [y[start : start + length] for start in starts]


def hear(model: Path, counts: Sequence[int], least_seconds: float, path: str) -> Heard | UnusableAudio:
    """A worker's job."""
    encoder = _encoder(model)
    front_end = encoder.card.front_end
    try:
        y = load_clip(path, seconds=MOST_SECONDS, sample_rate=front_end.sample_rate)
    except UnusableAudio as error:
        return error
    seconds = len(y) / front_end.sample_rate
    if seconds < least_seconds:
        return Heard(seconds, {})
    samples = round(front_end.clip_seconds * front_end.sample_rate)
    parts = (y[: len(y) // 2], y[len(y) // 2 :], y)
    vectors = {
        count: np.stack([encoder.embed_excerpts(spread(part, count, samples)).vector for part in parts])
        for count in counts
    }
    return Heard(seconds, vectors)


@lru_cache(maxsize=1)
def _encoder(model: Path) -> Encoder:
    return Encoder.load(model, threads=1)


def excerpts(
    model: Path,
    songs: Path,
    counts: Sequence[int] = COUNTS,
    jobs: int | None = None,
    *,
    least_seconds: float = LEAST_SECONDS,
) -> str:
    """The comparison as Markdown.

    Parameters
    ----------
    songs : Path
        ``COLLECTION/.../song.ogg``: a collection (an album, a package) is one class, a composer's tag another.
    counts : sequence of int
        Numbers of excerpts.
    least_seconds : float
        Shorter songs are left out [s].

    Raises
    ------
    RecipeError
        There are too few songs that are long enough.
    """
    collections = {str(file): file.relative_to(songs).parts[0] for file in song_files(songs, MIN_MEGABYTES)}
    heard: dict[str, Heard] = {}
    job = partial(hear, model.resolve(), tuple(counts), least_seconds)
    with WorkerPool(None, workers=jobs, timeout=SONG_TIMEOUT, job=job) as pool:
        for path, outcome in tqdm(pool.map(collections), total=len(collections), unit="song", disable=None, delay=1):
            if not isinstance(outcome, UnusableAudio) and outcome.vectors:
                heard[path] = outcome
    paths = sorted(heard)
    if len(paths) < 2 * LEAST_CLASS:
        raise RecipeError(f"{songs} has {len(paths)} songs of {least_seconds:g} s or more: too few to compare")
    classes = {
        "album or package": np.array([collections[path] for path in paths]),
        "composer": np.array([_composer(path) for path in paths]),
    }
    used = {name: _large(labels) for name, labels in classes.items()}
    rows = [_row(count, np.stack([heard[path].vectors[count] for path in paths]), classes, used) for count in counts]
    header = ["excerpts", "other half first (95 %)", "other half, mAP (95 %)"]
    for name, known in used.items():
        header += [f"{name}: P@10 (95 %)", f"{name}: mAP ({int(known.sum())} songs)"]
    hours = sum(one.seconds for one in heard.values()) / 3600
    text = f"{len(paths)} songs of {least_seconds:g} s or more, {hours:.1f} h; intervals by a bootstrap over songs."
    return f"{text}\n\n{table(header, rows)}"


def _row(
    count: int,
    vectors: NDArray[np.float32],
    classes: dict[str, metrics.Labels],
    used: dict[str, NDArray[np.bool_]],
) -> list[str]:
    names = np.arange(len(vectors)).astype(str)
    first, second, whole = vectors.transpose(1, 0, 2)
    reciprocal = 1 / ranks_of_twins(first, second)
    row = [str(count), _mean((reciprocal == 1).astype(float), names), _mean(reciprocal, names)]
    for name, labels in classes.items():
        known = used[name]
        if not known.any():
            row += ["", ""]
            continue
        scores = metrics.retrieval_scores(pairwise(whole[known]), labels[known], names[known])
        row += [_mean(scores["precision_at_10"], names[known]), f"{np.mean(scores['average_precision']):.3f}"]
    return row


def ranks_of_twins(asked: NDArray[np.float32], answers: NDArray[np.float32]) -> metrics.Floats:
    """Where each row's counterpart stands among all answers, 1 for the first [shape=(n,)]."""
    n = len(asked)
    distances = pairwise(np.concatenate([asked, answers]))[:n, n:]
    return np.asarray(1 + (distances < np.diag(distances)[:, None]).sum(axis=1), np.float64)


def _mean(values: metrics.Floats, names: metrics.Labels) -> str:
    low, high = metrics.bootstrap(values, names)
    return f"{np.mean(values):.3f} ({low:.2f} to {high:.2f})"


def _large(labels: metrics.Labels) -> NDArray[np.bool_]:
    """Songs whose class is known and has enough songs."""
    sizes = Counter(labels.tolist())
    return np.array([bool(label) and sizes[label] >= LEAST_CLASS for label in labels.tolist()])


def _composer(path: str) -> str:
    from mediafile import MediaFile, UnreadableFileError

    try:
        tags = MediaFile(path)
    except UnreadableFileError:
        return ""
    return (tags.composer or tags.artist or "").strip().casefold()
