"""Writing and removing tags: a song at a time, the file and what the library says of it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path
from mediafile import UnreadableFileError

from musrec_core import attribute_text
from musrec_core._text import one_line

from ..attributes import fields
from . import changes
from .files import WHOLE, TagFile, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beets.library import Item
    from beets.logging import BeetsLogger

    from .changes import Change


class TagWriter:
    """Changes nothing in a file but the tags that it is told, and of these only what is ours.

    Parameters
    ----------
    log : BeetsLogger
        Gets one line for each file whose tags can't be read or written.
    """

    def __init__(self, log: BeetsLogger) -> None:
        self._log = log

    def changes(self, item: Item, wanted: Mapping[str, list[str]]) -> list[Change] | None:
        """What `write` would change; None where the file can't be read, which is logged."""
        file = self._open(item.path)
        return None if file is None else changes.of_item(item, file, wanted)

    def write(self, item: Item, wanted: Mapping[str, list[str]]) -> list[Change] | None:
        """Make a song's tags as they are wanted; all of ours go without any.

        Returns
        -------
        list of Change, or None
            What was done; None where the file can't be read or written, which is logged, and then nothing is changed.

        Raises
        ------
        UserError
            The library can't be written.
        """
        file = self._open(item.path)
        if file is None:
            return None
        found = changes.of_item(item, file, wanted)
        try:
            return found if self._apply(item, file, found) else None
        except sqlite3.OperationalError as error:
            raise UserError(f"the library can't be written: {error}; what was written so far is noted") from None

    def restore(self, item: Item) -> None:
        """After beets wrote a song's file: put back what it does not know of, as after `beet scrub`."""
        if not any(name not in WHOLE for name in changes.noted_names(item)):
            return
        file = self._open(item.path)
        found = [] if file is None else changes.missing(item, file)
        if file is not None and found and self._save(item.path, file, found):
            item.mtime = item.current_mtime()

    def _apply(self, item: Item, file: TagFile, found: list[Change]) -> bool:
        """Note, write, and note that it is written; whether it worked."""
        before = {change.name: "\n".join(changes.noted(item, change.name)) for change in found}
        after = {change.name: text_of(change.ours) for change in found}
        if not any(_alters(item, change) for change in found) and before == after:
            return True
        mtime = item.mtime
        is_read = mtime >= fields.mtime_of(item)  # or beets has yet to read what another program wrote
        saved = True
        if any(change.old != change.new for change in found):
            _note(item, {name: "\n".join(dict.fromkeys([before[name], after[name]])) for name in before})
            saved = self._save(item.path, file, found)
        for change in found if saved else []:
            if change.name in WHOLE and not change.is_users:
                item[change.name] = change.new if change.name == "genres" else text_of(change.new)
        if item.get(fields.STATUS) and saved:
            item[fields.STATUS] = f"{attribute_text.failure_of(item[fields.STATUS])} @ {fields.mtime_of(item)}"
        item.mtime = item.current_mtime() if saved and is_read else mtime
        _note(item, after if saved else before)
        return saved

    def _open(self, path: bytes) -> TagFile | None:
        try:
            return TagFile(path)
        except UnreadableFileError as error:
            self._report(path, "read", error)
            return None

    def _save(self, path: bytes, file: TagFile, found: list[Change]) -> bool:
        for change in found:
            if change.old != change.new:
                file.set(change.name, change.new)
        try:
            file.save()
        except UnreadableFileError as error:
            self._report(path, "written", error)
            return False
        return True

    def _report(self, path: bytes, what: str, error: Exception) -> None:
        shown, why = displayable_path(path), str(error)
        for name in (shown, repr(shown)):  # as mediafile begins, and mutagen ends
            why = why.removeprefix(f"{name}: ").removesuffix(f": {name}")
        self._log.warning("the tags of {} can't be {}: {}", one_line(shown), what, one_line(why))


def _alters(item: Item, change: Change) -> bool:
    """Whether the file or a field of the library has to change."""
    if change.old != change.new:
        return True
    return change.name in WHOLE and not change.is_users and changes.in_library(item, change.name) != change.new


def _note(item: Item, texts: Mapping[str, str]) -> None:
    """Store what is ours in the tags."""
    for name, text in texts.items():
        key = f"{fields.TAG}{name}"
        if text:
            item[key] = text
        elif key in item.keys(with_album=False):
            del item[key]
    item.store()
