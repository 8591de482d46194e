"""What a dataset's further columns tell of recordings: names, lengths, ids."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import CatalogueError
from ...search.copies import KnownColumns
from ...search.recordings import Copy, plain_artist, plain_title
from ..dataset import Catalogue
from ..neighbours.selection import Selection
from ..schema import PATH, VECTOR, vectors_in

_GUESSED = {  # what is looked for where the user names no column, the first that is there
    "title": ("title",),
    "artist": ("artist",),
    "length": ("length", "duration"),
    "recording": ("mb_trackid", "isrc"),
    "album": ("album",),
    "track": ("track",),
    "disc": ("disc",),
}


@dataclass(frozen=True)
class RecordingColumns:
    """The names of columns; None where there is none.

    Attributes
    ----------
    title, artist, album : str, optional
    length : str, optional
        Seconds.
    recording : str, optional
        An id of the recording: MusicBrainz', an ISRC.
    track, disc : str, optional
        The place on the album.
    """

    title: str | None = None
    artist: str | None = None
    length: str | None = None
    recording: str | None = None
    album: str | None = None
    track: str | None = None
    disc: str | None = None

    @classmethod
    def of(cls, catalogue: Catalogue, named: Mapping[str, str]) -> RecordingColumns:
        """Those that the user names, else those that are called as usual.

        Raises
        ------
        CatalogueError
            There is no such column, or it is of a type that can't be used.
        """
        kinds = [field.name for field in fields(cls)]
        for kind, name in named.items():
            if kind not in kinds:
                raise CatalogueError(f"{kind} is nothing that a column tells: {', '.join(kinds)}")
            catalogue.require_columns([name])
            if kind == "length" and not _is_number(catalogue.schema.field(name).type):
                raise CatalogueError(f"the column {name} holds no numbers, and lengths are numbers of seconds")
        there = {
            kind: next((name for name in names if name in catalogue.schema.names), None)
            for kind, names in _GUESSED.items()
        }
        if there["length"] and not _is_number(catalogue.schema.field(there["length"]).type):
            there["length"] = None
        return replace(cls(**there), **named)

    @property
    def names(self) -> list[str]:
        """The columns, each once."""
        return list(dict.fromkeys(name for field in fields(self) if (name := getattr(self, field.name))))

    def copies(self, batch: pa.RecordBatch) -> list[Copy]:
        """What is known of each row."""
        columns = {field.name: self._column(batch, field.name) for field in fields(self)}
        return [
            Copy(
                title=_text(title),
                artist=_text(artist),
                length=_seconds(length),
                recording=_text(recording),
                album=_number(f"{_plain_artist(_text(artist))}\0{album}") if album and track is not None else 0,
                place=(_count(disc), _count(track)),
            )
            for title, artist, length, recording, album, track, disc in zip(*columns.values(), strict=True)
        ]

    def _column(self, batch: pa.RecordBatch, kind: str) -> Sequence[Any]:
        name = getattr(self, kind)
        return [None] * batch.num_rows if name is None else batch[name].to_pylist()


def read_known(selection: Selection, columns: RecordingColumns) -> KnownColumns:
    """What is known of all tracks, by rank: 48 bytes a track."""
    n = len(selection)
    none = np.full(n, -1, np.int64)
    known = KnownColumns(np.zeros(n), none, none.copy(), none.copy(), np.zeros(n, np.int64), none.copy())
    if not columns.names:
        return known
    for ranks, batch in selection.rows(columns.names):
        copies = columns.copies(batch)
        known.length[ranks] = [copy.length for copy in copies]
        titles = [plain_title(copy.title) if copy.title else None for copy in copies]
        known.title[ranks] = [-1 if title is None else _number(title) for title in titles]
        known.name[ranks] = [
            -1 if title is None else _number(f"{_plain_artist(copy.artist)}\0{title}")
            for copy, title in zip(copies, titles, strict=True)
        ]
        known.recording[ranks] = [_number(copy.recording) if copy.recording else -1 for copy in copies]
        known.album[ranks] = [copy.album for copy in copies]
        known.place[ranks] = [copy.place[0] << 32 | copy.place[1] for copy in copies]
    return known


@dataclass(frozen=True, eq=False)
class Member:
    """A track of which a copy may be there."""

    id: str
    path: str | None
    copy: Copy
    vector: NDArray[np.float32]


def read_members(selection: Selection, columns: RecordingColumns, ranks: Iterable[int]) -> dict[int, Member]:
    """All that is needed of some tracks."""
    wanted = np.zeros(len(selection), np.bool_)
    wanted[list(ranks)] = True
    found: dict[int, Member] = {}
    if not wanted.any():
        return found
    for some, batch in selection.rows(list(dict.fromkeys([PATH, VECTOR, *columns.names]))):
        here = np.flatnonzero(wanted[some])
        part = batch.take(pa.array(here))
        vectors = vectors_in(part[VECTOR])
        copies, paths = columns.copies(part), part[PATH].to_pylist()
        for rank, path, copy, vector in zip(some[here].tolist(), paths, copies, vectors, strict=True):
            found[rank] = Member(selection.ids[rank].as_py(), path, copy, vector)
    return found


@lru_cache(maxsize=4096)
def _plain_artist(artist: str) -> str:
    return plain_artist(artist)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _number(text: str) -> int:
    """63 bits, so that different texts have different numbers, as good as surely."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big") >> 1


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _seconds(value: Any) -> float:
    seconds = 0.0 if value is None else float(value)
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _count(value: object) -> int:
    """A track's number: 7 of ``7`` and of ``7/12``."""
    digits = str(value).partition("/")[0].strip() if value is not None else ""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 7 else 0
