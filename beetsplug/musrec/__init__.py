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

from . import fields
from .commands import embed, genreguess, musicmap, similar
from .importing import Importing

if TYPE_CHECKING:
    from beets.dbcore.types import Type
    from beets.library import Item
    from beets.ui import Subcommand


class MusrecPlugin(BeetsPlugin):
    """Configuration, attributes, the import stage, and the list of commands."""

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,  # embed on import
                "model": None,  # the .onnx of another encoder
                "workers": 0,  # processes; 0: one a core
                "timeout": 60,  # seconds that one file may take
                "exclude": "",  # a query: songs that are never an answer
                "cache": True,  # keep the vectors of a large library in a file beside it
                "similar": {
                    "count": 5,
                    "space": "embedding",
                    "format": f"${fields.DISTANCE}  $artist - $title",
                    "max_per_artist": 0,  # 0: no limit
                    "max_per_album": 0,
                },
                "genreguess": {
                    "count": 3,  # bars a track
                    "threshold": 0.5,  # the least probability that is applied
                    "title_case": True,
                },
                "musicmap": {"color": "genres"},  # the field
                "playlist": {"dir": None, "relative_to": None},
            }
        )
        self._model_error = ""
        card = self._read_card()
        self.item_types: dict[str, Type] = fields.item_types(card)
        self.template_fields: dict[str, Callable[[Item], Any]] = dict(fields.computed_fields(card))
        if self.config["auto"].get(bool):
            Importing(self)

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
            raise UserError(f"{error}; install beets-musrec anew or check `musrec.model`") from None

    def commands(self) -> list[Subcommand]:
        return [embed.command(self), similar.command(self), genreguess.command(self), musicmap.command(self)]
