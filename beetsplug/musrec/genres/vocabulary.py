"""Guessed genres of items: by the learnt vocabulary beside the library if there is one, else by the model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from musrec_core import attribute_text
from musrec_core.errors import VocabularyError

from ..attributes import fields
from ..config import DEFAULTS

if TYPE_CHECKING:
    from beets.library import Item
    from beets.logging import BeetsLogger

    from musrec_core.card import Card
    from musrec_core.genres.vocabulary import Vocabulary

    from ..config import GenreSettings
    from .tags import Rules

_Stamp = tuple[int, int, int]


class Genres:
    """Genres of items: by the learnt vocabulary beside the library, or without one by the model.

    Parameters
    ----------
    configured, in_use : callable
        Give the cards of the configured model, and of the one whose embeddings most songs have: a vocabulary has to be
        learnt from either.
    settings : callable
        Gives the settings; raises ``ConfigError``.
    default_library : callable
        The path of the configured library, for items that are in none yet.
    log : BeetsLogger
    """

    def __init__(
        self,
        configured: Callable[[], Card],
        in_use: Callable[[], Card],
        settings: Callable[[], GenreSettings],
        default_library: Callable[[], str],
        log: BeetsLogger,
    ) -> None:
        self._configured, self._card_in_use, self._settings, self._log = configured, in_use, settings, log
        self._default_library = default_library
        self._has_reported_settings = False
        self._warned: set[str] = set()  # models whose embeddings a vocabulary was learnt from
        self._read: dict[str, tuple[_Stamp, Vocabulary | None]] = {}
        self._last: tuple[Vocabulary, tuple[str | None, str], dict[str, float]] | None = None

    def learnt(self, library: str | bytes | os.PathLike[str]) -> Vocabulary | None:
        """The vocabulary beside a library, None where there is none; raises `UserError` if it can't be used."""
        path = fields.vocabulary_path(library)
        if _stamp(path) is None:
            return None
        from musrec_core.genres.vocabulary import Vocabulary  # numpy, which a library without one does not need

        try:
            found = Vocabulary.load(path)
        except VocabularyError as error:
            raise UserError(
                f"{error}; run `beet genreguess --learn` to rebuild it, or `--forget` to remove it"
            ) from None
        configured = self._configured()
        if _fits(found, configured):
            return found
        card = self._card_in_use()
        if not _fits(found, card):
            raise UserError(
                f"{path} was learnt from embeddings of {found.model}, and the library's are of {card.model_id}: "
                "run `beet genreguess --learn` to learn your genres anew, or `--forget` to remove them"
            )
        self._warn_of_change(found, configured)
        return found

    def _warn_of_change(self, found: Vocabulary, configured: Card) -> None:
        if found.model not in self._warned:
            self._warned.add(found.model)
            self._log.warning(
                "your genres were learnt from embeddings of {}: after the change to {}, run `beet genreguess --learn` "
                "to learn them anew",
                found.model,
                configured.model_id,
            )

    def of(self, item: Item) -> dict[str, float]:
        """An item's genres, most probable first; empty if it is not embedded, or by another model."""
        vocabulary = self.in_use(self._library_of(item))
        return fields.genres_of(item) if vocabulary is None else guess(vocabulary, item)

    def answer(self, item: Item) -> tuple[str, float | None]:
        """The most probable genre, empty if a learnt vocabulary is not sure enough; and its probability."""
        label, p = next(iter(self.of(item).items()), ("", None))
        if p is not None and self.in_use(self._library_of(item)) and p < self._abstain_or_default():
            label = ""
        return label, p

    def _abstain_or_default(self) -> float:
        """`abstain` for what `beet ls` prints, which a wrong setting must not stop: that is reported once."""
        try:
            return self.abstain
        except ConfigError as error:
            if not self._has_reported_settings:
                self._has_reported_settings = True
                self._log.error("configuration error: {}", error)
            return float(DEFAULTS["genreguess"]["abstain"])

    def probability(self, item: Item, label: str) -> float | None:
        """The probability of a learnt genre; None if it was not learnt, or the item has no embedding."""
        vocabulary = self.in_use(self._library_of(item))
        if vocabulary is None:
            return None
        key = item.get(fields.MODEL), fields.stored_embedding(item)
        if self._last is None or self._last[0] is not vocabulary or self._last[1] != key:
            self._last = vocabulary, key, guess(vocabulary, item)  # a format asks for many genres of one song
        return self._last[2].get(label)

    def names(self, item: Item, rules: Rules) -> list[str]:
        """The genres to store for an item."""
        return rules.names(self.of(item), learnt=self.in_use(self._library_of(item)) is not None)

    @property
    def abstain(self) -> float:
        """The lowest probability at which a learnt genre is returned."""
        return self._settings().abstain

    def _library_of(self, item: Item) -> str | bytes | os.PathLike[str]:
        """The database that an item is in, or will be."""
        return item._db.path if item._db is not None else self._default_library()

    def in_use(self, library: str | bytes | os.PathLike[str]) -> Vocabulary | None:
        """The vocabulary in use; None if the model's genres are. It is read again only when its file changes.

        One that can't be used is reported once, and the model's genres are used.
        """
        path = fields.vocabulary_path(library)
        stamp = _stamp(path)
        if stamp is None:
            return None
        if path not in self._read or self._read[path][0] != stamp:
            vocabulary = None
            try:
                vocabulary = self.learnt(library)
            except UserError as error:
                self._log.warning("using the model's own genres: {}", error)
            self._read[path] = (stamp, vocabulary)
        return self._read[path][1]


def _fits(vocabulary: Vocabulary, card: Card) -> bool:
    return vocabulary.model == card.model_id and vocabulary.dimensions == card.dimensions


def guess(vocabulary: Vocabulary, item: Item) -> dict[str, float]:
    """An item's genres by a vocabulary, most probable first; empty without an embedding of its model."""
    text = fields.stored_embedding(item)
    if not text or item.get(fields.MODEL) != vocabulary.model:
        return {}
    (vector,) = attribute_text.decode_vectors([text], vocabulary.dimensions)
    return {} if any(map(math.isnan, vector.tolist())) else vocabulary.guess(vector)


def _stamp(path: str) -> _Stamp | None:
    try:
        now = os.stat(path)
    except OSError:  # none; one that can't be reached is as good as none
        return None
    return now.st_ino, now.st_size, now.st_mtime_ns
