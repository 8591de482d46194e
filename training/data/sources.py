"""Where music comes from: a manifest, a folder per genre, FMA's archives, ready log-mel; whole songs without labels."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.mood import QUADRANTS

from ..recipe import RecipeError
from . import fma
from .cache import SPLITS, Track

Labels = dict[str, list[str]]
FOR_SONGS = ("every", "clip_seconds", "min_megabytes", "valid", "test")
SUFFIXES = {
    ".aif",
    ".aiff",
    ".flac",
    ".m4a",
    ".mp3",
    ".oga",
    ".ogg",
    ".opus",
    ".wav",
    ".wma",
}  # of songs


def list_tracks(source: Any, music: Path, labels: Labels) -> tuple[list[Track], dict[str, str]]:
    """The tracks that a source lists as files, and those that it leaves out undecoded (track id -> why).

    Of ``songs``, each track is a whole song.

    Raises
    ------
    RecipeError
        The source names no kind of list, or a list can't be read.
    """
    if not source["songs"] and any(source[key] for key in FOR_SONGS):
        raise RecipeError(f"{', '.join(FOR_SONGS)} are settings for `songs` alone")
    if source["resynthesise"]:
        raise RecipeError("resynthesise is a setting for `log_mel` alone")
    if source["manifest"]:
        return read_manifest(music / source["manifest"], labels), {}
    if source["folder"]:
        return read_folder(music / source["folder"], labels), {}
    if source["songs"]:
        return read_songs(music / source["songs"], source), {}
    if not source["fma"]:
        raise RecipeError("a source of the recipe needs one of `manifest`, `folder`, `log_mel`, `fma` and `songs`")
    kept, left_out = fma.select(
        fma.read_tracks(music, subset=source["fma"]),
        free_only=source["free_only"],
        whole_albums=source["whole_albums"],
    )
    tracks = [_track(f"fma-{t.number:06d}", t.artist, t.split, [t.genre], labels, t.file) for t in kept]
    return tracks, {f"fma-{int(number):06d}": why for number, why in left_out.items()}


def read_manifest(path: Path, labels: Labels) -> list[Track]:
    """Read ``id, file, artist, genres, split`` and, where they are there, ``quadrant`` and ``moods``.

    ``;`` separates genres, and words for moods.

    Other columns are ignored. A split or quadrant that is none is a `RecipeError`.
    """
    if not path.is_file():
        raise RecipeError(f"the manifest {path} is missing")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    needed = {"id", "file", "artist", "genres", "split"}
    if not rows or not needed <= set(rows[0]):
        raise RecipeError(f"{path.name} has to have rows with the columns {', '.join(sorted(needed))}")
    for row in rows:
        _require(path, row, "split", SPLITS)
        _require(path, row, "quadrant", ("", *QUADRANTS))
    return [
        _track(
            row["id"],
            row["artist"],
            row["split"],
            row["genres"].split(";"),
            labels,
            path.parent / row["file"],
            row.get("quadrant") or "",
            (row.get("moods") or "").split(";"),
        )
        for row in rows
    ]


def _require(path: Path, row: dict[str, str], column: str, allowed: tuple[str, ...]) -> None:
    if (value := row.get(column) or "") not in allowed:
        choices = ", ".join(choice for choice in allowed if choice)
        raise RecipeError(f"{path.name}: {row['id']} has the {column} {value!r}, not one of {choices}")


def read_folder(root: Path, labels: Labels) -> list[Track]:
    """A folder per genre: ``GENRE/song.mp3`` or ``GENRE/ARTIST/.../song.mp3``.

    The artist is the folder below the genre, else the file's tag. Eight of ten artists train, one is valid, one test:
    a hash of the name decides, so that the split stays as the folder grows. Every file that is not hidden is listed.
    """
    if not root.is_dir():
        raise RecipeError(f"the folder of genres {root} is missing")
    tracks = []
    for file in sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")):
        parts = file.relative_to(root).parts
        if len(parts) < 2:
            continue  # beside the genres' folders: a licence, a list
        artist = parts[1] if len(parts) > 2 else _tagged_artist(file)
        name = "/".join(parts)
        id_ = f"{root.name}-{_digest(name)}"
        tracks.append(_track(id_, artist, split_of(artist or name), [parts[0]], labels, file))
    return tracks


def read_songs(root: Path, source: Any) -> list[Track]:
    """Songs without labels: ``COLLECTION/.../song.ogg``, where a collection is a package, an artist or an album.

    Collections named in the source's ``valid`` and ``test`` are kept out of training whole. Files without one of
    `SUFFIXES`, and those below ``min_megabytes`` (sounds of a game, say), are not listed.
    """
    if not root.is_dir():
        raise RecipeError(f"the folder of songs {root} is missing")
    kept_out = dict.fromkeys(source["valid"], "valid") | dict.fromkeys(source["test"], "test")
    if missing := [name for name in kept_out if not (root / name).is_dir()]:
        raise RecipeError(f"{root} has no folder {missing[0]} to keep out of training")
    prefix = source["id_prefix"] or f"{root.name}-"
    tracks = []
    for file in song_files(root, source["min_megabytes"]):
        parts = file.relative_to(root).parts
        split = kept_out.get(parts[0], "train")
        tracks.append(Track(f"{prefix}{_digest('/'.join(parts))}", "", split, (), (), file, collection=parts[0]))
    return tracks


def song_files(root: Path, min_megabytes: float = 0.0) -> list[Path]:
    """Songs below the folders of ``root``, by their `SUFFIXES`; links to a song are no songs."""
    if not root.is_dir():
        raise RecipeError(f"the folder of songs {root} is missing")
    found: dict[Path, Path] = {}
    for file in sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()):
        if len(file.relative_to(root).parts) > 1 and file.stat().st_size >= min_megabytes * 1e6:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _digest(name: str) -> str:
    """A short name for a path in a dataset, the same wherever the dataset lies."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def split_of(artist: str) -> str:
    """The split of an artist, by a hash of the name: 80 % train, 10 % valid, 10 % test."""
    digest = hashlib.sha256(artist.casefold().encode("utf-8", "surrogateescape")).digest()
    return (*["train"] * 8, "valid", "test")[digest[0] * 10 // 256]


def _tagged_artist(file: Path) -> str:
    """The artist of the file's tags; empty where there is none (the file itself may still be music)."""
    from mediafile import MediaFile, UnreadableFileError

    try:
        return MediaFile(file).artist or ""
    except UnreadableFileError:
        return ""


def log_mel_tracks(path: Path, prefix: str, labels: Labels) -> Iterator[tuple[Track, NDArray[np.uint8]]]:
    """An npz of ready log-mel: ``logmel`` uint8 (n, n_mels, t), ``track``, ``split``, ``genre``."""
    with np.load(path, allow_pickle=False) as data:
        for mel, id_, split, genre in zip(data["logmel"], data["track"], data["split"], data["genre"], strict=True):
            yield _track(prefix + str(id_), "", str(split), [str(genre)], labels, None), np.ascontiguousarray(mel.T)


def _track(
    id_: str, artist: str, split: str, raw: list[str], labels: Labels, file: Path | None, quadrant: str = "",
    moods: Sequence[str] = (),
) -> Track:  # fmt: skip
    """A track with its candidate genres; where the recipe maps no labels, each is a genre by its own name."""
    stripped = _stripped(raw)
    accepted = labels or {label: [label.casefold()] for label in stripped}
    genres = sorted({genre for label in stripped for genre in accepted.get(label, [])})
    return Track(id_, artist.strip(), split, stripped, tuple(genres), file, quadrant, moods=_stripped(moods))


def _stripped(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.strip() for word in words if word.strip())
