"""The words that the models know, each model's read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets.ui import UserError

from musrec_core.errors import ModelError
from musrec_core.words.heads import Words

if TYPE_CHECKING:
    from collections.abc import Callable

    from musrec_core.card import Card


class WordHeads:
    """Reads the words of a model when they are first needed.

    Parameters
    ----------
    configured : callable, optional
        Gives the model that songs are embedded with; the newest one without it.
    """

    def __init__(self, configured: Callable[[], Card] | None = None) -> None:
        self._configured = configured
        self._known: dict[str, Words | None] = {}

    def get(self, card: Card) -> Words:
        """The words of a model; raises `UserError` where it knows none, or their file is damaged."""
        words = self.find(card)
        if words is None:
            raise UserError(f"the model {card.name} knows no words: {self.advice()}")
        return words

    def advice(self) -> str:
        """What to do where the model of a library knows no words."""
        if self._configured is not None and self._configured().words is None:
            return "remove `musrec.model` from the configuration, and run `beet embed`"
        return "`beet embed` embeds with the newest one"

    def find(self, card: Card) -> Words | None:
        """The words of a model, or None where it knows none; raises `UserError` where their file is damaged."""
        if card.model_id not in self._known:
            try:
                self._known[card.model_id] = Words.load(card)
            except ModelError as error:
                raise UserError(f"{error}; reinstall beets-musrec, or check `musrec.model`") from None
        return self._known[card.model_id]
