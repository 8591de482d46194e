"""Which tags a song should have: its moods, its words and its genres, as far as they are wanted and sure enough."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from beets.ui import UserError

from musrec_core import attribute_text

from ..attributes import fields
from .files import MOOD, is_taken

if TYPE_CHECKING:
    from beets.library import Item
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.words.heads import Words

    from ..config import TagSettings
    from ..genres.tags import Rules
    from ..genres.vocabulary import Genres
    from ..library.word_heads import WordHeads

APART = {"mood", "genre"}  # groups of words that have tags of their own


class NotEmbedded(Exception):
    """The song has no embedding of a model that is known."""


class NoWords(Exception):
    """The song is embedded with a model that knows no words, and nothing but words is wanted."""


class WantedTags:
    """What is to be written, by ``musrec.tags``.

    Parameters
    ----------
    settings : TagSettings
    cards : mapping of str to Card
        The models that are known, by id: a song's words are told by the model that embedded it.
    words : WordHeads
    genres : Genres
    rules : Rules
        Which guesses are written, as for `beet genreguess --apply`.

    Raises
    ------
    UserError
        The tag for the words is one that beets writes something else into.
    """

    def __init__(
        self, settings: TagSettings, cards: Mapping[str, Card], words: WordHeads, genres: Genres, rules: Rules
    ) -> None:
        if settings.words and is_taken(settings.words):
            raise UserError(
                f"musrec.tags.words: {settings.words} is a tag that has a meaning of its own; "
                "take grouping, comments, or another name"
            )
        self._settings, self._cards, self._words, self._genres, self._rules = settings, cards, words, genres, rules

    def of(self, item: Item) -> dict[str, list[str]]:
        """The values of each tag, the likeliest first; raises `NotEmbedded` or `NoWords`."""
        card = self._cards.get(str(item.get(fields.MODEL)))
        vector = None if card is None else _vector(item, card)
        if card is None or vector is None:
            raise NotEmbedded
        found: dict[str, list[str]] = {}
        if self._settings.mood or self._settings.words:
            words = self._words.find(card)
            if words is None and not self._settings.genres:
                raise NoWords
            found = {} if words is None else self._of_words(words, vector)
        if self._settings.genres:
            found["genres"] = self._genres.names(item, self._rules)
        return found

    def _of_words(self, words: Words, vector: NDArray[np.float32]) -> dict[str, list[str]]:
        settings = self._settings
        groups = {MOOD: {"mood"} if settings.mood else set()}
        if settings.words:
            groups[settings.words] = set(words.groups) - APART
        likeliest = functools.partial(words.likeliest, vector, least=settings.threshold, most=settings.max_words)
        return {tag: [word for word, _ in likeliest(groups=some)] for tag, some in groups.items()}


def _vector(item: Item, card: Card) -> NDArray[np.float32] | None:
    """An item's embedding [shape=(d,)]; None without one, or with a damaged one."""
    (vector,) = attribute_text.decode_vectors([fields.stored_embedding(item)], card.dimensions)
    return vector if np.isfinite(vector).all() else None
