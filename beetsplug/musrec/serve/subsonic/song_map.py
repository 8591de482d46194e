"""Which songs of a media server are which items, ready to be looked up; kept in a file beside the library."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from musrec_core._files import atomic_write

from ...library.vectors import state_of
from .matching import Matching, Reason, match
from .songs import ServerSong, Tags, library_songs

if TYPE_CHECKING:
    from beets.library import Library

    from ...library.vectors import FileState, LibraryState

FORMAT = 1  # of the file, and of the rules of matching


@dataclass(frozen=True)
class ServerList:
    """All songs of a media server.

    Attributes
    ----------
    server : str
        Its address and user.
    mark : str
        The state of its scan that they are of.
    """

    server: str
    mark: str
    songs: Sequence[ServerSong]


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
    ambiguous : int
        How many songs may be several items, or share one with others, and are left out.
    """

    source: ServerList
    folders: Mapping[str, str]
    state: LibraryState | None
    items: Mapping[str, int]
    files: Mapping[int, int]
    ambiguous: int

    @cached_property
    def songs(self) -> dict[int, str]:
        """An item's id -> the song's; the first, where the server lists a file twice."""
        return {item: song for song, item in sorted(self.items.items(), reverse=True)}

    @cached_property
    def known(self) -> frozenset[int]:
        return frozenset(self.songs)

    @cached_property
    def artists(self) -> dict[str, list[int]]:
        """An artist's id -> the ids of the items."""
        found: dict[str, list[int]] = {}
        for song in self.source.songs:
            if song.artist_id and song.id in self.items:
                found.setdefault(song.artist_id, []).append(self.items[song.id])
        return {artist: sorted(set(items)) for artist, items in found.items()}

    @cached_property
    def artist_ids(self) -> dict[int, str]:
        """An item's id -> the artist's."""
        return {item: artist for artist, items in self.artists.items() for item in items}

    @cached_property
    def artist_names(self) -> dict[str, str]:
        """An artist's id -> the name, as on most songs."""
        names: dict[str, Counter[str]] = {}
        for song in self.source.songs:
            names.setdefault(song.artist_id, Counter())[song.tags.artist] += 1
        return {artist: counter.most_common(1)[0][0] for artist, counter in names.items()}


def make(lib: Library, source: ServerList, folders: Mapping[str, str]) -> tuple[SongMap, Matching]:
    """Match the songs of a server to the library as it is now."""
    state = state_of(lib)
    items = list(library_songs(lib))
    matching = match(source.songs, items, folders, os.fsdecode(lib.directory))
    taken = set(matching.items.values())
    files = {item.id: file_mark(item.tags.path) for item in items if item.id in taken}
    ambiguous = sum(left.reason is Reason.SEVERAL for left in matching.songs_left.values())
    return SongMap(source, folders, state, matching.items, files, ambiguous), matching


def file_mark(path: str) -> int:
    return zlib.crc32(os.fsencode(path))


# The file.


def path_of(lib: Library) -> str:
    """The file beside the library that keeps the map."""
    return f"{os.fsdecode(lib.path)}.musrec-subsonic"


def save(lib: Library, found: SongMap) -> None:
    """Keep a map; raises `OSError`."""
    document = {
        "format": FORMAT,
        "server": found.source.server,
        "mark": found.source.mark,
        "folders": dict(found.folders),
        "state": found.state.file if found.state else None,
        "songs": [[song.id, song.artist_id, *astuple(song.tags)] for song in found.source.songs],
        "ambiguous": found.ambiguous,
        "items": [[song, item, found.files[item]] for song, item in found.items.items()],
    }
    with atomic_write(path_of(lib)) as file:
        file.write(json.dumps(document, separators=(",", ":")).encode())


def load(lib: Library, server: str, folders: Mapping[str, str]) -> SongMap | None:
    """The map that was kept of this server; None if there is none.

    Its items count only if nothing was written to the library since; else they are matched anew.

    Raises
    ------
    OSError, ValueError
        The file can't be read, or is damaged.
    """
    try:
        with open(path_of(lib), "rb") as file:
            document = json.loads(file.read())
    except FileNotFoundError:
        return None
    try:
        if document["format"] != FORMAT or document["server"] != server:
            return None
        source = ServerList(server, str(document["mark"]), [_song(row) for row in document["songs"]])
        state = state_of(lib)
        if document["folders"] == dict(folders) and _is_file_state(state, document["state"]):
            items = {str(song): int(item) for song, item, _ in document["items"]}
            files = {int(item): int(mark) for _, item, mark in document["items"]}
            return SongMap(source, folders, state, items, files, int(document["ambiguous"]))
    except (KeyError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(f"damaged: {type(error).__name__}") from None
    return make(lib, source, folders)[0]


def _is_file_state(state: LibraryState | None, kept: FileState | None) -> bool:
    return state is not None and state.file == kept


def _song(row: Sequence[Any]) -> ServerSong:
    id_, artist_id, title, artist, album_artist, album, length, recording, disc, track, path = row
    texts = (id_, artist_id, title, artist, album_artist, album, recording, path)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    tags = Tags(title, artist, album_artist, album, float(length), recording, int(disc), int(track), path)
    return ServerSong(id_, artist_id, tags)


def is_same_list(a: Iterable[ServerSong], b: Iterable[ServerSong]) -> bool:
    """Whether two lists have the same songs with the same tags."""
    return {song.id: song for song in a} == {song.id: song for song in b}
