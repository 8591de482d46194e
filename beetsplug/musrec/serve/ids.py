"""The ids by which clients know songs and artists: beets' own, or those of a media server."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from musrec_core.search.recordings import plain_name

from ..library.vectors import LibraryState, state_of
from ..similar.groups import Groups, by_artist
from .follower import reading

if TYPE_CHECKING:
    from beets.library import Library

    from .answers import Answers

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)  # what SQLite can hold


class SongIds(Protocol):
    """Translates ids; every method may be called by many threads at once."""

    @property
    def known(self) -> Collection[int] | None:
        """The ids of the items that clients can play, and that answers are chosen from; None: all."""

    def item(self, song: str) -> int | None:
        """The id of the item that a client's id stands for; None where it stands for none."""

    def song(self, item: int) -> str | None:
        """The client's id of an item; None where the client has no such song."""

    def items_of_artist(self, artist: str) -> list[int] | None:
        """The ids of an artist's items; None where a client's artist id stands for none."""

    def artist_of(self, item: int) -> tuple[str, str] | None:
        """The client's id and name of the artist of an item; None where it has none."""

    def status(self) -> dict[str, Any]:
        """What `/status` says of them: `ids`, whose they are, and how many songs are `matched` and `unmatched`."""


@dataclass(frozen=True)
class _Artists:
    """The library's artists, as they were in a state of it."""

    state: LibraryState | None
    groups: Groups
    numbers: dict[str, int]  # name in plain words -> the artist's number


class BeetsIds:
    """The ids of beets itself: a song's is its item's; an artist's is the name in plain words ("beatles").

    An artist is found by the name in any spelling, or by MusicBrainz' id, too.

    Parameters
    ----------
    lib : Library
    answers : Answers, optional
        Know the items and the artists, so that the library need not be asked.
    """

    known: Collection[int] | None = None

    def __init__(self, lib: Library, answers: Answers | None = None) -> None:
        self._lib, self._answers, self._lock = lib, answers, Lock()
        self._last: _Artists | None = None

    def item(self, song: str) -> int | None:
        if not _NUMBER.fullmatch(song):
            return None
        if self._answers is not None:
            return int(song) if self._answers.holds(int(song)) else None
        with reading(self._lib) as lib, lib.transaction() as tx:
            rows = tx.query("SELECT id FROM items WHERE id = ?", (int(song),))
        return int(song) if rows else None

    def song(self, item: int) -> str | None:
        return str(item)

    def items_of_artist(self, artist: str) -> list[int] | None:
        artists = self._artists()
        number = artists.numbers.get(plain_name(artist))
        return artists.groups.songs[number] if number is not None else self._of_musicbrainz(artist)

    def _of_musicbrainz(self, artist: str) -> list[int] | None:
        if not _UUID.fullmatch(artist.lower()):
            return None
        with reading(self._lib) as lib, lib.transaction() as tx:
            rows = tx.query("SELECT id FROM items WHERE lower(mb_artistid) = ? ORDER BY id", (artist.lower(),))
        return [row[0] for row in rows] or None

    def artist_of(self, item: int) -> tuple[str, str] | None:
        groups = self._artists().groups
        number = groups.of_song.get(item)
        return None if number is None else (groups.labels[number], groups.names[number])

    def status(self) -> dict[str, Any]:
        return {"ids": "beets"}

    def close(self) -> None:
        """There is nothing to end, other than with the ids of a media server."""

    def _artists(self) -> _Artists:
        """Read anew when the library has changed."""
        if self._answers is not None:
            groups = self._answers.artist_groups()
            with self._lock:
                if self._last is None or self._last.groups is not groups:
                    self._last = _Artists(None, groups, {name: n for n, name in enumerate(groups.labels)})
                return self._last
        state = state_of(self._lib)
        with self._lock:
            last = self._last
            if last is None or last.state is None or state is None or not last.state.is_same(state):
                with reading(self._lib) as lib:
                    groups = by_artist(lib)
                self._last = last = _Artists(state, groups, {name: n for n, name in enumerate(groups.labels)})
            return last
