"""What a request for words means (``calm piano, no vocals``), and how well a song answers it.

Words and synonyms stand in any order, with commas, ``and`` or nothing between them; the longest known phrase counts
first. ``no``, ``not``, ``without``, ``non`` or a minus before a word exclude it, and a number after it is its weight
(``piano:2``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UnknownWordError, WordsError
from .heads import Words
from .lexicon import Lexicon, folded, listed, shown

MAX_WEIGHT = 10.0
NEGATIONS = frozenset({"no", "not", "without", "non", "neither"})
CONNECTORS = frozenset({"and", "but", "with"})
SKIPPED = frozenset({"a", "an", "the", "any", "some", "very", "too", "music", "song", "songs"})
ALTERNATIVES = frozenset({"or", "nor"})
_TOKENS = re.compile(
    r"""
    (?P<weight>:\s*[^\s,;"]*)
    |(?P<minus>(?<![^\s,;("+])(?:[-\u2010-\u2012\u2212^!]\s*|[\u2013-\u2015](?=\w)))  # not the hyphen of laid-back
    |(?P<quote>")
    |(?P<stop>[,;.!?+()\[\]]|[-\u2010-\u2015](?!\w))
    |(?P<word>[^\W_]+)
    |(?P<joint>\s+|[-\u2010-\u2015/_])  # laid-back, pop/rock, female_vocals
    |(?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTES = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb", '"' * 5)


@dataclass(frozen=True)
class AskedWord:
    """A word of a request: its position in `Words.names`, its weight if it has one, and whether it is excluded."""

    index: int
    weight: float | None
    is_excluded: bool


@dataclass(frozen=True)
class WordRequest:
    """Words that are asked for, and words that are excluded."""

    text: str
    asked: tuple[AskedWord, ...]

    def weights(self, usual: float) -> NDArray[np.float64]:
        """Of each word [shape=(k,)]; ``usual`` where none was given."""
        return np.array([usual if word.weight is None else word.weight for word in self.asked])

    def scores(self, words: Words, vectors: ArrayLike) -> NDArray[np.float32]:
        """How well songs answer, 0 to 1 [shape=(m,)], by their embeddings [shape=(m, d)].

        The weighted geometric mean of the probabilities that each word asked for applies, and that each excluded one
        does not. So all have to hold, and two words give no higher score than the better one.

        Raises
        ------
        ValueError
            The embeddings are of another width than the words.
        """
        x = np.asarray(vectors, np.float32)
        if x.ndim != 2 or x.shape[1] != words.dimensions:
            raise ValueError(f"got embeddings of shape {x.shape}, wanted (m, {words.dimensions})")
        which = [word.index for word in self.asked]
        signs = np.array([-1 if word.is_excluded else 1 for word in self.asked], np.float32)
        logits = (x @ words.weights[which].T + words.bias[which]) * signs
        logarithms = -np.logaddexp(0, -logits)
        weights = self.weights(1.0)
        return np.asarray(np.exp(logarithms @ (weights / weights.sum())), np.float32)


@lru_cache(maxsize=4)
def lexicon_of(words: Words) -> Lexicon:
    """The names and synonyms of a model's words."""
    return Lexicon(words.names, words.synonyms)


def parse(text: str, words: Words) -> WordRequest:
    """Read a request.

    Raises
    ------
    UnknownWordError
        It names no word of this model; the message names the three nearest.
    WordsError
        It is empty, contradicts itself, or has a weight that is none; the message says so in one sentence.
    """
    return WordRequest(text, _Parser(text, words).asked())


class _Token(NamedTuple):
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    """The parts of a request; ``&`` is ``and``, and what joins a phrase's words is left out."""
    found = (
        _Token(match.lastgroup or "", match.group()) for match in _TOKENS.finditer(folded(text.translate(_QUOTES)))
    )
    return [token for token in found if token.kind != "joint"]


class _Parser:
    """Reads one request."""

    def __init__(self, text: str, words: Words) -> None:
        self._tokens, self._lexicon = _tokens(text), lexicon_of(words)
        self._found: dict[int, AskedWord] = {}
        self._negation = ""  # the word or the sign that waits for its word
        self._carries = False  # whether what was excluded last goes on: without drums or vocals
        self._is_unclear = False  # no drums and vocals

    def asked(self) -> tuple[AskedWord, ...]:
        place = 0
        while place < len(self._tokens):
            place = self._read(place)
        self._require_no_negation()
        if not self._found:
            raise WordsError("name a word, such as piano or calm")
        return tuple(self._found.values())

    def _read(self, place: int) -> int:
        """Read from one token on; gives the place of the next."""
        kind, text = self._tokens[place]
        if kind == "word" and (phrase := self._phrase(place)):
            index, end = phrase
            weighted = end < len(self._tokens) and self._tokens[end].kind == "weight"
            weight = _weight(self._tokens[end].text) if weighted else None
            self._add(index, weight, phrase_excludes=text in NEGATIONS)  # no vocals is a synonym, too
            return end + weighted
        if kind == "minus" and text[1:]:
            raise WordsError(f"a minus has to stand right before its word, as in {text[0]}vocals")
        if kind == "minus" or (kind == "word" and text in NEGATIONS):
            self._negation = "" if self._negation else text  # not without drums
        elif kind == "stop" or (kind == "word" and text in CONNECTORS):
            self._require_no_negation()
            self._is_unclear = self._carries and text == "and"
            self._carries = False
        elif kind == "word" and text in ALTERNATIVES:
            if not self._carries:
                raise WordsError("words can't be alternatives (or): all of them have to hold")
            self._negation = text
        elif kind == "weight":
            raise WordsError(f"{shown(text)} has to stand right behind a word, as in piano:2")
        elif kind == "symbol":
            raise WordsError(f"{shown(text) or repr(text)} can't be part of a word: ask as in calm piano, no vocals")
        elif kind == "word" and text not in SKIPPED:
            raise self._unknown(place)
        return place + 1

    def _phrase(self, place: int) -> tuple[int, int] | None:
        """The longest known phrase that begins here: what it names, and the place behind it."""
        run = list(self._run(place))[: self._lexicon.longest]
        for length in range(len(run), 0, -1):
            if (index := self._lexicon.keys.get(tuple(run[:length]))) is not None:
                return index, place + length
        return None

    def _run(self, place: int) -> Iterator[str]:
        """The words from here on to the next comma, sign or weight."""
        for kind, text in self._tokens[place:]:
            if kind != "word":
                return
            yield text

    def _add(self, index: int, weight: float | None, *, phrase_excludes: bool) -> None:
        name, excluded = self._lexicon.names[index], bool(self._negation)
        if self._is_unclear and not (excluded or phrase_excludes):
            raise WordsError(f"say whether {name} is excluded, too: with no before it, or a comma in place of and")
        before = self._found.get(index)
        if before and before.is_excluded != excluded:
            raise WordsError(f"{name} is asked for and excluded")
        if before and weight is None:
            weight = before.weight
        self._found[index] = AskedWord(index, weight, excluded)
        self._carries = excluded and self._negation.isalpha()
        self._negation, self._is_unclear = "", False

    def _require_no_negation(self) -> None:
        if self._negation:
            raise WordsError(f"{shown(self._negation)} has to stand before a word, as in no vocals")

    def _unknown(self, place: int) -> UnknownWordError:
        known = {part for key in self._lexicon.keys for part in key} | NEGATIONS | CONNECTORS | ALTERNATIVES | SKIPPED
        run: list[str] = []
        for word in self._run(place):  # with the unknown ones that follow: death growl
            if run and (word in known or len(run) == self._lexicon.longest):
                break
            run.append(word)
        name = " ".join(run)
        nearest = listed(self._lexicon.nearest(name))
        return UnknownWordError(f"there is no word {shown(name)}; the nearest are {nearest}")


def _weight(text: str) -> float:
    number = text[1:].strip()
    try:
        weight = float(number)
    except ValueError:
        weight = 0.0
    if 0 < weight <= MAX_WEIGHT:
        return weight
    wanted = f"a number above 0, up to {MAX_WEIGHT:g}, as in piano:2"
    raise WordsError(f"a weight has to be {wanted}" + (f", and not {shown(number)}" if shown(number) else ""))
