"""The import stage: embeds what was just imported, in workers, while beets tags the next album."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from ..attributes import fields
from . import embedder
from .import_similar import ImportSimilar, configured_distance

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item, Library

    from musrec_core.workers.pool import WorkerPool

    from .. import MusrecPlugin


class EmbeddingStage:
    """Keeps the workers from the first album of an import to its end."""

    def __init__(self, plugin: MusrecPlugin) -> None:
        self._plugin = plugin
        self._pool: WorkerPool | None = None
        self._resemblance: ImportSimilar | None = None
        self._off = ""  # why nothing more is embedded
        self._left_out = 0  # songs, since then
        plugin.import_stages.append(self.stage)
        plugin.register_listener("import_task_files", self.files_in_place)
        plugin.register_listener("import", self.finish)
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
                self._plugin._log.error("nothing is embedded in this import: {}", error)
            except Exception:  # a bug of ours must not stop somebody's import; its traceback is shown
                self._off = "the error above"
                self._plugin._log.error("nothing more is embedded in this import", exc_info=True)
        if self._off:
            self._left_out += sum(not item.get(fields.MODEL) and not item.get(fields.STATUS) for item in items)

    def _embed(self, lib: Library, items: list[Item]) -> None:
        if not items:
            return
        if self._pool is None:
            nearest = configured_distance(self._plugin)
            self._pool = embedder.new_pool(self._plugin)
            self._resemblance = ImportSimilar(self._plugin, nearest) if nearest else None
        for item, outcome in embedder.outcomes(self._pool, items):
            embedder.store(item, outcome)
            if isinstance(outcome, Exception):
                embedder.report_failure(self._plugin, item, outcome)
            elif self._resemblance is not None:
                self._resemblance.tell(lib, item, outcome.vector)
            if getattr(threading.current_thread(), "abort_flag", False):  # Ctrl-C: beets' pipeline is stopping
                return

    def files_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """A bad file was copied or tagged since: note its new time, so that it is not tried again as it is."""
        for item in task.imported_items():
            if status := item.get(fields.STATUS):
                reason = status.partition(" @ ")[0]
                item[fields.STATUS] = f"{reason} @ {fields.mtime_of(item)}"
                item.store()

    def finish(self, lib: Library, paths: list[bytes]) -> None:
        """At the end of an import: stop the workers, and say what is left to do."""
        self.close()
        if self._left_out:
            songs = "1 imported song has" if self._left_out == 1 else f"{self._left_out} imported songs have"
            self._plugin._log.error("{} no embedding ({}): fix that, then run `beet embed`", songs, self._off)
        self._off, self._left_out = "", 0

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._resemblance is not None:
            self._resemblance.close()
            self._resemblance = None
