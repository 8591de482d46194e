"""Clips and their cache of uint8 log-mel, small enough for a GPU. Needs numpy alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.front_end import FrontEnd

from ..recipe import RecipeError
from .audio import FILE, Audio

SPLITS = ("train", "valid", "test")
OFFSET = 5.0  # deviations: a cached value v stands for v * QUANTUM - OFFSET
QUANTUM = 2 * OFFSET / 255
HEARD_AT_ONCE = {"window_frames", "clip_seconds", "excerpts"}  # settings of a front end that a cache does not depend on


@dataclass(frozen=True)
class Track:
    """One clip, labelled or not.

    ``genres`` is the candidate set: any of them is accepted as right; empty means unlabelled. ``artist`` is empty where
    unknown, ``quadrant`` (of mood, ``Q1`` to ``Q4``) too. ``file`` is None where only log-mel is given, of which audio
    may have been made. Where a source gives several clips of a song, ``start`` is where each begins in the file [s],
    and ``song`` the id that they share; None and empty: the clip is the file's middle. ``collection`` is what
    unlabelled music came in, such as a package.
    ``moods`` are words for its mood, as the source has them.
    """

    id: str
    artist: str
    split: str
    labels: tuple[str, ...]
    genres: tuple[str, ...]
    file: Path | None = None
    quadrant: str = ""
    start: float | None = None
    song: str = ""
    collection: str = ""
    moods: tuple[str, ...] = ()

    @property
    def is_labelled(self) -> bool:
        """Whether anything is known of the clip but its sound."""
        return bool(self.labels or self.quadrant)

    @property
    def has_one_genre(self) -> bool:
        """Whether the labels allow exactly one genre: only such clips tell right from wrong."""
        return len(self.genres) == 1


@dataclass
class Cache:
    """Log-mel of many clips, end to end.

    Attributes
    ----------
    frames : np.ndarray [shape=(t, n_mels)], uint8
    first, length : np.ndarray [shape=(n,)], int64
        Where each clip's frames stand.
    tracks : list of Track, n of them
    front_end : FrontEnd
        What the log-mel was made with.
    vocabulary : list of str
        The genres, in the order of the network's logits.
    left_out : dict
        Track id -> why it is not here.
    teacher : Path, optional
        The targets of a teacher, where `prepare` copied them.
    audio : Audio, optional
        The sound that the log-mel was made of, where the recipe has teachers that hear it.
    folder : Path, optional
        Where it was read from; what teachers said of it is there too.
    """

    frames: NDArray[np.uint8]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    tracks: list[Track]
    front_end: FrontEnd
    vocabulary: list[str]
    left_out: dict[str, str] = field(default_factory=dict)
    teacher: Path | None = None
    audio: Audio | None = None
    folder: Path | None = None

    def split(self, name: str) -> list[int]:
        """Positions of one split's tracks."""
        return [i for i, track in enumerate(self.tracks) if track.split == name]

    def clip(self, i: int) -> NDArray[np.float32]:
        """One clip's log-mel [shape=(n_mels, t)]."""
        part = self.frames[self.first[i] : self.first[i] + self.length[i]]
        return dequantise_cache(part).T

    def require(self, front_end: FrontEnd) -> None:
        """Raise `RecipeError` unless a recipe's front end is the cache's, but for how much is heard at once."""
        if found := differing(self.front_end, front_end):
            raise RecipeError(f"the cache was prepared with another {found[0]}: run `python -m training prepare`")


def differing(one: FrontEnd, other: FrontEnd) -> list[str]:
    """What sets two front ends' log-mel apart: not how much is heard at once."""
    ours, theirs = asdict(one), asdict(other)
    return [key for key in ours if key not in HEARD_AT_ONCE and ours[key] != theirs[key]]


def quantise_cache(spectrogram: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Standardised log-mel -> uint8; beyond `OFFSET` deviations it saturates."""
    return np.clip(np.round((spectrogram + OFFSET) / QUANTUM), 0, 255).astype(np.uint8)


def dequantise_cache(cached: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The inverse of `quantise_cache`, to half a quantum (0.02 deviations)."""
    return cached.astype(np.float32) * np.float32(QUANTUM) - np.float32(OFFSET)


def save_cache(cache: Cache, folder: Path) -> None:
    """Write ``frames.npy``, then ``tracks.json``: a cache without the latter is not complete.

    ``audio.npy`` is there already: it is written while it is gathered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tracks.json").unlink(missing_ok=True)
    np.save(folder / "frames.npy", cache.frames)
    rows = [
        asdict(t) | {"file": str(t.file) if t.file else None, "first": int(f), "length": int(n)}
        for t, f, n in zip(cache.tracks, cache.first, cache.length, strict=True)
    ]
    if cache.audio:
        for row, f, n in zip(rows, cache.audio.first, cache.audio.length, strict=True):
            row |= {"audio_first": int(f), "audio_length": int(n)}
    stored = {
        "front_end": cache.front_end.to_dict(),
        "vocabulary": cache.vocabulary,
        "teacher": cache.teacher.name if cache.teacher else None,
        "audio_rate": cache.audio.sample_rate if cache.audio else None,
        "tracks": rows,
        "left_out": cache.left_out,
    }
    (folder / "tracks.json").write_text(json.dumps(stored, indent=0))


def load_cache(folder: Path) -> Cache:
    """The inverse of `save_cache`."""
    if not (folder / "tracks.json").is_file():
        raise RecipeError(f"{folder} holds no cache: run `python -m training prepare` first")
    stored = json.loads((folder / "tracks.json").read_text())
    rows: list[dict[str, Any]] = stored["tracks"]
    first, length = _column(rows, "first"), _column(rows, "length")
    audio = None
    if rate := stored.get("audio_rate"):
        audio = Audio(folder / FILE, _column(rows, "audio_first"), _column(rows, "audio_length"), rate)
    return Cache(
        np.load(folder / "frames.npy"),
        first,
        length,
        [_track(row) for row in rows],
        FrontEnd.from_dict(stored["front_end"]),
        stored["vocabulary"],
        stored["left_out"],
        folder / stored["teacher"] if stored["teacher"] else None,
        audio,
        folder,
    )


def _column(rows: list[dict[str, Any]], name: str) -> NDArray[np.int64]:
    return np.array([row.pop(name) for row in rows], np.int64)


def _track(row: dict[str, Any]) -> Track:
    changed = {
        "labels": tuple(row["labels"]),
        "genres": tuple(row["genres"]),
        "moods": tuple(row.get("moods", ())),  # caches of before have none
        "file": Path(row["file"]) if row["file"] else None,
    }
    return Track(**(row | changed))


def describe(cache: Cache) -> str:
    """What the cache holds and what was left out, for the terminal."""
    hours = cache.frames.shape[0] * cache.front_end.hop_length / cache.front_end.sample_rate / 3600
    lines = [f"{len(cache.tracks)} clips, {hours:.1f} h, {cache.frames.nbytes / 1e6:.0f} MB of log-mel"]
    if audio := cache.audio:
        lines.append(f"  audio at {audio.sample_rate / 1000:g} kHz: {2 * audio.length.sum() / 1e6:.0f} MB")
    for split in SPLITS:
        tracks = [cache.tracks[i] for i in cache.split(split)]
        genres = Counter(track.genres[0] for track in tracks if track.has_one_genre)
        found = ", ".join(f"{genre} {n}" for genre, n in genres.most_common())
        unlabelled = sum(not track.is_labelled for track in tracks)
        lines.append(f"  {split:5} {len(tracks):5} clips, {unlabelled} without labels; unambiguous: {found}")
    lines += [f"  left out: {id_}: {why}" for id_, why in cache.left_out.items()]
    return "\n".join(lines)
