"""The Free Music Archive's dataset (Defferrard et al. 2017): its ``tracks.csv`` -> labelled tracks."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ..recipe import RecipeError

SPLITS = {"training": "train", "validation": "valid", "test": "test"}
# Clips of FMA-small that are known to be bad: three of 1 to 2 s, three that no decoder reads.
BAD_CLIPS = {98565: "too short", 98567: "too short", 98569: "too short",
             99134: "undecodable", 108925: "undecodable", 133297: "undecodable"}  # fmt: skip
_COLUMNS = {
    "split": ("set", "split"),
    "subset": ("set", "subset"),
    "genre": ("track", "genre_top"),
    "licence": ("track", "license"),
    "artist": ("artist", "name"),
    "artist_id": ("artist", "id"),
    "album_id": ("album", "id"),
}


@dataclass(frozen=True)
class FmaTrack:
    """One row of ``tracks.csv``, as far as training needs it."""

    number: int
    split: str
    genre: str
    artist: str
    album_id: str
    licence: str
    file: Path


def read_tracks(folder: Path, *, subset: str = "small") -> list[FmaTrack]:
    """The tracks of a subset, with the official split.

    Parameters
    ----------
    folder : Path
        Holds ``fma_metadata/tracks.csv`` and ``fma_SUBSET/NNN/NNNNNN.mp3``, as the archives unpack.
    subset : ``small``, ``medium``, ...

    Raises
    ------
    RecipeError
        The file is missing or has not the published three header rows.
    """
    path = folder / "fma_metadata" / "tracks.csv"
    if not path.is_file():
        raise RecipeError(f"{path} is missing: run `python -m training fetch` first")
    with path.open(newline="", encoding="utf-8") as handle:
        rows = csv.reader(handle)
        try:
            groups, names, _ = next(rows), next(rows), next(rows)
        except StopIteration:
            raise RecipeError(f"{path} is cut short") from None
        where = {pair: n for n, pair in enumerate(zip(groups, names, strict=False))}
        if lacking := [pair for pair in _COLUMNS.values() if pair not in where]:
            raise RecipeError(f"{path} lacks the column {' '.join(lacking[0])}")
        at = {key: where[pair] for key, pair in _COLUMNS.items()}
        return [_track(row, at, folder / f"fma_{subset}") for row in rows if row and row[at["subset"]] == subset]


def _track(row: list[str], at: dict[str, int], audio: Path) -> FmaTrack:
    number = int(row[0])
    return FmaTrack(
        number=number,
        split=SPLITS[row[at["split"]]],
        genre=row[at["genre"]],
        artist=f"{row[at['artist']]} #{row[at['artist_id']]}",  # two artists may share a name
        album_id=row[at["album_id"]],
        licence=row[at["licence"]],
        file=audio / f"{number // 1000:03d}" / f"{number:06d}.mp3",
    )


def is_free(licence: str) -> bool:
    """Whether a licence is CC BY or CC0: weights that learn from these alone may be freely licensed."""
    words = licence.casefold().replace("-", "").replace(" ", "")
    if "cc0" in words:
        return True
    return words.startswith("attribution") and not any(w in words for w in ("noncommercial", "noderiv", "sharealike"))


def select(
    tracks: list[FmaTrack], *, free_only: bool = False, whole_albums: bool = False
) -> tuple[list[FmaTrack], dict[str, str]]:
    """Leave out what should not be learnt from.

    Parameters
    ----------
    free_only : bool
        Keep CC BY and CC0 alone.
    whole_albums : bool
        Leave out of the train split what shares an album (a compilation) with another split.

    Returns
    -------
    kept : list of FmaTrack
    left_out : dict
        Track number -> why.
    """
    splits_of_album: dict[str, set[str]] = defaultdict(set)
    for track in tracks:
        splits_of_album[track.album_id].add(track.split)
    kept, left_out = [], {}
    for track in tracks:
        if why := BAD_CLIPS.get(track.number):
            left_out[str(track.number)] = f"known to be {why}"
        elif free_only and not is_free(track.licence):
            left_out[str(track.number)] = f"licence: {track.licence or 'none given'}"
        elif whole_albums and track.split == "train" and len(splits_of_album[track.album_id]) > 1:
            left_out[str(track.number)] = "its album is also in another split"
        else:
            kept.append(track)
    return kept, left_out
