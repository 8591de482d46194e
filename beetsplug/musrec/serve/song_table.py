"""What answers say of songs, and what caps and copies are told by: a library's items in memory, without beets' own."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from musrec_core.search.recordings import Copy, plain_artist, plain_title

from ..console import stem
from ..library import recordings

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

READ_AT_ONCE = 2000  # rows: some milliseconds, for which no other thread runs
PAUSE = 0.002  # seconds, for those that answer meanwhile
NAMES = ("id", "title", "artist", "album", *recordings.COLUMNS[2:])
_UNTITLED = "CASE WHEN trim(coalesce(title, '')) = '' THEN path END"
_ROWS = (
    f"SELECT {', '.join(NAMES)}, {_UNTITLED} FROM items "
    f"WHERE id > ? AND path IS NOT NULL ORDER BY id LIMIT {READ_AT_ONCE}"
)


@dataclass(frozen=True)
class Song:
    """A song of an answer."""

    id: int  # of the item
    title: str
    artist: str
    album: str
    length: float  # [s]
    distance: float | None = None  # from the seeds; None where it is not one of those that were found


class SongTable:
    """Every item of a library, as it was when it was read.

    Parameters
    ----------
    rows : list of tuples
        `NAMES` of each item, in the order of their ids.
    plain : dict of str to str
        `plain_title` of titles that were read before; grows.
    stems : mapping of int to str
        The file's name of each item without a title, by which it is known.

    Attributes
    ----------
    ids : np.ndarray [shape=(n,)]
        Ascending.
    artists, albums : np.ndarray [shape=(n,)]
        A number for the artist and for the album of each item, 0 where it has none.
    twins : np.ndarray [shape=(n,)]
        Whether another item has the same title and artist in plain words, or the same recording's id: no other item can
        be a copy.
    """

    def __init__(self, rows: list[tuple[Any, ...]], plain: dict[str, str], stems: Mapping[int, str]) -> None:
        self._rows, self._stems = rows, stems
        self.ids = np.array([row[0] for row in rows], np.int64)
        self.artists = _numbers(row[2].casefold() if row[2] else None for row in rows)  # a number each, 0 for none
        self.albums = _numbers(row[NAMES.index("album_id")] for row in rows)
        self.twins = _shared(_names(rows, plain)) | _shared(row[NAMES.index("mb_trackid")] for row in rows)

    @classmethod
    def read(cls, lib: Library, plain: dict[str, str]) -> SongTable:
        """Read a library, a part at a time, with a pause between: others answer meanwhile, and beets may write."""
        rows: list[tuple[Any, ...]] = []
        stems: dict[int, str] = {}
        texts: dict[str, str] = {}  # an album's songs share its name, and the artist's
        for part in _parts(lib):
            for id_, title, *others, path in part:
                if path is not None:
                    stems[id_] = stem(bytes(path))
                shared = (texts.setdefault(value, value) if isinstance(value, str) else value for value in others)
                rows.append((id_, title, *shared))
            time.sleep(PAUSE)
        return cls(rows, plain, stems)

    def __len__(self) -> int:
        return len(self._rows)

    def positions(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.intp]:
        """The positions of some ids that are here [shape=(m,)]."""
        return np.searchsorted(self.ids, np.asarray(ids, np.int64))

    def holds(self, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some ids are here [shape=(m,)]."""
        wanted = np.asarray(ids, np.int64)
        if not len(self.ids):
            return np.zeros(len(wanted), np.bool_)
        places = np.minimum(self.positions(wanted), len(self.ids) - 1)
        return np.asarray(self.ids[places] == wanted)

    def songs(self, found: Iterable[tuple[int, float | None]]) -> list[Song]:
        """The songs of some ids and their distances; those that are not here are left out."""
        known = self._row_of
        songs = []
        for id_, distance in found:
            if (place := known.get(id_)) is not None:
                _, title, artist, album, length, *_ = self._rows[place]
                name = self._stems.get(id_) or title or ""
                songs.append(Song(id_, name, artist or "", album or "", _seconds(length), distance))
        return songs

    def artists_of(self, ids: Sequence[int]) -> dict[int, Hashable]:
        """A number for the artist of each song, None where it has none."""
        return {id_: n or None for id_, n in zip(ids, self.artists[self.positions(ids)].tolist(), strict=True)}

    def copy_of(self, id_: int) -> Copy | None:
        """What tells copies of a recording; None where the item is not here."""
        place = self._row_of.get(id_)
        if place is None:
            return None
        row = self._rows[place]
        return recordings.copy_of([row[1], row[2], *row[4:]])

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {id_: place for place, id_ in enumerate(self.ids.tolist())}


def _parts(lib: Library) -> Iterator[list[tuple[Any, ...]]]:
    last = -1
    while True:
        with lib.transaction() as tx:
            part = [tuple(row) for row in tx.query(_ROWS, (last,))]
        if not part:
            return
        last = part[-1][0]
        yield part


def _seconds(length: Any) -> float:
    """A length that JSON can say: a damaged file's may be anything."""
    return float(length) if isinstance(length, int | float) and math.isfinite(length) else 0.0


def _names(rows: list[tuple[Any, ...]], plain: dict[str, str]) -> Iterator[tuple[str, str] | None]:
    """Title and artist in plain words; None without a title."""
    artist = cache(plain_artist)
    for row in rows:
        title = row[1] or ""
        if title not in plain:
            plain[title] = plain_title(title)
        yield (plain[title], artist(row[2] or "")) if plain[title] else None


def _numbers(values: Iterable[Any]) -> NDArray[np.int64]:
    """A number for each different value, from 1 on; 0 for None."""
    known: dict[Any, int] = {None: 0}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _shared(values: Iterable[Any]) -> NDArray[np.bool_]:
    """Which values occur twice or more; empty ones do not count."""
    numbers = _numbers(value or None for value in values)
    return np.asarray((np.bincount(numbers, minlength=1)[numbers] > 1) & (numbers > 0))
