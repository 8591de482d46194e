"""What a song may have more or less of: its genres (the user's, the model's), the model's words, and its mood."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from beets.ui import UserError

from musrec_core import attribute_text
from musrec_core.errors import UnknownWordError, WordsError
from musrec_core.words import request
from musrec_core.words.lexicon import Lexicon, listed, shown

from ..attributes import fields
from ..genres.tags import key_of
from ..library import sql

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.genres.vocabulary import Vocabulary
    from musrec_core.search.index import VectorIndex
    from musrec_core.words.heads import Words
    from musrec_core.words.request import WordRequest

    from ..library.vectors import VectorStore
    from ..library.word_heads import WordHeads

Kind = Literal["learnt", "genre", "word", "mood"]  # a name that is several is the first of these
ALL_WORDS = "`beet similar --words` lists all"


class Quality(NamedTuple):
    """What `--more` and `--less` name."""

    kind: Kind
    name: str


class Qualities:
    """Finds what a name means, and how much of it each song has.

    Parameters
    ----------
    words : WordHeads
    learnt : callable
        Gives the genres that were learnt for a library; None without any.
    vectors : VectorStore
    """

    def __init__(self, words: WordHeads, learnt: Callable[[Library], Vocabulary | None], vectors: VectorStore) -> None:
        self._words, self._learnt, self._vectors = words, learnt, vectors

    def words(self, card: Card) -> Words:
        """The words of a model; raises `UserError` where it knows none."""
        return self._words.get(card)

    def request(self, card: Card, text: str) -> WordRequest:
        """What a request for words means; raises `UserError`."""
        try:
            return request.parse(text, self.words(card))
        except UnknownWordError as error:
            raise UserError(f"{error}: {ALL_WORDS}") from None
        except WordsError as error:
            raise UserError(str(error)) from None

    def scores(self, lib: Library, card: Card, wanted: WordRequest, index: VectorIndex) -> NDArray[np.float32]:
        """How well each song answers, 0 to 1, as the index orders them [shape=(n,)]; 0 without an embedding."""
        songs = self._vectors.get(lib, "embedding", card).index
        return _aligned(songs, wanted.scores(self.words(card), songs.vectors), index)

    def find(self, lib: Library, card: Card, name: str) -> Quality:
        """What a name means; raises `UserError` where it means nothing."""
        lexicons = self._lexicons(lib, card)
        for kind, lexicon in lexicons.items():
            if (place := lexicon.find(name)) is not None:
                return Quality(kind, lexicon.names[place])
        names: dict[str, str] = {}  # a genre may be a word, too
        synonyms: dict[str, list[str]] = {}
        for lexicon in lexicons.values():
            for known, others in zip(lexicon.names, lexicon.synonyms, strict=True):
                names.setdefault(known.casefold(), known)
                synonyms.setdefault(known.casefold(), []).extend(others)
        nearest = listed(Lexicon(list(names.values()), list(synonyms.values())).nearest(name))
        kinds, advice = "genre, word or mood", f": {ALL_WORDS}"
        if "word" not in lexicons:
            kinds, advice = "genre or mood", f". The model {card.name} knows no words: {self._words.advice()}"
        raise UserError(f"there is no {kinds} {shown(name) or repr(name)}; the nearest are {nearest}{advice}")

    def _lexicons(self, lib: Library, card: Card) -> dict[Kind, Lexicon]:
        found: dict[Kind, Lexicon] = {}
        if (learnt := self._learnt(lib)) is not None:
            found["learnt"] = Lexicon(learnt.labels)
        spellings = [(genre.key, key_of(genre.label)) for genre in card.genres]  # hiphop, too
        found["genre"] = Lexicon([genre.label for genre in card.genres], spellings)
        if (words := self._words.find(card)) is not None:
            found["word"] = request.lexicon_of(words)
        if card.mood:
            found["mood"] = Lexicon(list(card.mood))
        return found

    def values(self, lib: Library, card: Card, quality: Quality, index: VectorIndex) -> NDArray[np.float32]:
        """How much of it each song has, 0 to 1, as the index orders them [shape=(n,)]; 0 where that is not known."""
        if quality.kind == "mood":
            known = moods(lib, quality.name)
            return np.array([known.get(id_, 0.0) for id_ in index.ids.tolist()], np.float32)
        if quality.kind == "genre":
            genres = self._vectors.get(lib, "genre", card).index
            labels = [genre.label for genre in card.genres]
            return _aligned(genres, genres.vectors[:, labels.index(quality.name)], index)
        songs = self._vectors.get(lib, "embedding", card).index
        if quality.kind == "word":
            words = self.words(card)
            column = words.names.index(quality.name)
            return _aligned(songs, words.probabilities(songs.vectors, [column])[:, 0], index)
        learnt = self._learnt(lib)
        if learnt is None or learnt.model != card.model_id:
            raise UserError(
                f"your genre {quality.name} was learnt from other embeddings: run `beet genreguess --learn`"
            )
        return _aligned(songs, learnt.probabilities(songs.vectors)[:, learnt.labels.index(quality.name)], index)


def moods(lib: Library, axis: str) -> dict[int, float]:
    """A song's id -> one axis of its mood."""
    found = {}
    for id_, text in sql.texts(lib, fields.MOOD):
        if (value := attribute_text.parse_pairs(text or "").get(axis)) is not None:
            found[id_] = value
    return found


def _aligned(known: VectorIndex, values: NDArray[Any], index: VectorIndex) -> NDArray[np.float32]:
    """Values of the songs of one index, as another one orders them; 0 for others."""
    if known.ids is index.ids:
        return np.asarray(values, np.float32)
    by_id = dict(zip(known.ids.tolist(), values.tolist(), strict=True))
    return np.array([by_id.get(id_, 0.0) for id_ in index.ids.tolist()], np.float32)
