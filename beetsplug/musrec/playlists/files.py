"""Items -> a playlist file, written as the configuration wants it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import bytestring_path, displayable_path

from musrec_core._text import one_line
from musrec_core.playlist import m3u, recipe
from musrec_core.playlist.m3u import Entry, Style

from ..console import display_name, stem
from ..library import song_keys
from ..playlist_paths import STDOUT, target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beets.library import Item
    from beets.logging import BeetsLogger

    from musrec_core.playlist.recipe import Document, Kept, Recipe

    from ..config import PlaylistSettings


class PlaylistWriter:
    """Writes playlists.

    Parameters
    ----------
    settings : PlaylistSettings
    log : BeetsLogger
        Gets one line for each song that a playlist can't hold.
    """

    def __init__(self, settings: PlaylistSettings, log: BeetsLogger) -> None:
        self.settings, self._log = settings, log
        self._style = Style(
            relative_to=settings.relative_to,
            forward_slash=settings.forward_slash,
            urlencode=settings.urlencode,
            prefix=bytestring_path(settings.prefix),
            extended=settings.output == "extm3u",
        )

    def path_of(self, name: str) -> bytes:
        """Where a playlist of this name is written; ``-`` stays as it is."""
        return os.fsencode(name) if name == STDOUT else target(self.settings, name)

    def check_target(self, name: str) -> None:
        """Raise `UserError` where no file can be written."""
        if name == STDOUT:
            return
        path = self.path_of(name)
        if os.path.isdir(path):
            raise UserError(f"the playlist {displayable_path(path)} is a folder")
        if os.path.exists(path) and not os.path.isfile(path):
            raise UserError(f"the playlist {displayable_path(path)} is not a file; `-m -` writes to standard output")

    def entries(self, files: Sequence[bytes], items: Sequence[Item]) -> list[tuple[str, Entry]]:
        """What a playlist can hold of files outside the library and of its songs, each after its key."""
        uri = self.settings.uri_format
        found = [(song_keys.of_file(file), Entry(file, stem(file))) for file in files]
        for item in items:
            address = uri.replace("$id", str(item.id)) if uri else None
            found.append((song_keys.of_item(item), Entry(item.path, display_name(item), item.length, address)))
        for _, entry in found:
            if not self._style.can_hold(entry):
                self._log.warning(
                    "left out of the playlist, because its path contains a line break: {}", one_line(entry.title)
                )
        return [(key, entry) for key, entry in found if self._style.can_hold(entry)]

    def mark(self, entry: Entry) -> str:
        """The mark by which the line of an entry is recognised."""
        return recipe.mark(self._style.location(entry))

    def save(self, path: bytes, lines: Sequence[Entry | Kept], recipe: Recipe, old: Document | None = None) -> None:
        """Write a playlist, with its recipe if the configuration wants one, and with the comments of the old one.

        The path ``-`` is standard output. Raises `UserError` where the file can't be written.
        """
        head = self._head(recipe) if self.settings.recipe else []
        if path == os.fsencode(STDOUT):
            sys.stdout.flush()
            sys.stdout.buffer.write(m3u.encode(lines, self._style, head=head))
            sys.stdout.buffer.flush()
            return
        comments, tail = (old.head, old.tail) if old else ((), ())
        try:
            m3u.write(path, lines, self._style, head=[*head, *comments], tail=tail)
        except OSError as error:
            raise UserError(f"the playlist {displayable_path(path)} can't be written: {error.strerror}") from None

    def _head(self, recipe: Recipe) -> list[bytes]:
        try:
            return recipe.lines()
        except ValueError as error:
            self._log.warning("the playlist has no recipe: {}", error)
            return []
