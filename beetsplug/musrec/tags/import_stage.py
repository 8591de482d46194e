"""On import, if configured: writes tags into the files that were just put in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from musrec_core._text import number_of

from .wanted import NotEmbedded, NoWords

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item
    from beets.logging import BeetsLogger

    from .wanted import WantedTags
    from .writer import TagWriter


class TagStage:
    """Writes only where beets itself writes tags (``import.write``).

    Parameters
    ----------
    new_wanted : callable
        Called with the first songs; what it raises (`UserError`, ``ConfigError``) turns the stage off.
    writer : TagWriter
    log : BeetsLogger
    """

    def __init__(self, new_wanted: Callable[[], WantedTags], writer: TagWriter, log: BeetsLogger) -> None:
        self._new_wanted, self._writer, self._log = new_wanted, writer, log
        self._is_off = False
        self._without_words = 0  # songs of this import

    def files_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """Write a task's songs; never raises for what a file holds."""
        items = [item for item in task.imported_items() if item.id]
        if self._is_off or not items:
            return
        try:
            if not session.config["write"].get(bool):
                self._turn_off("import.write is off")
                return
            for item in items:
                self._write(item)
        except (UserError, ConfigError) as error:
            self._turn_off(str(error))
        except Exception:  # a bug of ours must not stop somebody's import; its traceback is shown
            self._is_off = True
            self._log.error("no more tags are written in this import", exc_info=True)

    def _write(self, item: Item) -> None:
        try:
            self._writer.write(item, self._new_wanted().of(item))
        except NotEmbedded:  # that was logged
            pass
        except NoWords:
            self._without_words += 1

    def _turn_off(self, why: str) -> None:
        self._is_off = True
        self._log.warning("no words and moods are written to files in this import: {}", why)

    def finish(self) -> None:
        """At the end of an import."""
        if self._without_words:
            self._log.warning("the model knows no words: {} got no tags", number_of(self._without_words, "song"))
        self._is_off, self._without_words = False, 0
