"""The import stage: embeds what was just imported, in workers, while beets tags the next album."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from ..attributes import fields
from . import embedder

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.workers.pool import WorkerPool

    from .embedder import Embedder
    from .import_similar import ImportSimilar


class EmbeddingStage:
    """Keeps the workers from the first album of an import to its end.

    Parameters
    ----------
    new_embedder : callable
        Called with the first songs; what it raises (`UserError`, ``ConfigError``) turns the stage off.
    new_import_similar : callable
        Called then, too; gives None where copies are not looked for.
    log : BeetsLogger
    """

    def __init__(
        self,
        new_embedder: Callable[[], Embedder],
        new_import_similar: Callable[[], ImportSimilar | None],
        log: BeetsLogger,
    ) -> None:
        self._new_embedder, self._new_import_similar, self._log = new_embedder, new_import_similar, log
        self._embedder: Embedder | None = None
        self._pool: WorkerPool | None = None
        self._import_similar: ImportSimilar | None = None
        self._off = ""  # why nothing more is embedded
        self._left_out = 0  # songs, since then
        atexit.register(self.close)  # an import that was interrupted sends no event

    def stage(self, session: ImportSession, task: ImportTask) -> None:
        """Embed a task's items and store what came out; never raises for what a file holds."""
        items = [item for item in task.imported_items() if item.id]
        if not self._off:
            try:
                embedder.set_busy_timeout(session.lib)
                self._embed(session.lib, items)
            except (UserError, ConfigError) as error:  # the model or a setting can't be used: say so once, and go on
                self._off = str(error)
                self._log.error("nothing is embedded in this import: {}", error)
            except Exception:  # a bug of ours must not stop somebody's import; its traceback is shown
                self._off = "the error above"
                self._log.error("nothing more is embedded in this import", exc_info=True)
        if self._off:
            self._left_out += sum(not item.get(fields.MODEL) and not item.get(fields.STATUS) for item in items)

    def _embed(self, lib: Library, items: list[Item]) -> None:
        if not items:
            return
        if self._embedder is None or self._pool is None:
            self._embedder = self._new_embedder()
            similar = self._new_import_similar()
            self._pool, self._import_similar = self._embedder.new_pool(), similar
        for item, outcome in embedder.outcomes(self._pool, items):
            self._embedder.store(item, outcome)
            if isinstance(outcome, Exception):
                self._embedder.report_failure(item, outcome)
            elif self._import_similar is not None:
                self._import_similar.report_copies(lib, item, outcome.vector)
            if getattr(threading.current_thread(), "abort_flag", False):  # Ctrl-C: beets' pipeline is stopping
                return

    def files_in_place(self, task: ImportTask) -> None:
        """A bad file was copied or tagged since: note its new time, so that it is not tried again as it is."""
        for item in task.imported_items():
            if status := item.get(fields.STATUS):
                reason = status.partition(" @ ")[0]
                item[fields.STATUS] = f"{reason} @ {fields.mtime_of(item)}"
                item.store()

    def finish(self) -> None:
        """At the end of an import: stop the workers, and say what is left to do."""
        self.close()
        if self._left_out:
            songs = "1 imported song has" if self._left_out == 1 else f"{self._left_out} imported songs have"
            self._log.error("{} no embedding ({}): fix that, then run `beet embed`", songs, self._off)
        self._off, self._left_out = "", 0

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._import_similar is not None:
            self._import_similar.close()
            self._import_similar = None
