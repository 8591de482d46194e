"""Guessed genres on import: stored after lastgenre, and before beets writes the files' tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from .tags import Rules

if TYPE_CHECKING:
    from beets.importer import ImportTask
    from beets.library import Item
    from beets.logging import BeetsLogger

    from ..config import GenreSettings
    from .vocabulary import Genres


class GenreStage:
    """Fills `genres` of what is imported, by ``musrec.genreguess``: ``force``, ``prefer`` and the rules of --apply."""

    def __init__(self, genres: Genres, settings: Callable[[], GenreSettings], log: BeetsLogger) -> None:
        self._genres, self._settings, self._log = genres, settings, log
        self._off = False
        self._tagged: set[int] = set()  # songs that came with genres: lastgenre's, which come later, are others

    def note(self, task: ImportTask) -> None:
        """Remember which songs have genres of their own."""
        self._tagged.update(item.id for item in task.imported_items() if item.id and item.genres)

    def stage(self, task: ImportTask) -> None:
        """Store the guesses of a task's songs."""
        items = [item for item in task.imported_items() if item.id]
        own = {item.id for item in items if item.id in self._tagged}
        self._tagged -= own
        if self._off:
            return
        try:
            settings = self._settings()
            rules = Rules.of(settings)
        except (UserError, ConfigError) as error:  # say so once, and let the import go on
            self._off = True
            self._log.error("no genres are stored in this import: {}", error)
            return
        for item in items:
            if settings.force or not item.genres or (settings.prefer == "musrec" and item.id not in own):
                self._store(item, rules)

    def _store(self, item: Item, rules: Rules) -> None:
        names = self._genres.names(item, rules)
        if names and names != item.genres:
            item.genres = names
            item.store()
