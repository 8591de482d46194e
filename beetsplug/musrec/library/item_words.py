"""The words of one song, from its stored embedding: what the fields of words show."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from musrec_core import attribute_text

from ..attributes import fields

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.words.heads import Words

    from .models import Models
    from .word_heads import WordHeads


class ItemWords:
    """Tells the words of items, each by the model that embedded it. The last item's are kept: a format asks for many.

    Parameters
    ----------
    models : callable
        Gives the models that can be used; raises `UserError` or ``ConfigError``.
    words : WordHeads
    log : BeetsLogger
        Gets a line where words can't be told, once.
    """

    def __init__(self, models: Callable[[], Models], words: WordHeads, log: BeetsLogger) -> None:
        self._models, self._heads, self._log = models, words, log
        self._known: dict[str, Words | None] = {}  # a model's id -> its words
        self._last: tuple[tuple[str, str], NDArray[np.float32], dict[str, float]] | None = None

    def probability(self, item: Item, word: str) -> float | None:
        """Of one word; None where the item has no embedding, or its model does not know the word."""
        told = self._told(item)
        return None if told is None else told[1].get(word)

    def text(self, item: Item) -> str:
        """``piano 91%, calm 84%``: the words that say most of it; empty where there are none."""
        told = self._told(item)
        if told is None:
            return ""
        words = self._known[str(item.get(fields.MODEL))]
        return "" if words is None else ", ".join(f"{word} {p:.0%}" for word, p in words.typical(told[0]))

    def _told(self, item: Item) -> tuple[NDArray[np.float32], dict[str, float]] | None:
        """An item's embedding, and the probability of each word."""
        stored, model_id = fields.stored_embedding(item), str(item.get(fields.MODEL) or "")
        words = self._words(model_id) if stored else None
        if words is None:
            return None
        if self._last is None or self._last[0] != (model_id, stored):
            (vector,) = attribute_text.decode_vectors([stored], words.dimensions)
            if any(map(math.isnan, vector.tolist())):
                return None
            told = dict(zip(words.names, words.probabilities(vector[None])[0].tolist(), strict=True))
            self._last = (model_id, stored), vector, told
        return self._last[1:]

    def _words(self, model_id: str) -> Words | None:
        if model_id not in self._known:
            try:
                models = self._models()
                self._known[model_id] = self._heads.find(models[model_id]) if model_id in models.ids else None
            except (UserError, ConfigError) as error:  # `beet ls` must not stop
                self._log.warning("no words: {}", error)
                self._known[model_id] = None
        return self._known[model_id]
