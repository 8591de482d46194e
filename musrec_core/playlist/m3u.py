"""Extended M3U playlists: written atomically as UTF-8, read in whatever encoding other programs wrote them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from .._files import atomic_write
from .._text import one_line
from .entry import Entry, Kept, Style
from .formats import playlist_text
from .reading import Locator, names_playlist

__all__ = ["Entry", "Style", "encode", "one_line", "read", "write"]


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
        A path holds a line break, which M3U can't express unless it is percent-encoded, or a character that the
        style's encoding does not have.
    """
    style = style or Style()
    lines = [b"#EXTM3U", *head] if style.extended else [*head]
    for entry in entries:
        if isinstance(entry, Kept):
            lines += entry.lines
            continue
        if style.extended:
            length = round(entry.seconds) if entry.seconds is not None and entry.seconds > 0 else -1
            lines.append(f"#EXTINF:{length},{one_line(entry.title)}".encode(style.encoding, "replace"))
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
    Unicode form. XSPF and JSPF are read, too, known by their endings.

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
        It is no playlist.
    """
    name = os.fsencode(path)
    bases = [os.path.dirname(os.path.abspath(name)), *([relative_to] if relative_to is not None else [])]
    locator = Locator(bases)
    files, others = [], []
    for line in filter(None, (line.strip() for line in playlist_text(name).splitlines())):
        if line.startswith(b"#"):
            continue
        file = None if names_playlist(line) else locator.find(line)
        if file is not None:
            files.append(file)
        else:
            others.append(line)
    return files, others
