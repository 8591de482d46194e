"""Keys that identify a song even if its file was moved, imported again, or replaced by a better copy.

A key is 12 hexadecimal digits: a hash of the recording's id, else of artist and title, else of the file. Several songs
may share artist and title (Untitled, Intro, Allegro), so such a key continues, after a point, with what distinguishes
them: 4 digits of album, disc and track, 2 of the length, 4 of the file. Keys of earlier versions lack this part.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets.library import Item

from . import sql

if TYPE_CHECKING:
    from beets.library import Library

DIGITS = 12
_FILE_DIGITS = 4
_COLUMNS = ("mb_trackid", "artist", "title", "album", "disc", "track", "length", "path")


@dataclass(frozen=True)
class RemovedSongs:
    """Songs that were removed from a list, and those that are in it: keys."""

    keys: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.keys)


def of_item(item: Item) -> str:
    """The key of a song."""
    place = (item.album, item.disc, item.track)
    return _key(item.mb_trackid, item.artist, item.title, *place, item.length, item.path)


def of_file(path: bytes) -> str:
    """The key of a file outside the library."""
    return _digest(b"file", os.fsencode(path))


def of_ids(lib: Library, ids: Iterable[int]) -> dict[int, str]:
    """The keys of some songs of the library, without loading them."""
    from_sql = Item._type("path").from_sql
    rows = sql.columns(lib, ids, _COLUMNS)
    return {
        id_: _key(recording, artist, title, album, disc, track, length, from_sql(path))
        for id_, (recording, artist, title, album, disc, track, length, path) in rows.items()
    }


def name_of(key: str) -> str:
    """The part of a key that all copies of a song share."""
    return key[:DIGITS]


def without(keys: Collection[str], others: Iterable[str]) -> set[str]:
    """Keys without others: each of the others takes away those most similar to it."""
    left = set(keys)
    for other in others:
        namesakes = [key for key in left if name_of(key) == name_of(other)]
        best = max((_matching_parts(key, other) for key in namesakes), default=0)
        left -= {key for key in namesakes if _matching_parts(key, other) == best}
    return left


def removed_namesakes(lib: Library, ids: Iterable[int], out: RemovedSongs) -> dict[int, list[int]]:
    """Those of some songs that have the name of one that was taken out, each with the songs that were taken out.

    Of several songs of one artist and title the likest is the one; where none is like it (it was deleted since, or
    moved and retagged), it is whichever is not in the list.
    """
    names = {name_of(key) for key in out.keys}
    wanted = {id_: name_of(key) for id_, key in of_ids(lib, ids).items() if name_of(key) in names}
    found: dict[str, list[int]] = {}
    for id_, name in wanted.items():
        if name not in found:
            same = of_ids(lib, [*_of_title(lib, id_), *(other for other in wanted if wanted[other] == name)])
            namesakes = {other: key for other, key in same.items() if name_of(key) == name}
            found[name] = _taken(namesakes, [key for key in out.keys if name_of(key) == name], out.kept)
    return {id_: found[name] for id_, name in wanted.items()}


def _taken(namesakes: dict[int, str], keys: list[str], kept: Collection[str]) -> list[int]:
    """The ids of the songs that keys of their name mean."""
    taken: set[int] = set()
    for key in keys:
        if "." not in key:  # of an earlier version, or of a recording
            return [*namesakes]
        matches = {id_: _matching_parts(other, key) for id_, other in namesakes.items() if other not in kept}
        taken |= {id_ for id_, parts in matches.items() if parts == max(matches.values())}
    return sorted(taken)


def _of_title(lib: Library, id_: int) -> list[int]:
    """A song and those of its title."""
    same = "SELECT id FROM items WHERE COALESCE(title, '') = (SELECT COALESCE(title, '') FROM items WHERE id = ?)"
    with lib.transaction() as tx:
        return [row[0] for row in tx.query(f"{same} COLLATE NOCASE", (id_,))]


def _matching_parts(a: str, b: str) -> int:
    """How many of album, length and file agree [0 to 3]; all, if a key has no such part."""
    one, other = a[DIGITS + 1 :], b[DIGITS + 1 :]
    if not one or not other:
        return 3
    return sum(one[part] == other[part] for part in (slice(0, 4), slice(4, 6), slice(6, 10)))


def _key(recording: str, artist: str, title: str, album: str, disc: int, track: int, length: float, path: bytes) -> str:
    file = of_file(path or b"")  # a damaged library may hold no path
    if recording:
        return _digest(b"recording", recording.encode("utf-8", "surrogatepass"))
    if not artist and not title:
        return file
    place = _named(b"place", (album or "").casefold(), str(disc), str(track))[:4]
    seconds = f"{round(length or 0) % 256:02x}"
    return f"{_named(b'name', artist.casefold(), title.casefold())}.{place}{seconds}{file[:_FILE_DIGITS]}"


def _named(kind: bytes, *texts: str) -> str:
    return _digest(kind, "\0".join(texts).encode("utf-8", "surrogatepass"))


def _digest(kind: bytes, what: bytes) -> str:
    return hashlib.sha1(kind + b"\0" + what, usedforsecurity=False).hexdigest()[:DIGITS]
