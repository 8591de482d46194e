"""Guessed genres on import: stored after lastgenre spoke, and before beets writes the files' tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets import plugins
from beets.ui import UserError
from confuse import ConfigError

from .tags import Rules

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item

    from .. import MusrecPlugin


class GenreStage:
    """Fills `genres` of what is imported, by ``musrec.genreguess``: ``force``, ``prefer`` and the rules of --apply."""

    def __init__(self, plugin: MusrecPlugin) -> None:
        self._plugin = plugin
        self._off = False
        self._tagged: set[int] = set()  # songs that came with genres: lastgenre's, which come later, are others
        plugin.early_import_stages.append(self.note)
        plugin.register_listener("pluginload", self.take_place)

    def take_place(self) -> None:
        """Stand behind lastgenre: beets runs the stages of plugins in the order of `plugins:`."""
        loaded = list(plugins.find_plugins())
        behind = loaded[loaded.index(self._plugin) :]
        last = next((plugin for plugin in behind if plugin.name == "lastgenre"), self._plugin)
        last.import_stages.append(self.stage)

    def note(self, session: ImportSession, task: ImportTask) -> None:
        """Remember which songs have genres of their own."""
        self._tagged.update(item.id for item in task.imported_items() if item.id and item.genres)

    def stage(self, session: ImportSession, task: ImportTask) -> None:
        """Store the guesses of a task's songs."""
        items = [item for item in task.imported_items() if item.id]
        own = {item.id for item in items if item.id in self._tagged}
        self._tagged -= own
        if self._off:
            return
        try:
            rules, config = Rules.of(self._plugin), self._plugin.config["genreguess"]
            force = config["force"].get(bool)
            prefer = config["prefer"].as_choice(["lastgenre", "musrec"])
        except (UserError, ConfigError) as error:  # say so once, and let the import go on
            self._off = True
            self._plugin._log.error("no genres are stored in this import: {}", error)
            return
        for item in items:
            if force or not item.genres or (prefer == "musrec" and item.id not in own):
                self._store(item, rules)

    def _store(self, item: Item, rules: Rules) -> None:
        names = self._plugin.genres.names(item, rules)
        if names and names != item.genres:
            item.genres = names
            item.store()
