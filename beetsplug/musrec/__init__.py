"""beets-musrec: similar songs, guessed genres and playlists for the music you own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import confuse
from beets.plugins import BeetsPlugin
from beets.ui import UserError

from musrec_core.card import Card
from musrec_core.errors import ModelError

from . import unknown_settings
from .attributes import fields
from .commands import embed, genreguess, musicmap, report, similar
from .commands import mixes as mixes_command
from .embedding.import_stage import EmbeddingStage
from .genres import vocabulary
from .genres.import_stage import GenreStage
from .playlists import mixes
from .similar import query, request, search, steering

if TYPE_CHECKING:
    from beets.dbcore.types import Type
    from beets.importer import ImportSession
    from beets.library import Item, Library
    from beets.ui import Subcommand

    from .library.vectors import Space


class MusrecPlugin(BeetsPlugin):
    """Configuration, attributes, the import stage, and the list of commands."""

    def __init__(self) -> None:
        super().__init__()
        defaults: dict[str, Any]
        self.config.add(
            defaults := {
                "auto": True,  # embed on import
                "model": None,  # the .onnx of another encoder
                "workers": 0,  # processes; 0: one a core
                "timeout": 60,  # seconds that one file may take
                "exclude": "",  # a query: songs that are never an answer
                "import_similar": 0,  # yes, or the distance within which copies are looked for; 0: never
                "cache": True,  # keep the vectors of a large library in a file beside it
                "similar": {
                    "count": 5,
                    "space": "embedding",
                    "format": f"${fields.DISTANCE}  $artist - $title",
                    "max_per_artist": 0,  # 0: no limit
                    "max_per_album": 0,
                    "duplicates": False,  # every copy of a recording
                    "order": "auto",  # nearest, but apart in a playlist: no artist twice in a row; or smooth
                    "variety": 0.0,  # 0 to 1: how much the songs should differ from each other
                    "hub_correction": False,  # rank by mutual proximity
                    "weigh": {},  # an attribute and its weight, as in rating: 0.2
                },
                "genreguess": {
                    "count": 3,  # bars a track
                    "threshold": 0.5,  # the least probability that is applied
                    "max_genres": 1,  # that are applied to a track
                    "title_case": True,
                    "map": {},  # what a genre is called: a name, several, or nothing where it is to be ignored
                    "auto": False,  # apply on import
                    "force": False,  # over genres that are there
                    "prefer": "lastgenre",  # or musrec: who wins on import
                    "least_songs": 10,  # rarer genres are not learnt
                    "least_artists": 3,
                    "abstain": 0.3,  # the least probability of a learnt genre that is `musrec_genre`
                },
                "musicmap": {"color": "genres"},  # the field
                "playlist": {  # the names are smartplaylist's
                    "dir": None,
                    "relative_to": None,
                    "forward_slash": False,
                    "urlencode": False,
                    "prefix": "",
                    "uri_format": None,
                    "output": "extm3u",
                    "recipe": True,  # comment lines that tell how it was made
                },
                "mixes": [],  # playlists of similar songs, by name
                "mixes_on_import": False,  # write them after each import
            }
        )
        self._defaults = defaults
        self._model_error = ""
        card = self._read_card()
        self.genres = vocabulary.Genres(self)
        own = vocabulary.genre_keys(vocabulary.labels_of_configured())
        self.item_types: dict[str, Type] = fields.item_types(card, own.values())
        self.template_fields: dict[str, Callable[[Item], Any]] = dict(fields.computed_fields(card, self.genres.answer))
        self.template_fields |= fields.own_fields(own, self.genres.probability)
        self.template_fields[fields.DISTANCE] = lambda item: self.distances.get(item.get("id") or 0)
        self.distances: dict[int, float] = {}  # item's id -> distance, of the last question
        self.library: Library | None = None
        self.item_queries = query.item_queries(self)
        self.album_queries = query.album_queries(self)
        self.register_listener("library_opened", self._remember_library)
        self.register_listener("import_begin", self._import_begins)
        if self._is_on(self.config["auto"]):
            EmbeddingStage(self)
        if self._is_on(self.config["genreguess"]["auto"]):
            GenreStage(self)
        if self._is_on(self.config["mixes_on_import"]):
            self.register_listener("import", self._make_mixes)

    def _is_on(self, setting: confuse.Subview) -> bool:
        """Whether a setting says yes; one that can't be read is told, and must not stop ``beet ls``."""
        try:
            return bool(setting.get(bool))
        except confuse.ConfigError as error:
            self._log.error("configuration error: {}", error)
            return False

    def _read_card(self) -> Card | None:
        """The model's card; a broken one must not stop ``beet ls``, so its error waits for a command that needs it."""
        try:
            return Card.load(self.config["model"].as_filename() if self.config["model"].get() else None)
        except (ModelError, confuse.ConfigError) as error:
            self._model_error = str(error)
            return None

    @cached_property
    def card(self) -> Card:
        """The model in use; raises `UserError` where it can't be used."""
        card = self._read_card()
        if card is None:
            raise UserError(f"{self._model_error}; check `musrec.model` in the configuration")
        self._check_files(card)
        return card

    @staticmethod
    def _check_files(card: Card) -> None:
        from musrec_core.encoder import verify_files

        try:
            verify_files(card)
        except ModelError as error:
            raise UserError(f"{error}; reinstall beets-musrec, or check `musrec.model`") from None

    def _remember_library(self, lib: Library) -> None:
        self.library = lib

    def _make_mixes(self, lib: Library, paths: list[bytes]) -> None:
        mixes.after_import(self, lib)

    @property
    def space(self) -> Space:
        """What to compare where a command does not say."""
        space: Space = self.config["similar"]["space"].as_choice(["embedding", "genre"])
        return space

    def wanted(self, lib: Library, *, candidates: str | None = None) -> search.Criteria:
        """What the configuration asks for, as a command without options would."""
        config = self.config["similar"]
        return search.Criteria(
            space=self.space,
            metric="euclidean" if self.space == "genre" else "cosine",
            candidates=candidates,
            per_artist=request.at_least(0, None, config["max_per_artist"].get(int), "--max-per-artist"),
            per_album=request.at_least(0, None, config["max_per_album"].get(int), "--max-per-album"),
            duplicates=config["duplicates"].get(bool),
            steering=steering.parse_steering(self, lib),
            hub_correction=config["hub_correction"].get(bool),
        )

    def commands(self) -> list[Subcommand]:
        commands = [module.command(self) for module in (embed, similar, mixes_command, genreguess, musicmap, report)]
        for command in commands:
            command.func = self._checked(command.func)
        return commands

    def _checked(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """A command that tells of unknown settings first."""

        def checked(*arguments: Any) -> Any:
            self._tell_unknown_settings()
            return func(*arguments)

        return checked

    def _import_begins(self, session: ImportSession) -> None:
        self._tell_unknown_settings()

    def _tell_unknown_settings(self) -> None:
        if found := unknown_settings.unknown(self.config, self._defaults):
            self._log.warning("ignored in the configuration: {}", ", ".join(found))
