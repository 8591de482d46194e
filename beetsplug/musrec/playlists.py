"""Items -> a playlist file, where the configuration wants it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import bytestring_path, displayable_path, normpath

if TYPE_CHECKING:
    from beets.library import Item

    from musrec_core.playlist import Style

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


def style(plugin: MusrecPlugin) -> Style:
    """How the configuration wants songs to be named."""
    from musrec_core.playlist import Style

    config = plugin.config["playlist"]
    return Style(
        relative_to=relative_to(plugin),
        forward_slash=config["forward_slash"].get(bool),
        urlencode=config["urlencode"].get(bool),
        prefix=bytestring_path(config["prefix"].as_str()),
        extended=config["output"].as_choice(["extm3u", "m3u"]) == "extm3u",
    )


def relative_to(plugin: MusrecPlugin) -> bytes | None:
    """The folder that playlists' paths are relative to, if any."""
    base = plugin.config["playlist"]["relative_to"]
    return bytestring_path(normpath(base.as_filename())) if base.get() else None


def write(plugin: MusrecPlugin, name: str, files: list[bytes], items: list[Item]) -> None:
    """Write the playlist: first the files outside the library, then the items in their order."""
    from musrec_core import playlist
    from musrec_core.text import one_line

    path, how = target(plugin, name), style(plugin)
    uri = plugin.config["playlist"]["uri_format"].get()
    entries = [playlist.Entry(file, os.path.splitext(displayable_path(os.path.basename(file)))[0]) for file in files]
    for item in items:
        address = str(uri).replace("$id", str(item.id)) if uri else None
        entries.append(playlist.Entry(item.path, f"{item.artist} - {item.title}", item.length, address))
    good = [entry for entry in entries if how.can_hold(entry)]
    for entry in entries:
        if not how.can_hold(entry):
            plugin._log.warning("left out of the playlist, its path holds a line break: {}", one_line(entry.title))
    try:
        playlist.write(path, good, how)
    except OSError as error:
        raise UserError(f"the playlist {displayable_path(path)} can't be written: {error.strerror}") from None
    plugin._log.info("wrote {} songs to {}", len(good), displayable_path(path))
