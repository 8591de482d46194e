"""Which format a playlist is of, by its ending: what is read of any."""

from __future__ import annotations

import os

from . import xspf
from .reading import read_m3u


def playlist_text(path: str | bytes | os.PathLike[str]) -> bytes:
    """The text of a playlist as an M3U file has it.

    Raises
    ------
    OSError
        It can't be read.
    PlaylistError
        It is no playlist; the message says so in one sentence.
    """
    return xspf.as_m3u(path) if xspf.is_one(path) else read_m3u(path)
