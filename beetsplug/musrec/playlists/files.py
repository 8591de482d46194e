"""Items -> a playlist file, written as the configuration wants it."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import bytestring_path, displayable_path

from musrec_core._files import atomic_write
from musrec_core._text import one_line
from musrec_core.playlist import m3u, recipe, xspf
from musrec_core.playlist.entry import Entry, Style, Tags
from musrec_core.playlist.reading import Locator

from ..console import display_name, stem
from ..library import song_keys, sql
from ..playlist_paths import STDOUT, path_to_write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.playlist.entry import Kept
    from musrec_core.playlist.recipe import Document, Recipe

    from ..config import PlaylistSettings


class PlaylistWriter:
    """Writes playlists.

    Parameters
    ----------
    settings : PlaylistSettings
    log : BeetsLogger
        Gets one line for each song that a playlist can't hold.
    folders : mapping of bytes to bytes, optional
        What folders of the library are called where the playlist is read.
    encoding : str
        Of M3U.
    """

    def __init__(
        self,
        settings: PlaylistSettings,
        log: BeetsLogger,
        *,
        folders: Mapping[bytes, bytes] | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self.settings, self._log = settings, log
        self._style = Style(
            relative_to=settings.relative_to,
            forward_slash=settings.forward_slash,
            urlencode=settings.urlencode,
            prefix=bytestring_path(settings.prefix),
            extended=settings.output != "m3u",
            folders=folders,
            encoding=encoding,
        )

    def path_of(self, name: str) -> bytes:
        """Where a playlist of this name is written; ``-`` stays as it is."""
        return os.fsencode(name) if name == STDOUT else path_to_write(self.settings, name)

    def style_of(self, path: bytes) -> Style:
        """How a playlist names its songs, whose format its ending tells."""
        return replace(self._style, as_uri=True) if xspf.is_one(path) else self._style

    def check_target(self, name: str) -> None:
        """Raise `UserError` where no file can be written."""
        if name == STDOUT:
            return
        path = self.path_of(name)
        if os.path.isdir(path):
            raise UserError(f"the playlist {displayable_path(path)} is a folder")
        if os.path.exists(path) and not os.path.isfile(path):
            raise UserError(f"the playlist {displayable_path(path)} is not a file; `-m -` writes to standard output")

    def entries(self, path: bytes, files: Sequence[bytes], items: Sequence[Item]) -> list[tuple[str, Entry]]:
        """What a playlist can hold of files outside the library and of its songs, each after its key."""
        style = self.style_of(path)
        found = [(song_keys.of_file(file), Entry(file, stem(file))) for file in files]
        found += [(song_keys.of_item(item), self.entry(item)) for item in items]
        for _, entry in found:
            if not style.can_hold(entry):
                self._log.warning(
                    "left out of the playlist, because its path contains a line break: {}", one_line(entry.title)
                )
        return [(key, entry) for key, entry in found if style.can_hold(entry)]

    def entry(self, item: Item) -> Entry:
        """A song as a playlist names it."""
        tags = Tags(item.title or stem(item.path), item.artist, item.album, item.track or 0, item.mb_trackid)
        return self.addressed(Entry(item.path, display_name(item), item.length, tags=tags, id=sql.id_of(item)))

    def addressed(self, entry: Entry) -> Entry:
        """An entry with the address that `uri_format` gives its song, or with none."""
        uri = self.settings.uri_format
        return replace(entry, uri=uri.replace("$id", str(entry.id)) if uri and entry.id is not None else None)

    def mark(self, path: bytes, entry: Entry) -> str:
        """The mark by which the line of an entry is recognised."""
        return recipe.mark(self.style_of(path).location(entry))

    def located(self, lib: Library, path: bytes, entries: Sequence[Kept]) -> dict[Kept, Item | bytes]:
        """What the entries of a playlist name: a song of the library, or else a file; not those with web addresses."""
        bases = [os.path.dirname(path), *filter(None, [self.settings.relative_to])]
        locator = Locator(bases)
        files: dict[Kept, bytes] = {}
        found: dict[Kept, Item | bytes] = {}
        ids = {entry: id_ for entry in entries if (id_ := self._id_at(entry.location)) is not None}
        known = {sql.id_of(item): item for item in sql.items_of(lib, set(ids.values()))}
        for entry in entries:
            if (item := known.get(ids.get(entry, 0))) is not None:
                found[entry] = item
            elif (file := self._file_at(path, locator, entry.location)) is not None:
                files[entry] = file
        items = sql.items_at(lib, files.values())
        return found | {entry: items.get(file, file) for entry, file in files.items()}

    def _id_at(self, location: bytes) -> int | None:
        """The id in an address that `uri_format` made."""
        pattern = re.escape(self.settings.uri_format or "").replace(r"\$id", r"(\d{1,18})").encode()
        match = re.fullmatch(pattern, location)
        return int(match[1]) if match and match.groups() else None

    def _file_at(self, path: bytes, locator: Locator, location: bytes) -> bytes | None:
        style = self.style_of(path)
        likely = style.paths_in(location)
        if style.prefix and location.startswith(style.prefix):
            likely.append(locator.find(location.removeprefix(style.prefix)) or b"")
        return next((file for file in likely if file and os.path.exists(file)), None) or locator.find(location)

    def save(self, path: bytes, lines: Sequence[Entry | Kept], recipe: Recipe, old: Document | None = None) -> None:
        """Write a playlist, with its recipe if the configuration wants one, and with the comments of the old one.

        The path ``-`` is standard output. Raises `UserError` where the file can't be written.
        """
        content = self._encoded(path, lines, recipe, old)
        if path == os.fsencode(STDOUT):
            sys.stdout.flush()
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
            return
        try:
            with atomic_write(path) as file:
                file.write(content)
        except OSError as error:
            raise UserError(f"the playlist {displayable_path(path)} can't be written: {error.strerror}") from None

    def _encoded(self, path: bytes, lines: Sequence[Entry | Kept], recipe: Recipe, old: Document | None) -> bytes:
        head = self._head(recipe) if self.settings.recipe else []
        if xspf.is_one(path):
            return xspf.encode(path, lines, self.style_of(path), head)
        comments, tail = (old.head, old.tail) if old else ((), ())
        return m3u.encode(lines, self._style, head=[*head, *comments], tail=tail)

    def _head(self, recipe: Recipe) -> list[bytes]:
        try:
            return recipe.lines()
        except ValueError as error:
            self._log.warning("the playlist has no recipe: {}", error)
            return []
