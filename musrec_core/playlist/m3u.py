"""Extended M3U playlists: written atomically as UTF-8, read in whatever encoding other programs wrote them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .._files import atomic_write
from .._text import one_line
from .reading import Locator, names_playlist, read_m3u
from .recipe import Kept

__all__ = ["Entry", "Style", "encode", "one_line", "read", "write"]


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
    """

    path: bytes
    title: str
    seconds: float | None = None
    uri: str | None = None


@dataclass(frozen=True)
class Style:
    """How a playlist names its songs; the options of beets' smartplaylist, with its names.

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
    """

    relative_to: bytes | None = None
    forward_slash: bool = False
    urlencode: bool = False
    prefix: bytes = b""
    extended: bool = True

    def location(self, entry: Entry) -> bytes:
        """The line of an entry; raises `ValueError` where it can't be one."""
        if entry.uri is not None:
            return one_line(entry.uri).encode("utf-8", "replace")
        if not self.can_hold(entry):
            raise ValueError(f"a line break in the path {entry.path!r}")
        location = entry.path if self.relative_to is None else os.path.relpath(entry.path, self.relative_to)
        if self.forward_slash:
            location = location.replace(b"\\", b"/")
        if self.urlencode:
            return self.prefix + quote(location).encode("ascii")
        if not self.prefix and (location.startswith(b"#") or location != location.strip()):
            location = os.path.join(b".", location)  # a player would see a comment, or trim
        return self.prefix + location

    def can_hold(self, entry: Entry) -> bool:
        """Whether an entry's location fits into a line."""
        return entry.uri is not None or self.urlencode or not (b"\n" in entry.path or b"\r" in entry.path)


def encode(
    entries: Iterable[Entry | Kept],
    style: Style | None = None,
    *,
    head: Sequence[bytes] = (),
    tail: Sequence[bytes] = (),
) -> bytes:
    """Entries -> the text of an M3U file.

    Parameters
    ----------
    entries : iterable of Entry or Kept
        What was `Kept` from a file is written as it stood there.
    style : Style, optional
    head, tail : sequence of bytes
        Comment lines before the first entry and after the last.

    Raises
    ------
    ValueError
        A path holds a line break, which M3U can't express unless it is percent-encoded.
    """
    style = style or Style()
    lines = [b"#EXTM3U", *head] if style.extended else [*head]
    for entry in entries:
        if isinstance(entry, Kept):
            lines += entry.lines
            continue
        if style.extended:
            length = round(entry.seconds) if entry.seconds is not None and entry.seconds > 0 else -1
            lines.append(f"#EXTINF:{length},{one_line(entry.title)}".encode("utf-8", "replace"))
        lines.append(style.location(entry))
    return b"".join(line + b"\n" for line in (*lines, *tail))


def write(
    path: str | bytes | os.PathLike[str],
    entries: Iterable[Entry | Kept],
    style: Style | None = None,
    *,
    head: Sequence[bytes] = (),
    tail: Sequence[bytes] = (),
) -> None:
    """Write a playlist atomically.

    Missing folders are made. Raises ``OSError`` where the folder can't be written, ``ValueError`` as `encode` does.
    """
    content = encode(entries, style, head=head, tail=tail)
    with atomic_write(path) as file:
        file.write(content)


def read(path: str | bytes | os.PathLike[str], *, relative_to: bytes | None = None) -> tuple[list[bytes], list[bytes]]:
    """The files that a playlist names, in its order.

    Comments and empty lines are left out; the encoding, a byte order mark, and the line ends of Windows and old Macs do
    not matter. Locations may be absolute or relative paths, ``file:`` URIs, and percent-encoded paths (taken as such
    only where the plain path does not exist, since a name may hold ``%20`` itself); a file's name may have another
    Unicode form.

    Parameters
    ----------
    path : str, bytes or PathLike
    relative_to : bytes, optional
        A folder to try after the playlist's own.

    Returns
    -------
    files : list of bytes
        Absolute paths; those that do not exist are here too.
    others : list of bytes
        Locations that are no sound files: ``http:`` and the like, and other playlists.

    Raises
    ------
    OSError
        The playlist can't be read.
    PlaylistError
        It is not an M3U playlist.
    """
    name = os.fsencode(path)
    bases = [os.path.dirname(os.path.abspath(name)), *([relative_to] if relative_to is not None else [])]
    locator = Locator(bases)
    files, others = [], []
    for line in filter(None, (line.strip() for line in read_m3u(name).splitlines())):
        if line.startswith(b"#"):
            continue
        file = None if names_playlist(line) else locator.find(line)
        if file is not None:
            files.append(file)
        else:
            others.append(line)
    return files, others
