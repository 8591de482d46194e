"""beets-musrec: similar songs, guessed genres and playlists for the music you own."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import beets
import confuse
from beets import plugins
from beets.plugins import BeetsPlugin

from musrec_core.card import Card, known_cards
from musrec_core.errors import ModelError

from . import named_queries
from .attributes import fields
from .commands import COMMANDS, Command
from .config import DEFAULTS, SECRETS, Settings
from .templates import Flag, ModelPath

if TYPE_CHECKING:
    from beets.dbcore.types import Type
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item, Library
    from beets.ui import Subcommand

    from .components import Components


class MusrecPlugin(BeetsPlugin):
    """What beets gets from us: settings, attributes, queries, import stages, commands.

    The work is done by `Components`, each of which is imported and built when it is first needed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.config.add(DEFAULTS)
        self._hide_secrets()
        self.last_result = fields.LastResult()
        self.library: Library | None = None
        self._components: Components | None = None
        self._lock = Lock()
        self._register_attributes()
        results = {
            "similar": lambda: self.components.similar_results,
            "sounds": lambda: self.components.sounds_results,
        }
        self.item_queries = named_queries.item_queries(results)
        self.album_queries = named_queries.album_queries(results)
        self.register_listener("library_opened", self._remember_library)
        self.register_listener("import_begin", self._import_begins)
        if self._is_on(self.config["auto"]):
            self._register_embedding()
            if self._is_on(self.config["write_tags"]):
                self.register_listener("import_task_files", self._write_tags)
                self.register_listener("import", self._tags_written)
        self.register_listener("after_write", self._restore_tags)
        if self._is_on(self.config["genreguess"]["auto"]):
            self._register_genres()
        if self._is_on(self.config["mixes_on_import"]):
            self.register_listener("import", self._make_mixes)
        self.register_listener("pluginload", self._extend_web)

    @property
    def components(self) -> Components:
        """The parts that do the work."""
        with self._lock:  # beets runs each import stage in its own thread
            if self._components is None:
                from .components import Components  # not wanted by `beet ls`

                self._components = Components(
                    Settings(self.config),
                    self._load_card,
                    self._log,
                    lambda: self.library,
                    self.last_result,
                    self._configured_library,
                )
            return self._components

    def commands(self) -> list[Subcommand]:
        """Our commands, each of which imports its module when it is used."""
        return [Command(entry, self._components_of_command) for entry in COMMANDS]

    # Settings.

    def _hide_secrets(self) -> None:
        """Let `beet config` print no password."""
        for path in SECRETS:
            view: confuse.Subview = self.config
            for key in path:
                view = view[key]
            view.redact = True

    def _is_on(self, setting: confuse.Subview) -> bool:
        """Whether a setting is on; an invalid one is reported, and must not stop ``beet ls``."""
        try:
            return bool(setting.get(Flag()))
        except confuse.ConfigError as error:
            self._log.error("configuration error: {}", error)
            return False

    def _load_card(self) -> Card:
        return Card.load(self.config["model"].get(ModelPath()))

    @staticmethod
    def _configured_library() -> str:
        path: str = beets.config["library"].as_filename()
        return path

    def _components_of_command(self) -> Components:
        self._tell_unknown_settings()
        return self.components

    def _tell_unknown_settings(self) -> None:
        from .unknown_settings import unknown

        if found := unknown(self.config, DEFAULTS):
            self._log.warning("ignored in the configuration: {}", ", ".join(found))

    def _remember_library(self, lib: Library) -> None:
        self.library = lib

    # Attributes.

    def _register_attributes(self) -> None:
        """Names, types and getters; a broken card has no genres, and its error waits for a command that needs it."""
        try:
            cards = known_cards(self._load_card())
        except (ModelError, confuse.ConfigError):
            cards = []
        try:
            learnt = fields.genre_keys(fields.learnt_labels(self._configured_library()))
        except confuse.ConfigError:  # beets itself reports it
            learnt = {}
        self.item_types: dict[str, Type] = fields.item_types(cards, learnt.values())
        self.template_fields: dict[str, Callable[[Item], Any]] = {
            **fields.computed_fields(cards, self._genre_answer),
            **fields.learnt_fields(learnt, self._genre_probability),
            **fields.word_fields(cards, self._words, self._word_probability),
            fields.DISTANCE: lambda item: self.last_result.distance(item.get("id")),
            fields.NEARNESS: lambda item: self.last_result.nearness(item.get("id")),
        }

    def _genre_answer(self, item: Item) -> tuple[str, float | None]:
        return self.components.genres.answer(item)

    def _genre_probability(self, item: Item, label: str) -> float | None:
        return self.components.genres.probability(item, label)

    def _words(self, item: Item) -> str:
        return self.components.item_words.text(item)

    def _word_probability(self, item: Item, word: str) -> float | None:
        return self.components.item_words.probability(item, word)

    # Import.

    def _import_begins(self, session: ImportSession) -> None:
        self.components.is_importing = True
        self._tell_unknown_settings()

    def _register_embedding(self) -> None:
        self.import_stages.append(self._embed_imported)
        self.register_listener("import_task_files", self._files_in_place)
        self.register_listener("import", self._import_ended)

    def _embed_imported(self, session: ImportSession, task: ImportTask) -> None:
        self.components.embedding_stage.stage(session, task)

    def _files_in_place(self, session: ImportSession, task: ImportTask) -> None:
        self.components.embedding_stage.files_in_place(task)

    def _import_ended(self, lib: Library, paths: list[bytes]) -> None:
        self.components.embedding_stage.finish()

    def _write_tags(self, session: ImportSession, task: ImportTask) -> None:
        self.components.tag_stage.files_in_place(session, task)

    def _tags_written(self, lib: Library, paths: list[bytes]) -> None:
        self.components.tag_stage.finish()

    def _restore_tags(self, item: Item, path: bytes) -> None:
        if path == item.path and fields.has_tags(item):  # another one is a copy of `convert`, with options of its own
            self.components.tag_writer.restore(item)

    def _register_genres(self) -> None:
        self.early_import_stages.append(self._note_genres)
        self.register_listener("pluginload", self._register_after_lastgenre)

    def _register_after_lastgenre(self) -> None:
        """Run after lastgenre: beets runs the stages of plugins in the order of `plugins:`."""
        loaded = list(plugins.find_plugins())
        behind = loaded[loaded.index(self) :]
        last = next((plugin for plugin in behind if plugin.name == "lastgenre"), self)
        last.import_stages.append(self._store_genres)

    def _note_genres(self, session: ImportSession, task: ImportTask) -> None:
        self.components.genre_stage.note(task)

    def _store_genres(self, session: ImportSession, task: ImportTask) -> None:
        self.components.genre_stage.stage(task)

    def _make_mixes(self, lib: Library, paths: list[bytes]) -> None:
        from .playlists.mixes import build_after_import

        build_after_import(lambda: self.components.mixes, lib, self._log)

    # The web interface of beets.

    def _extend_web(self) -> None:
        """Add our address to it, where it is on."""
        if any(plugin.name == "web" for plugin in plugins.find_plugins()):
            from .serve import beets_web

            beets_web.register(lambda: self.components.similar_results)
