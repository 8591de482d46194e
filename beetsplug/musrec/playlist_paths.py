"""Where playlists lie: a name -> a path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import normpath

from musrec_core._text import printable

if TYPE_CHECKING:
    from .config import PlaylistSettings

STDOUT = "-"  # as a name: standard output
DEFAULT_ENDING = ".m3u8"
ENDINGS = (".m3u", ".m3u8", ".xspf", ".jspf")


def path_to_write(settings: PlaylistSettings, name: str) -> bytes:
    """Where a playlist of this name is written: below ``playlist.dir`` if that is set, else the working directory."""
    if not name.lower().endswith(ENDINGS):
        name += DEFAULT_ENDING
    path: bytes = normpath(os.path.join(settings.dir or b"", os.path.expanduser(os.fsencode(name))))
    return path


def existing(settings: PlaylistSettings, name: str) -> bytes:
    """The playlist of this name, in the working directory or where playlists go; raises `UserError`."""
    paths = [normpath(name), *(path_to_write(settings, name + ending) for ending in ("", *ENDINGS))]
    for is_there in (os.path.isfile, os.path.lexists):  # of anything but a file, the reader says what it is
        if found := next(filter(is_there, paths), None):
            return found
    raise UserError(f"there is no playlist {printable(name)}")
