"""Extended M3U: what players open. Written as UTF-8, one entry a line, atomically; read as others write it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from .files import atomic_write
from .text import one_line

__all__ = ["Entry", "encode", "has_line_break", "one_line", "read", "write"]

_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters or more: `C:` is a drive
_FILE_URI = re.compile(rb"file:(//(localhost)?(?=/))?", re.IGNORECASE)
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")


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
    """

    path: bytes
    title: str
    seconds: float | None = None


def encode(entries: Iterable[Entry], *, relative_to: bytes | None = None) -> bytes:
    """Entries -> the text of an extended M3U file.

    Parameters
    ----------
    entries : iterable of Entry
    relative_to : bytes, optional
        Folder that the paths are made relative to; absolute without it.

    Raises
    ------
    ValueError
        A path holds a line break, which M3U can't express.
    """
    lines = [b"#EXTM3U"]
    for entry in entries:
        length = round(entry.seconds) if entry.seconds is not None and entry.seconds > 0 else -1
        lines.append(f"#EXTINF:{length},{one_line(entry.title)}".encode("utf-8", "replace"))
        lines.append(_location(entry.path, relative_to))
    return b"\n".join(lines) + b"\n"


def has_line_break(path: bytes) -> bool:
    """Whether a path can't stand in a playlist."""
    return b"\n" in path or b"\r" in path


def _location(path: bytes, relative_to: bytes | None) -> bytes:
    if has_line_break(path):
        raise ValueError(f"a line break in the path {path!r}")
    location = os.path.relpath(path, relative_to) if relative_to is not None else path
    if location.startswith(b"#") or location != location.strip():  # a player would see a comment, or trim
        location = os.path.join(b".", location)
    return location


def write(path: str | bytes | os.PathLike[str], entries: Iterable[Entry], *, relative_to: bytes | None = None) -> None:
    """Write a playlist: whoever opens the file sees the old one or the new one, never a half.

    Missing folders are made. Raises ``OSError`` where the folder can't be written, ``ValueError`` as `encode` does.
    """
    content = encode(entries, relative_to=relative_to)
    with atomic_write(path) as file:
        file.write(content)


def read(path: str | bytes | os.PathLike[str], *, relative_to: bytes | None = None) -> tuple[list[bytes], list[bytes]]:
    """The files that a playlist names, in its order.

    Comments and empty lines are left out; a byte order mark and Windows' line ends do not matter. Locations may be
    absolute or relative paths, ``file:`` URIs, and percent-encoded paths (taken as such only where the plain path does
    not exist, since a name may hold ``%20`` itself).

    Parameters
    ----------
    path : str, bytes or PathLike
    relative_to : bytes, optional
        A folder to try after the playlist's own.

    Returns
    -------
    files : list of bytes
        Absolute paths; those that do not exist are here too.
    streams : list of bytes
        Locations that are no files: ``http:`` and the like.

    Raises
    ------
    OSError
        The playlist can't be read.
    """
    name = os.fsencode(path)
    bases = [os.path.dirname(os.path.abspath(name)), *([relative_to] if relative_to is not None else [])]
    with open(name, "rb") as file:
        lines = file.read().removeprefix(b"\xef\xbb\xbf").splitlines()
    files, streams = [], []
    for line in filter(None, (line.strip() for line in lines)):
        if line.startswith(b"#"):
            continue
        if uri := _FILE_URI.match(line):
            files.append(os.path.normpath(unquote_to_bytes(line[uri.end() :])))
        elif _SCHEME.match(line):
            streams.append(line)
        else:
            files.append(_existing(line, bases))
    return files, streams


def _existing(location: bytes, bases: list[bytes]) -> bytes:
    """The first reading of a location that exists; without any, as it stands beside the playlist."""
    readings = [location, location.replace(b"\\", b"/")]
    if _ESCAPE.search(location):
        readings.append(unquote_to_bytes(location))
    try:
        location.decode()
    except UnicodeDecodeError:  # an old player's, on Windows
        readings.append(location.decode("cp1252", "replace").encode())
    paths = [os.path.normpath(os.path.join(base, reading)) for reading in readings for base in bases]
    return next((path for path in paths if b"\0" not in path and os.path.exists(path)), paths[0])
