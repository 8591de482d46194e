"""Which model's embeddings a library is asked by: after a change of the model, the old ones answer for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..attributes import fields

if TYPE_CHECKING:
    from beets.library import Library

    from musrec_core.card import Card


class Models:
    """The models whose embeddings can be used.

    Parameters
    ----------
    cards : sequence of Card
        The configured model's first; what is embedded from now on is embedded with it.
    """

    def __init__(self, cards: Sequence[Card]) -> None:
        self.configured, self._cards = cards[0], tuple(cards)

    @property
    def ids(self) -> list[str]:
        """Of all of them."""
        return [card.model_id for card in self._cards]

    def __getitem__(self, model_id: str) -> Card:
        return next(card for card in self._cards if card.model_id == model_id)

    def in_use(self, songs: Mapping[str, int]) -> Card:
        """The model with whose embeddings a library's songs are compared: the one that most have.

        So most songs are found at any time, and embeddings of two models are never compared. Where as many have the
        configured model's, it is that one.

        Parameters
        ----------
        songs : mapping of str to int
            A model's id -> how many songs have an embedding of it.
        """
        return max(self._cards, key=lambda card: songs.get(card.model_id, 0))  # the first of several


def songs_by_model(lib: Library) -> dict[str, int]:
    """A model's id -> how many songs have an embedding of it."""
    with lib.transaction() as tx:
        rows = tx.query("SELECT value, COUNT(*) FROM item_attributes WHERE key = ? GROUP BY value", (fields.MODEL,))
    return {row[0]: row[1] for row in rows}
