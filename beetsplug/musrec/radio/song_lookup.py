"""The library while the radio runs: it may change, be moved away and come back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beets.dbcore.db import DBAccessError
from beets.util import displayable_path

from musrec_core._text import one_line

from ..console import display_name
from ..library import song_keys
from ..library.vectors import LibraryState, state_of
from .listening import Song

if TYPE_CHECKING:
    from beets.library import Item, Library

    from .paths import MusicPaths


class LibraryGoneError(Exception):
    """The library can't be read now."""


class SongLookup:
    """The songs of a library as the radio names them; what is looked up is kept until the library changes.

    Parameters
    ----------
    lib : Library
    paths : MusicPaths
        What the player calls the files.
    """

    def __init__(self, lib: Library, paths: MusicPaths) -> None:
        self.lib, self._paths = lib, paths
        self._file = _identity(lib)
        self._state: LibraryState | None = None
        self._songs: dict[str, Song | None] = {}  # by what the player calls them
        self._earlier: dict[str, Song | None] = {}  # the same, before the library changed
        self._given: dict[str, int] = {}  # the same, of those that the radio appended: their ids
        self._ids: dict[Song, int | None] = {}

    @contextmanager
    def reading(self) -> Iterator[Library]:
        """The library, for reading; raises `LibraryGoneError` where that can't be done.

        An open connection would go on reading a file that was deleted, and a new one would make an empty file.
        """
        try:
            now = _identity(self.lib)
            if now is None:
                raise LibraryGoneError(f"the library {displayable_path(self.lib.path)} is not there")
            if now != self._file:
                self.lib._close()
                self._file = now
            with self.lib.transaction() as tx:
                tx.query("SELECT id FROM items LIMIT 1")  # a damaged file is found out now, and not half way
            self._forget_what_changed()
            yield self.lib
        except (sqlite3.Error, DBAccessError, OSError) as error:
            self.lib._close()
            raise LibraryGoneError(f"the library {displayable_path(self.lib.path)} can't be read: {error}") from None

    def _forget_what_changed(self) -> None:
        state = state_of(self.lib)
        if state is None or self._state is None or not self._state.is_same(state):
            self._earlier |= self._songs
            self._songs = {}
            self._ids.clear()
        self._state = state

    def songs(self, uris: Iterable[str]) -> dict[str, Song]:
        """The songs among what the player calls its files."""
        wanted = set(uris)
        if new := wanted - self._songs.keys():
            ids = self._paths.find(self.lib, new) | {uri: self._given[uri] for uri in new if uri in self._given}
            keys = song_keys.of_ids(self.lib, ids.values())
            self._songs.update(dict.fromkeys(new))
            self._songs.update({uri: Song(keys[id_], id_) for uri, id_ in ids.items() if id_ in keys})
        return {uri: song for uri in wanted if (song := self._songs[uri]) is not None}

    def remembered(self, uris: Iterable[str]) -> dict[str, Song]:
        """The same from memory, while the library is gone."""
        known = self._earlier | self._songs
        return {uri: song for uri in uris if (song := known.get(uri)) is not None}

    def note(self, uri: str, id_: int) -> None:
        """Note what the player calls an item."""
        self._given[uri] = id_
        self._songs.pop(uri, None)

    def ids(self, songs: Iterable[Song]) -> list[int]:
        """The ids that songs have now, in their order; those that are gone are left out.

        A song that was imported again has another id, and its old one may be another song's.
        """
        wanted = list(dict.fromkeys(songs))
        new = {song.key: song for song in wanted if song not in self._ids}
        there = song_keys.of_ids(self.lib, [song.id for song in new.values()])
        self._ids.update({song: song.id for song in new.values() if there.get(song.id) == song.key})
        if lost := {key: song for key, song in new.items() if song not in self._ids}:
            self._ids.update(dict.fromkeys(lost.values()))
            every = song_keys.of_ids(self.lib, _all_ids(self.lib))
            self._ids.update({lost[key]: id_ for id_, key in every.items() if key in lost})
        return [id_ for song in wanted if (id_ := self._ids[song]) is not None]


def named(item: Item) -> str:
    """A song for a message."""
    return one_line(display_name(item))


def _all_ids(lib: Library) -> list[int]:
    with lib.transaction() as tx:
        return [row[0] for row in tx.query("SELECT id FROM items")]


def _identity(lib: Library) -> tuple[int, int] | None:
    """What tells the library's file from another one of its name; None without a file."""
    try:
        now = os.stat(lib.path)
    except FileNotFoundError:
        return None
    return now.st_dev, now.st_ino
