"""Extended M3U: what players open. UTF-8, one entry a line, written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from .files import atomic_write
from .text import one_line

__all__ = ["Entry", "encode", "has_line_break", "one_line", "write"]


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
