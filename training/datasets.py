"""Music and labels -> a cache of uint8 log-mel that fits a GPU: ``python -m training prepare``."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.audio import load_clip
from musrec_core.card import FrontEnd
from musrec_core.errors import UnusableAudio
from musrec_core.features import log_mel

from . import fma
from .recipe import Recipe, RecipeError

SPLITS = ("train", "valid", "test")
QUANTUM = 10 / 255  # a cached value v stands for v * QUANTUM - 5 deviations


@dataclass(frozen=True)
class Track:
    """One labelled clip.

    ``genres`` is the candidate set: any of them is accepted as right; empty means unlabelled.
    ``artist`` is empty where unknown. ``file`` is None where only log-mel is given.
    """

    id: str
    artist: str
    split: str
    labels: tuple[str, ...]
    genres: tuple[str, ...]
    file: Path | None = None


@dataclass
class Cache:
    """Log-mel of many clips, end to end.

    Attributes
    ----------
    frames : np.ndarray [shape=(t, n_mels)], uint8
    first, length : np.ndarray [shape=(n,)], int64
        Where each clip's frames stand.
    tracks : list of Track, n of them
    """

    frames: NDArray[np.uint8]
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    tracks: list[Track]
    left_out: dict[str, str] = field(default_factory=dict)

    def split(self, name: str) -> list[int]:
        """Positions of one split's tracks."""
        return [i for i, track in enumerate(self.tracks) if track.split == name]

    def clip(self, i: int) -> NDArray[np.float32]:
        """One clip's log-mel [shape=(n_mels, t)]."""
        part = self.frames[self.first[i] : self.first[i] + self.length[i]]
        return dequantise(part).T


def quantise(spectrogram: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Standardised log-mel -> uint8; beyond 5 deviations it saturates."""
    return np.clip(np.round((spectrogram + 5) / QUANTUM), 0, 255).astype(np.uint8)


def dequantise(cached: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The inverse of `quantise`, to half a quantum (0.02 deviations)."""
    return cached.astype(np.float32) * np.float32(QUANTUM) - np.float32(5)


def read_manifest(path: Path, labels: dict[str, list[str]]) -> list[Track]:
    """Read ``id, file, artist, genres, split`` (other columns are ignored); ``genres`` is separated by ``;``."""
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    needed = {"id", "file", "artist", "genres", "split"}
    if not rows or not needed <= set(rows[0]):
        raise RecipeError(f"{path.name} has to have rows with the columns {', '.join(sorted(needed))}")
    tracks = []
    for row in rows:
        if row["split"] not in SPLITS:
            raise RecipeError(
                f"{path.name}: {row['id']} has the split {row['split']!r}, not one of {', '.join(SPLITS)}"
            )
        tracks.append(
            _track(row["id"], row["artist"], row["split"], row["genres"].split(";"), labels, path.parent / row["file"])
        )
    return tracks


def _track(id_: str, artist: str, split: str, raw: list[str], labels: dict[str, list[str]], file: Path | None) -> Track:
    stripped = tuple(label.strip() for label in raw if label.strip())
    genres = sorted({genre for label in stripped for genre in labels.get(label, [])})
    return Track(id_, artist.strip(), split, stripped, tuple(genres), file)


def _log_mel_tracks(path: Path, prefix: str, labels: dict[str, list[str]]) -> Iterator[tuple[Track, NDArray[np.uint8]]]:
    """An npz of ready log-mel: ``logmel`` uint8 (n, n_mels, t), ``track``, ``split``, ``genre``."""
    with np.load(path, allow_pickle=False) as data:
        for mel, id_, split, genre in zip(data["logmel"], data["track"], data["split"], data["genre"], strict=True):
            yield _track(prefix + str(id_), "", str(split), [str(genre)], labels, None), np.ascontiguousarray(mel.T)


def _decode(seconds: float, front_end: FrontEnd, mel_basis: NDArray[np.float32], path: Path) -> NDArray[np.uint8] | str:
    """A worker's job: a clip as cached log-mel [shape=(t, n_mels)], or why there is none."""
    try:
        y = load_clip(path, seconds=seconds, sample_rate=front_end.sample_rate)
    except UnusableAudio as error:
        return str(error)
    return np.ascontiguousarray(quantise(log_mel(y, mel_basis, front_end)).T)


def _listed(source: Any, music: Path, labels: dict[str, list[str]]) -> tuple[list[Track], dict[str, str]]:
    """The tracks that a source lists as files, and what it leaves out unheard."""
    if source["manifest"]:
        return read_manifest(music / source["manifest"], labels), {}
    if not source["fma"]:
        raise RecipeError("a source of the recipe needs one of `manifest`, `log_mel` and `fma`")
    kept, left_out = fma.select(
        fma.read_tracks(music, subset=source["fma"]),
        free_only=source["free_only"],
        whole_albums=source["whole_albums"],
    )
    tracks = [_track(f"fma-{t.number:06d}", t.artist, t.split, [t.genre], labels, t.file) for t in kept]
    return tracks, {f"fma-{int(number):06d}": why for number, why in left_out.items()}


def _without_duplicates(
    tracks: list[Track], mels: list[NDArray[np.uint8]], left_out: dict[str, str]
) -> tuple[list[Track], list[NDArray[np.uint8]]]:
    """Keep the first of clips that sound exactly the same; test and valid come before train."""
    first: dict[bytes, Track] = {}
    kept = set()
    for i in sorted(range(len(tracks)), key=lambda i: SPLITS[::-1].index(tracks[i].split)):
        twin = first.setdefault(hashlib.sha256(mels[i].tobytes()).digest(), tracks[i])
        if twin is tracks[i]:
            kept.add(i)
        else:
            left_out[tracks[i].id] = f"exact duplicate of {twin.id}"
    return [tracks[i] for i in sorted(kept)], [mels[i] for i in sorted(kept)]


def prepare(recipe: Recipe, music: Path, jobs: int | None = None) -> Cache:
    """Decode every clip of the recipe's sources.

    Files that can't be used are left out and named in ``Cache.left_out``; a track that an earlier source already gave
    as audio is not taken again as log-mel. An artist in more than one split is a `RecipeError`.
    """
    from .model import mel_filter_bank

    labels = dict(recipe.data["labels"])
    job = partial(_decode, recipe.data["clip_seconds"], recipe.front, mel_filter_bank(recipe.front))
    tracks: list[Track] = []
    mels: list[NDArray[np.uint8]] = []
    left_out: dict[str, str] = {}
    outcomes: list[tuple[Track, NDArray[np.uint8] | str]]
    for source in recipe.data["sources"]:
        taken = {track.id for track in tracks}
        if source["log_mel"]:
            found = _log_mel_tracks(music / source["log_mel"], source["id_prefix"], labels)
            outcomes = [(track, mel) for track, mel in found if track.id not in taken]
        else:
            wanted, unwanted = _listed(source, music, labels)
            left_out |= unwanted
            with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
                results = pool.map(job, [track.file for track in wanted], chunksize=8)
                outcomes = list(zip(wanted, results, strict=True))
        for track, outcome in outcomes:
            if isinstance(outcome, str):
                left_out[track.id] = outcome
            else:
                tracks.append(track)
                mels.append(outcome)
    tracks, mels = _without_duplicates(tracks, mels, left_out)
    if not tracks:
        raise RecipeError("no clip could be used: " + "; ".join(f"{k}: {v}" for k, v in list(left_out.items())[:3]))
    _require_artists_apart(tracks)
    lengths = np.array([len(mel) for mel in mels], np.int64)
    return Cache(np.concatenate(mels), np.cumsum(lengths) - lengths, lengths, tracks, left_out)


def _require_artists_apart(tracks: list[Track]) -> None:
    """An artist on both sides of a split would make every figure too good."""
    splits: dict[str, set[str]] = {}
    for track in tracks:
        if track.artist:
            splits.setdefault(track.artist.casefold(), set()).add(track.split)
    if torn := sorted(artist for artist, found in splits.items() if len(found) > 1):
        raise RecipeError(f"{len(torn)} artists stand in more than one split, such as {torn[0]}")


def save_cache(cache: Cache, folder: Path) -> None:
    """Write ``frames.npy`` and ``tracks.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "frames.npy", cache.frames)
    rows: list[dict[str, Any]] = [
        {
            "id": t.id, "artist": t.artist, "split": t.split, "labels": t.labels, "genres": t.genres,
            "file": str(t.file) if t.file else None, "first": int(f), "length": int(n),
        }
        for t, f, n in zip(cache.tracks, cache.first, cache.length, strict=True)
    ]  # fmt: skip
    (folder / "tracks.json").write_text(json.dumps({"tracks": rows, "left_out": cache.left_out}, indent=0))


def load_cache(folder: Path) -> Cache:
    """The inverse of `save_cache`."""
    if not (folder / "tracks.json").is_file():
        raise RecipeError(f"{folder} holds no cache: run `python -m training prepare` first")
    stored = json.loads((folder / "tracks.json").read_text())
    rows = stored["tracks"]
    tracks = [
        Track(
            r["id"],
            r["artist"],
            r["split"],
            tuple(r["labels"]),
            tuple(r["genres"]),
            Path(r["file"]) if r["file"] else None,
        )
        for r in rows
    ]
    return Cache(
        np.load(folder / "frames.npy"),
        np.array([r["first"] for r in rows], np.int64),
        np.array([r["length"] for r in rows], np.int64),
        tracks,
        stored["left_out"],
    )


def describe(cache: Cache, front_end: FrontEnd) -> str:
    """What the cache holds, for the terminal."""
    hours = cache.frames.shape[0] * front_end.hop_length / front_end.sample_rate / 3600
    lines = [f"{len(cache.tracks)} clips, {hours:.1f} h, {cache.frames.nbytes / 1e6:.0f} MB of log-mel"]
    for split in SPLITS:
        genres = Counter(
            g for i in cache.split(split) for g in cache.tracks[i].genres[:1] if len(cache.tracks[i].genres) == 1
        )
        lines.append(
            f"  {split:5} {len(cache.split(split)):5} clips; surely "
            + ", ".join(f"{g} {n}" for g, n in genres.most_common())
        )
    lines += [f"  left out: {id_}: {why}" for id_, why in cache.left_out.items()]
    return "\n".join(lines)
