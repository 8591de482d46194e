"""Which word a phrase names: names and synonyms, whatever their case, accents, hyphens and apostrophes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher

from .._text import one_line

Key = tuple[str, ...]  # the parts of a phrase, as `key_of` gives them

NEAREST = 3  # names that a message about an unknown one gives
MAX_SHOWN = 40  # characters of an unknown name
_APOSTROPHES = re.compile(r"['\u2018\u2019\u02bc`\u00b4]")
_PARTS = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """Text without case, accents and apostrophes, with ``and`` for ``&``."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return _APOSTROPHES.sub("", bare).replace("&", " and ")


def key_of(phrase: str) -> Key:
    """``Hip-Hop``: ``("hip", "hop")``."""
    return tuple(_PARTS.findall(folded(phrase)))


class Lexicon:
    """Phrases, and what each names.

    Parameters
    ----------
    names : sequence of str
    synonyms : sequence of iterables of str
        Of each name. Where two names share a phrase, it is the first one's.
    """

    def __init__(self, names: Sequence[str], synonyms: Sequence[Iterable[str]] | None = None) -> None:
        self.names = tuple(names)
        self._phrases: dict[str, int] = {}  # as they are written
        self._keys: dict[Key, int] = {}
        self.synonyms = tuple(map(tuple, synonyms)) if synonyms is not None else ((),) * len(self.names)
        for phrases in (((name,) for name in self.names), self.synonyms):  # a name before another one's synonym
            for n, some in enumerate(phrases):
                for phrase in some:
                    self._phrases.setdefault(phrase, n)
                    self._keys.setdefault(key_of(phrase), n)
        self.longest = max(map(len, self._keys), default=0)

    @property
    def keys(self) -> Mapping[Key, int]:
        """Every phrase that is known, and the position of its name."""
        return self._keys

    def find(self, phrase: str) -> int | None:
        """The position of the name that a whole phrase means."""
        return self._keys.get(key_of(phrase))

    def nearest(self, phrase: str, count: int = NEAREST) -> list[str]:
        """The names that are written most like a phrase, each with the synonym that is, if it is one."""
        wanted = folded(phrase[: 2 * MAX_SHOWN])
        matcher = SequenceMatcher(autojunk=False)
        matcher.set_seq2(wanted)
        best: dict[int, tuple[float, str]] = {}
        for known, n in self._phrases.items():
            matcher.set_seq1(folded(known))
            likeness = matcher.ratio() + (0.1 if wanted[:1] == folded(known)[:1] else 0)
            if n not in best or likeness > best[n][0]:
                best[n] = likeness, known
        ranked = sorted(best, key=lambda n: (-best[n][0], n))[:count]
        return [self.names[n] if best[n][1] == self.names[n] else f"{self.names[n]} ({best[n][1]})" for n in ranked]


def shown(text: str) -> str:
    """A foreign name for a message, whatever it holds."""
    plain = one_line(text)
    return plain if len(plain) <= MAX_SHOWN else f"{plain[: MAX_SHOWN - 3]}..."


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
