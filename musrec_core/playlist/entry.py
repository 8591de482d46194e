"""A song of a playlist, and how a playlist names it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from .._text import one_line

_DRIVE = re.compile(rb"[A-Za-z]:(?=[\\/]|$)")
_FILE_URI = re.compile(rb"file:(//(?=/))?(//)?")  # before `/` and a path, or a share's host
_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters or more: `C:` is a drive


@dataclass(frozen=True)
class Tags:
    """What a song's tags say of it; an empty text or 0 where they say nothing."""

    title: str = ""
    artist: str = ""
    album: str = ""
    track: int = 0
    recording_id: str = ""  # MusicBrainz'


@dataclass(frozen=True)
class Entry:
    """One song of a playlist.

    Attributes
    ----------
    path : bytes
        As the file system has it; absolute.
    title : str
        What a player shows, such as ``Artist - Title``.
    seconds : float, optional
        Length [s]; unknown without it.
    uri : str, optional
        What to write instead of the path: a server's address of the song.
    tags : Tags, optional
        For the formats that hold them one by one (XSPF, JSPF).
    id : int, optional
        Of the song in the library, which an address may contain.
    """

    path: bytes
    title: str
    seconds: float | None = None
    uri: str | None = None
    tags: Tags | None = None
    id: int | None = None


@dataclass(frozen=True)
class Kept:
    """An entry of a playlist as written in the file: the comments above it, and its location."""

    comments: tuple[bytes, ...]
    location: bytes

    @property
    def lines(self) -> tuple[bytes, ...]:
        """As they stood."""
        return (*self.comments, self.location)


@dataclass(frozen=True)
class Style:
    """How a playlist names its songs; most are options of beets' smartplaylist, with its names.

    Attributes
    ----------
    relative_to : bytes, optional
        Folder that the paths are made relative to; absolute without it.
    forward_slash : bool
        ``/`` for ``\\``: for another system's player.
    urlencode : bool
        Percent-encoded paths.
    prefix : bytes
        Put before each path.
    extended : bool
        With titles and lengths (extended M3U), or paths alone.
    folders : mapping of bytes to bytes
        A folder -> what it is called where the playlist is read; of several that fit, the deepest counts.
    encoding : str
        Of an M3U file; one in which ASCII stays ASCII.
    as_uri : bool
        Locations are URIs, as XSPF wants them.
    """

    relative_to: bytes | None = None
    forward_slash: bool = False
    urlencode: bool = False
    prefix: bytes = b""
    extended: bool = True
    folders: Mapping[bytes, bytes] | None = None
    encoding: str = "utf-8"
    as_uri: bool = False

    def location(self, entry: Entry) -> bytes:
        """The line of an entry.

        Raises
        ------
        ValueError
            It can't be one: a line break, or (``UnicodeError``) a character that the encoding does not have.
        """
        if entry.uri is not None:
            return one_line(entry.uri).encode("utf-8", "replace")
        head, location = self._named(entry.path)
        if self.forward_slash:
            head, location = head.replace(b"\\", b"/"), location.replace(b"\\", b"/")
        if self.as_uri:
            return self._uri(head, location)
        if self.urlencode:
            head = head if _is_foreign(head) else quote(head).encode("ascii")
            return self.prefix + head + quote(location).encode("ascii")
        location = head + location
        if b"\n" in location or b"\r" in location:
            raise ValueError(f"a line break in the path {entry.path!r}")
        if not self.prefix and (location.startswith(b"#") or location != location.strip()):
            location = os.path.join(b".", location)  # a player would see a comment, or trim
        return self._encoded(self.prefix + location)

    def can_hold(self, entry: Entry) -> bool:
        """Whether an entry's location can be written."""
        try:
            self.location(entry)
        except ValueError:
            return False
        return True

    def is_in_folders(self, path: bytes) -> bool:
        """Whether a path is in one of the folders that have another name, if there are any."""
        return not self.folders or any(_rest(path, folder) is not None for folder in self.folders)

    def paths_in(self, location: bytes) -> list[bytes]:
        """The paths that a location may mean in the folders that have another name, the most literal first."""
        if self.encoding != "utf-8":
            location = os.fsencode(location.decode(self.encoding, "replace"))
        location = location.removeprefix(self.prefix)
        readings = [location, *([unquote_to_bytes(location)] if self.urlencode or self.as_uri else [])]
        if self.as_uri and (uri := _FILE_URI.match(location)):
            path = unquote_to_bytes(location[uri.end() :])
            readings.append(path[1:] if _DRIVE.match(path[1:]) else path if path.startswith(b"/") else b"//" + path)
        found = []
        for folder, name in sorted((self.folders or {}).items(), key=lambda pair: len(pair[1]), reverse=True):
            for reading in readings:
                rest = _rest(reading, name) if name else None if _is_whole(reading) else b"/" + reading
                if rest is not None:
                    found.append(b"".join(_joined(name, folder, rest)))
        return list(dict.fromkeys(found))

    def _named(self, path: bytes) -> tuple[bytes, bytes]:
        """A path as it is read elsewhere: what a mapped folder is called there, and the rest."""
        for folder in sorted(self.folders or (), key=len, reverse=True):
            if (rest := _rest(path, folder)) is not None:
                return _joined(folder, (self.folders or {})[folder], rest)
        return b"", path if self.relative_to is None else os.path.relpath(path, self.relative_to)

    def _encoded(self, location: bytes) -> bytes:
        if self.encoding == "utf-8":
            return location  # as the file system has it, even where that is no UTF-8
        return os.fsdecode(location).encode(self.encoding)

    def _uri(self, head: bytes, location: bytes) -> bytes:
        if self.prefix or _SCHEME.match(head):
            return self.prefix + head + quote(location).encode("ascii")
        path = head + location
        if path.startswith(b"\\\\"):  # a share: //host/folder
            return b"file:" + quote(path.replace(b"\\", b"/")).encode("ascii")
        if drive := _DRIVE.match(path):
            return b"file:///" + drive[0] + quote(path[drive.end() :].replace(b"\\", b"/")).encode("ascii")
        if os.sep == "\\":
            path = path.replace(b"\\", b"/")
        return (b"file://" if path.startswith(b"/") else b"") + quote(path).encode("ascii")


def _rest(path: bytes, folder: bytes) -> bytes | None:
    """What follows a folder in a path, from the separator on; None where the path is not in it."""
    separators = b"\\/" if _is_windows(folder) else b"/"
    start = folder.rstrip(separators)
    head, rest = path[: len(start)], path[len(start) :]
    if _is_windows(folder):  # neither case nor the kind of separator matters
        head, start = (each.replace(b"/", b"\\").lower() for each in (head, start))
    return rest if head == start and (not rest or rest[:1] in (separators[:1], separators[-1:])) else None


def _joined(folder: bytes, name: bytes, rest: bytes) -> tuple[bytes, bytes]:
    """A folder's other name and the rest of a path, with the separators of the system that the name is of."""
    if _is_windows(name):
        name, rest = name.replace(b"/", b"\\"), rest.replace(b"/", b"\\")
    elif _is_windows(folder):
        rest = rest.replace(b"\\", b"/")
    name = name.rstrip(b"\\" if _is_windows(name) else b"/") if name.strip(b"/") else name[:1]
    return (b"", rest) if name == b"/" else (name, rest) if name else (b"", rest[1:])


def _is_windows(path: bytes) -> bool:
    return bool(_DRIVE.match(path)) or path.startswith(b"\\\\")


def _is_whole(path: bytes) -> bool:
    return path.startswith(b"/") or _is_foreign(path)


def _is_foreign(head: bytes) -> bool:
    """Whether it begins with a drive, a share or a scheme, whose `:` and `\\` are no part of a name."""
    return _is_windows(head) or bool(_SCHEME.match(head))
