"""Copies of playlists for other servers and players: one for each target, written with the playlist.

What is edited is the playlist. Of a copy, songs that somebody removed or added are noticed, and then removed or added
everywhere; a copy whose changes can't be taken over is not overwritten.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from beets.library import Item
from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import number_of, one_line, printable
from musrec_core.playlist import recipe as recipes
from musrec_core.playlist.entry import Entry, Kept
from musrec_core.playlist.recipe import Recipe

from ..console import stem
from . import targets

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from musrec_core.playlist.entry import Style
    from musrec_core.playlist.recipe import Document

    from ..config import PlaylistSettings
    from .files import PlaylistWriter
    from .targets import Target

COMMAND = "copy"  # in the recipe of a copy, which `--refresh` does not take
MAX_NAMED = 3  # songs, in a message

Line = tuple[str, Entry | Kept]  # after a song's key


class TargetCopies:
    """Writes copies, and tells what was removed from them.

    Parameters
    ----------
    settings : PlaylistSettings
    log : BeetsLogger
        Gets one line for each copy that can't be written.
    """

    def __init__(self, settings: PlaylistSettings, log: BeetsLogger) -> None:
        self._settings, self._log = settings, log
        self._failed = 0
        self._told: set[str] = set()

    @cached_property
    def targets(self) -> list[Target]:
        """Those of the configuration; raises `UserError`."""
        return targets.parse(self._settings, self._log)

    def check(self, path: bytes) -> None:
        """Raise `UserError` where the targets of a playlist are wrong in the configuration."""
        next(self._copies(path), None)

    def require_written(self) -> None:
        """Raise `UserError` if a copy could not be written."""
        if self._failed:
            copies = "1 copy" if self._failed == 1 else f"{self._failed} copies"
            raise UserError(f"{copies} of playlists could not be written")

    def merged(self, lib: Library, path: bytes, document: Document, recipe: Recipe, writer: PlaylistWriter) -> Document:
        """A playlist without the songs that were removed from its copies by hand, and with those that were added."""
        removed: set[str] = set()
        added: dict[bytes, Kept] = {}
        for target, copy, name in self._copies(path):
            if (known := _read(copy, name)) is not None and (new := _added(lib, target, copy, known)) is not None:
                gone = _removed(known)
                removed |= gone
                added |= {kept.location: kept for kept in _rewritten(new, writer, path)}
                if gone or new:
                    shown = printable(displayable_path(copy))
                    self._log.info("taken over from {}: {} removed, {} added", shown, len(gone), len(new))
        marks = {mark for key, mark in recipe.songs if key in removed}
        left = [
            e for e in document.entries if recipes.mark(e.location) not in marks and _key(e.location) not in removed
        ]
        listed = {entry.location for entry in left}
        return replace(document, entries=(*left, *(kept for kept in added.values() if kept.location not in listed)))

    def write(
        self,
        lib: Library,
        path: bytes,
        lines: Sequence[Entry | Kept],
        recipe: Recipe,
        writer: PlaylistWriter,
        *,
        force: bool,
        is_merged: bool,
        is_mix: bool,
    ) -> None:
        """Write a playlist's copies; what can't be written is a line in the log.

        Parameters
        ----------
        lines, recipe
            Of the playlist.
        writer : PlaylistWriter
            That wrote it.
        force : bool
            Overwrite files that others made, or that were changed by hand.
        is_merged : bool
            Whether the lines respect what was removed from the copies.
        is_mix : bool
            Whether, without recipes, a file that has none may be overwritten.
        """
        if not any(self._copies(path)):
            return
        copied = _keyed(lib, path, lines, recipe, writer)
        for target, copy, name in self._copies(path):
            try:
                old = self._old(lib, path, target, copy, name, force=force, is_merged=is_merged, is_mix=is_mix)
                addressed = [(key, target.writer.addressed(line) if isinstance(line, Entry) else line)
                             for key, line in copied]  # fmt: skip
                held = self._held(target, copy, addressed)
                marks = tuple((key, _mark(target.writer.style_of(copy), line)) for key, line in held)
                target.writer.save(copy, [line for _, line in held], Recipe((COMMAND, name), songs=marks), old)
            except (UserError, OSError) as error:
                self._failed += 1
                self._tell_once(f"the target {target.name}: {error}")

    def _copies(self, path: bytes) -> Iterator[tuple[Target, bytes, str]]:
        """Each target, the file for a playlist there, and the playlist's name in the recipes of copies."""
        for target in self.targets:
            if (name := self._name(path)) is not None:
                yield target, target.path_of(name), quote(name.replace(os.fsencode(os.sep), b"/"))

    def _name(self, path: bytes) -> bytes | None:
        """The path of a playlist below `playlist.dir`; None where it is elsewhere."""
        folder = self._settings.dir
        for known in (folder, folder and os.path.realpath(folder)):
            if known and path.startswith(os.path.join(known, b"")):
                return os.path.relpath(path, known)
        return None

    def _old(
        self, lib: Library, path: bytes, target: Target, copy: bytes, name: str, *, force: bool, is_merged: bool,
        is_mix: bool,
    ) -> Document | None:  # fmt: skip
        """What is in the way of a copy, whose comments stay; raises `UserError` where it may not be overwritten."""
        shown = printable(displayable_path(copy))
        if not os.path.isdir(target.dir):
            raise UserError(f"there is no folder {printable(displayable_path(target.dir))}")
        if os.path.lexists(copy) and not os.path.isfile(copy):
            raise UserError(f"{shown} is not a file")
        if not os.path.exists(copy) or not os.path.getsize(copy):
            return None
        if os.path.samefile(copy, path):
            raise UserError(f"{shown} is the playlist itself")
        if force:
            return None
        try:
            document = recipes.read(copy)
        except ValueError:
            document = None
        if document is None or document.recipe is None:
            if document and is_mix and not self._settings.recipe:
                return document
            raise UserError(f"{shown} was made by another program: add --force to overwrite it")
        if document.recipe.words != (COMMAND, name):
            raise UserError(f"{shown} is another playlist: add --force to overwrite it")
        if document.is_as_written() or (is_merged and _added(lib, target, copy, document) is not None):
            return document
        raise UserError(f"{shown} was changed by hand: add --force to overwrite it, or change the original")

    def _held(self, target: Target, copy: bytes, lines: Sequence[Line]) -> list[Line]:
        """The lines that a copy can hold; of others, the log is told."""
        style = target.writer.style_of(copy)
        fits = [not isinstance(line, Entry) or style.can_hold(line) for _, line in lines]
        held = [line for line, fit in zip(lines, fits, strict=True) if fit]
        entries = [entry for _, entry in held if isinstance(entry, Entry)]
        left_out = [line for (_, line), fit in zip(lines, fits, strict=True) if isinstance(line, Entry) and not fit]
        self._tell(target, left_out, f"left out, because {style.encoding} can't express the path")
        self._tell(target, [entry for entry in entries if not _can_name(style, entry)],
                   f"written with `?` in the title, for want of characters in {style.encoding}")  # fmt: skip
        self._tell(target, [entry for entry in entries if entry.uri is None and not style.is_in_folders(entry.path)],
                   "in no folder of `map`, and written with the path that beets knows")  # fmt: skip
        return held

    def _tell_once(self, message: str) -> None:
        """Warn, but not for each of a hundred playlists that a folder is missing."""
        if message not in self._told:
            self._told.add(message)
            self._log.warning("{}", message)

    def _tell(self, target: Target, entries: Sequence[Entry], what: str) -> None:
        if entries:
            names = "; ".join(one_line(entry.title) for entry in entries[:MAX_NAMED])
            more = f"; and {len(entries) - MAX_NAMED} more" if len(entries) > MAX_NAMED else ""
            self._log.warning(
                "the target {}: {} {}: {}", target.name, number_of(len(entries), "song"), what, names + more
            )


def _keyed(
    lib: Library, path: bytes, lines: Sequence[Entry | Kept], recipe: Recipe, writer: PlaylistWriter
) -> list[Line]:
    """The lines of a playlist, each after its key; as songs and files, but for web addresses."""
    located = writer.located(lib, path, [line for line in lines if isinstance(line, Kept)])
    keys = {mark: key for key, mark in recipe.songs}
    style = writer.style_of(path)
    found: list[Line] = []
    for line in lines:
        location = style.location(line) if isinstance(line, Entry) else line.location
        key = keys.get(recipes.mark(location)) or _key(location)
        if isinstance(line, Kept) and (there := located.get(line)) is not None:
            found.append((key, Entry(there, stem(there)) if isinstance(there, bytes) else writer.entry(there)))
        else:
            found.append((key, line))
    return found


def _key(location: bytes) -> str:
    """The key of a line that somebody added to the playlist."""
    return hashlib.sha1(b"line\0" + location, usedforsecurity=False).hexdigest()[:12]


def _read(copy: bytes, name: str) -> Document | None:
    """A copy of a playlist of this name; None where the file is none."""
    try:
        document = recipes.read(copy)
    except (OSError, ValueError):  # of which is told when it is written
        return None
    return document if document.recipe is not None and document.recipe.words == (COMMAND, name) else None


def _removed(document: Document) -> set[str]:
    """The keys of the songs that are no longer in a copy."""
    marks = {recipes.mark(entry.location) for entry in document.entries}
    songs = document.recipe.songs if document.recipe else ()
    return {key for key, _ in songs} - {key for key, mark in songs if mark in marks}


def _added(lib: Library, target: Target, copy: bytes, document: Document) -> dict[Kept, Item | None] | None:
    """What was added to a copy: each entry with its song, or with None where it is a web address.

    None in place of all where an entry is neither, or where no song of the copy is left or recognised: it may have been
    cut off, or a program may have changed all paths.
    """
    known = {mark for _, mark in document.recipe.songs} if document.recipe else set()
    new = [entry for entry in document.entries if recipes.mark(entry.location) not in known]
    if known and len(new) == len(document.entries):
        return None
    there = target.writer.located(lib, copy, new)
    if any(isinstance(song, bytes) for song in there.values()):
        return None
    return {entry: song if isinstance(song := there.get(entry), Item) else None for entry in new}


def _rewritten(added: dict[Kept, Item | None], writer: PlaylistWriter, path: bytes) -> Iterator[Kept]:
    """What was added to a copy as the playlist itself names it."""
    style = writer.style_of(path)
    for kept, song in added.items():
        if song is None:
            yield kept
        elif style.can_hold(entry := writer.entry(song)):
            yield Kept(kept.comments, style.location(entry))


def _mark(style: Style, line: Entry | Kept) -> str:
    return recipes.mark(style.location(line) if isinstance(line, Entry) else line.location)


def _can_name(style: Style, entry: Entry) -> bool:
    if style.as_uri or not style.extended:
        return True
    try:
        entry.title.encode(style.encoding)
    except UnicodeEncodeError:
        return False
    return True
