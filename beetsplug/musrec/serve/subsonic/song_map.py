"""Which songs of a media server are which items, ready to be looked up; kept in a file beside the library."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from musrec_core._files import atomic_write

from ...library.vectors import state_of
from .matching import Matching, Reason, match
from .songs import ServerSong, Tags, library_songs

if TYPE_CHECKING:
    from beets.library import Library

    from ...library.vectors import FileState, LibraryState

FORMAT = 1  # of the file, and of the rules of matching
_FIELDS = attrgetter(*(each.name for each in fields(Tags)))


@dataclass(frozen=True)
class ServerList:
    """All songs of a media server, as text: as objects they would weigh ten times as much, and are seldom needed.

    Attributes
    ----------
    server : str
        Its address and user.
    mark : str
        The state of its scan that they are of.
    count : int
    text : bytes
        One line; the same for the same songs.
    """

    server: str
    mark: str
    count: int
    text: bytes

    @classmethod
    def of(cls, server: str, mark: str, songs: Iterable[ServerSong]) -> ServerList:
        """The list of some songs, in any order."""
        rows = sorted([song.id, song.artist_id, *_FIELDS(song.tags)] for song in songs)
        return cls(server, mark, len(rows), _line(rows))

    def songs(self) -> list[ServerSong]:
        """The songs, read anew."""
        return [ServerSong(id_, artist_id, Tags(*tags)) for id_, artist_id, *tags in json.loads(self.text)]


@dataclass(frozen=True)
class SongMap:
    """Songs of a media server and their items.

    Attributes
    ----------
    source : ServerList
    folders : mapping of str to str
        `musrec.serve.subsonic.paths`.
    state : LibraryState or None
        The library's when they were matched.
    items : mapping of str to int
        A song's id -> the item's.
    files : mapping of int to int
        A checksum of the path of each of these items: SQLite gives the ids of deleted items to new ones.
    artist_ids : mapping of int to str
        An item's id -> the artist's, where the server gives one.
    artist_names : mapping of str to str
        An artist's id -> the name, as on most songs.
    ambiguous : int
        How many songs may be several items, or share one with others, and are left out.
    """

    source: ServerList
    folders: Mapping[str, str]
    state: LibraryState | None
    items: Mapping[str, int]
    files: Mapping[int, int]
    artist_ids: Mapping[int, str]
    artist_names: Mapping[str, str]
    ambiguous: int

    @cached_property
    def songs(self) -> dict[int, str]:
        """An item's id -> the song's; the first, where the server lists a file twice."""
        return {item: song for song, item in sorted(self.items.items(), reverse=True)}

    @cached_property
    def known(self) -> frozenset[int]:
        return frozenset(self.files)

    @cached_property
    def artists(self) -> dict[str, list[int]]:
        """An artist's id -> the ids of the items."""
        found: dict[str, list[int]] = {}
        for item, artist in sorted(self.artist_ids.items()):
            found.setdefault(artist, []).append(item)
        return found


def make(lib: Library, source: ServerList, folders: Mapping[str, str]) -> tuple[SongMap, Matching]:
    """Match the songs of a server to the library as it is now."""
    state = state_of(lib)
    items = list(library_songs(lib))
    songs = source.songs()
    matching = match(songs, items, folders, os.fsdecode(lib.directory))
    taken = set(matching.items.values())
    files = {item.id: file_mark(item.tags.path) for item in items if item.id in taken}
    artist_ids, names = _artists(songs, matching.items)
    ambiguous = sum(left.reason is Reason.SEVERAL for left in matching.songs_left.values())
    return SongMap(source, folders, state, matching.items, files, artist_ids, names, ambiguous), matching


def _artists(songs: Sequence[ServerSong], items: Mapping[str, int]) -> tuple[dict[int, str], dict[str, str]]:
    """The artists of items, and what they are called on most songs."""
    ids: dict[int, str] = {}
    names: dict[str, Counter[str]] = {}
    for song in songs:
        if song.artist_id and song.id in items:
            ids[items[song.id]] = song.artist_id
            names.setdefault(song.artist_id, Counter())[song.tags.artist] += 1
    return ids, {artist: counter.most_common(1)[0][0] for artist, counter in names.items()}


def file_mark(path: str) -> int:
    return zlib.crc32(os.fsencode(path))


# The file.


def path_of(lib: Library) -> str:
    """The file beside the library that keeps the map."""
    return f"{os.fsdecode(lib.path)}.musrec-subsonic"


def save(lib: Library, found: SongMap) -> None:
    """Keep a map; raises `OSError`."""
    head = {
        "format": FORMAT,
        "server": found.source.server,
        "mark": found.source.mark,
        "count": found.source.count,
        "folders": dict(found.folders),
        "state": found.state.file if found.state else None,
        "ambiguous": found.ambiguous,
        "artists": found.artist_names,
        "items": [[song, item, found.files[item], found.artist_ids.get(item)] for song, item in found.items.items()],
    }
    with atomic_write(path_of(lib)) as file:
        file.write(_line({**head, "songs": zlib.crc32(found.source.text)}))
        file.write(found.source.text)


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def load(lib: Library, server: str, folders: Mapping[str, str]) -> SongMap | None:
    """The map that was kept of this server; None if there is none.

    If the library has changed since, its `state` is None: each item has to be looked at until all are matched anew.

    Raises
    ------
    OSError, ValueError
        The file can't be read, or is damaged.
    """
    try:
        with open(path_of(lib), "rb") as file:
            first, rest = file.readline(), file.read()
    except FileNotFoundError:
        return None
    try:
        head = json.loads(first)
        if head["format"] != FORMAT or head["server"] != server:
            return None
        if head["songs"] != zlib.crc32(rest):
            raise KeyError
        source = ServerList(server, str(head["mark"]), int(head["count"]), rest)
        if head["folders"] == dict(folders):
            return _kept_map(source, folders, _unchanged(lib, head["state"]), head)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"damaged: {type(error).__name__}") from None
    return make(lib, source, folders)[0]


def _kept_map(
    source: ServerList, folders: Mapping[str, str], state: LibraryState | None, head: Mapping[str, Any]
) -> SongMap:
    rows = head["items"]
    items = {str(song): int(item) for song, item, _, _ in rows}
    files = {int(item): int(mark) for _, item, mark, _ in rows}
    artist_ids = {int(item): str(artist) for _, item, _, artist in rows if artist is not None}
    names = {str(artist): str(name) for artist, name in head["artists"].items()}
    if not names.keys() >= set(artist_ids.values()):
        raise KeyError
    return SongMap(source, folders, state, items, files, artist_ids, names, int(head["ambiguous"]))


def _unchanged(lib: Library, kept: FileState | None) -> LibraryState | None:
    """The library's state, if nothing was written to it since the one that was kept."""
    state = state_of(lib)
    return state if state is not None and state.file == kept else None
