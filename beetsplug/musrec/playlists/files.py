"""Items -> a playlist file, where the configuration wants it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import bytestring_path, displayable_path, normpath

from ..console import display_name, stem
from ..library import song_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beets.library import Item

    from musrec_core.playlist.m3u import Entry, Style
    from musrec_core.playlist.recipe import Document, Kept, Recipe

    from ..components import Components

ENDINGS = (".m3u", ".m3u8")
STDOUT = "-"  # as a name: standard output


def target(plugin: Components, name: str) -> bytes:
    """Where a playlist of this name goes: below ``playlist.dir`` if that is set, else the working directory."""
    if not name.lower().endswith(ENDINGS):
        name += ".m3u8"
    folder = plugin.config["playlist"]["dir"]
    base = folder.as_filename() if folder.get() else ""
    path: bytes = normpath(os.path.join(base, os.path.expanduser(name)))
    return path


def check_target(plugin: Components, name: str) -> None:
    """Raise `UserError` where a playlist can't be written, and ``ConfigError`` where a setting can't be."""
    style(plugin)
    if name == STDOUT:
        return
    path = target(plugin, name)
    if os.path.isdir(path):
        raise UserError(f"the playlist {displayable_path(path)} is a folder")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"the playlist {displayable_path(path)} is no file; `-m -` writes to standard output")


def style(plugin: Components) -> Style:
    """How the configuration wants songs to be named."""
    from musrec_core.playlist.m3u import Style

    config = plugin.config["playlist"]
    return Style(
        relative_to=relative_to(plugin),
        forward_slash=config["forward_slash"].get(bool),
        urlencode=config["urlencode"].get(bool),
        prefix=bytestring_path(config["prefix"].as_str()),
        extended=config["output"].as_choice(["extm3u", "m3u"]) == "extm3u",
    )


def relative_to(plugin: Components) -> bytes | None:
    """The folder that playlists' paths are relative to, if any."""
    base = plugin.config["playlist"]["relative_to"]
    return bytestring_path(normpath(base.as_filename())) if base.get() else None


def entries(plugin: Components, files: list[bytes], items: list[Item]) -> list[tuple[str, Entry]]:
    """What a playlist can hold of files outside the library and of its songs, in their order, each after its key."""
    from musrec_core._text import one_line
    from musrec_core.playlist.m3u import Entry

    how, uri = style(plugin), plugin.config["playlist"]["uri_format"].get()
    found = []
    for file in files:
        found.append((song_keys.of_file(file), Entry(file, stem(file))))
    for item in items:
        address = str(uri).replace("$id", str(item.id)) if uri else None
        entry = Entry(item.path, display_name(item), item.length, address)
        found.append((song_keys.of_item(item), entry))
    for _, entry in found:
        if not how.can_hold(entry):
            plugin._log.warning(
                "left out of the playlist, because its path contains a line break: {}", one_line(entry.title)
            )
    return [(key, entry) for key, entry in found if how.can_hold(entry)]


def mark(plugin: Components, entry: Entry) -> str:
    """What knows the line of an entry again."""
    from musrec_core.playlist import recipe as recipe_module

    return recipe_module.mark(style(plugin).location(entry))


def save(
    plugin: Components, path: bytes, lines: Sequence[Entry | Kept], recipe: Recipe, old: Document | None = None
) -> None:
    """Write a playlist, with its recipe if the configuration wishes, and with the comments of the old one.

    The path ``-`` prints it.
    """
    from musrec_core.playlist import m3u

    head: list[bytes] = []
    if plugin.config["playlist"]["recipe"].get(bool):
        try:
            head = recipe.lines()
        except ValueError as error:
            plugin._log.warning("the playlist holds no recipe: {}", error)
    if path == os.fsencode(STDOUT):
        sys.stdout.flush()
        sys.stdout.buffer.write(m3u.encode(lines, style(plugin), head=head))
        sys.stdout.buffer.flush()
        return
    try:
        m3u.write(path, lines, style(plugin), head=[*head, *(old.head if old else ())], tail=old.tail if old else ())
    except OSError as error:
        raise UserError(f"the playlist {displayable_path(path)} can't be written: {error.strerror}") from None
