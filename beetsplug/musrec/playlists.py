"""Items -> a playlist file, where the configuration wants it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import bytestring_path, displayable_path, normpath

if TYPE_CHECKING:
    from beets.library import Item

    from . import MusrecPlugin

ENDINGS = (".m3u", ".m3u8")


def target(plugin: MusrecPlugin, name: str) -> bytes:
    """Where a playlist of this name goes: below ``playlist.dir`` if that is set, else the working directory."""
    if not name.lower().endswith(ENDINGS):
        name += ".m3u8"
    folder = plugin.config["playlist"]["dir"]
    base = folder.as_filename() if folder.get() else ""
    path: bytes = normpath(os.path.join(base, os.path.expanduser(name)))
    return path


def check_target(plugin: MusrecPlugin, name: str) -> None:
    """Raise `UserError` where a playlist can't be written."""
    path = target(plugin, name)
    if os.path.isdir(path):
        raise UserError(f"the playlist {displayable_path(path)} is a folder")


def write(plugin: MusrecPlugin, name: str, files: list[bytes], items: list[Item]) -> None:
    """Write the playlist: first the files outside the library, then the items in their order."""
    from musrec_core import playlist
    from musrec_core.text import one_line

    path = target(plugin, name)
    entries = [playlist.Entry(file, os.path.splitext(displayable_path(os.path.basename(file)))[0]) for file in files]
    entries += [playlist.Entry(item.path, f"{item.artist} - {item.title}", item.length) for item in items]
    good = [entry for entry in entries if not playlist.has_line_break(entry.path)]
    for entry in entries:
        if playlist.has_line_break(entry.path):
            plugin._log.warning("left out of the playlist, its path holds a line break: {}", one_line(entry.title))
    base = plugin.config["playlist"]["relative_to"]
    relative_to = bytestring_path(normpath(base.as_filename())) if base.get() else None
    try:
        playlist.write(path, good, relative_to=relative_to)
    except OSError as error:
        raise UserError(f"the playlist {displayable_path(path)} can't be written: {error.strerror}") from None
    plugin._log.info("wrote {} songs to {}", len(good), displayable_path(path))
