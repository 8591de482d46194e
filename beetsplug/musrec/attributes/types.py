"""Attributes that print shorter than they are stored, and can be typed back as they print.

`beet edit --all` shows every attribute as it prints and then assigns all of them again, changed or not; `beet web`
sends the values themselves. So an embedding's value *is* the printed text, with the stored text inside, and a value
equals text that reads as it prints: beets sees no change and stores nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from beets.dbcore import types
from beets.dbcore.query import NumericQuery

if TYPE_CHECKING:
    from beets.dbcore import Model

_DIMENSIONS = re.compile(r"\d+-d")
_STORED_PAIR = re.compile(r":\d(\.\d+)?(\s|$)")  # of "rock:0.8312 pop:0.1034"
_SHOWN_NUMBER = re.compile(r"\d+%|\d\.\d+")  # of "rock 83%, pop 10%" and "valence 0.62, arousal 0.80"


class EmbeddingText(str):
    """``128-d``, with the base64 of the vector in ``stored``; equal to the same vector, and to a plain ``128-d``."""

    stored: str

    def __new__(cls, stored: str) -> EmbeddingText:
        self = super().__new__(cls, f"{len(stored.rstrip('=')) * 3 // 4 // 2}-d")
        self.stored = stored
        return self

    def __getnewargs__(self) -> tuple[str]:
        return (self.stored,)

    def __eq__(self, other: object) -> bool:
        return self.stored == other.stored if isinstance(other, EmbeddingText) else str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class EmbeddingType(types.String):
    """Prints as ``128-d``: the stored text is of no use on a screen, or in what `beet web` sends."""

    def parse(self, string: str) -> str:
        return self.normalize(string)

    def normalize(self, value: Any) -> str:
        if isinstance(value, EmbeddingText):
            return value
        text = "" if value is None else str(value)
        return text if not text or _DIMENSIONS.fullmatch(text) else EmbeddingText(text)

    def to_sql(self, model_value: str) -> str:
        return model_value.stored if isinstance(model_value, EmbeddingText) else model_value


def pairs_of(text: str | None) -> dict[str, float]:
    """Each label of a stored text of pairs, and its number."""
    from musrec_core.attribute_text import parse_pairs  # for who prints or asks: `beet` starts without it

    return parse_pairs(text or "")


class RoundedNumber(str):
    """``rock:0.83 pop:0.1``, read from ``rock 83%, pop 10%``; equal to any text that prints so."""

    _shown: str
    _format: Callable[[str], str]

    def __new__(cls, text: str, shown: str, format_: Callable[[str], str]) -> RoundedNumber:
        self = super().__new__(cls, text)
        self._shown, self._format = shown, format_
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._shown == (
            other._shown if isinstance(other, RoundedNumber) else self._format(other)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class RoundedType(types.String):
    """Pairs of a label and a number that print rounded; a subclass says how."""

    def parse(self, string: str) -> str:
        """Read what is stored (``rock:0.8312``), or what prints (``rock 83%``)."""
        if _STORED_PAIR.search(string):
            return string
        parts = (part.rpartition(" ") for part in string.split(", "))
        pairs = ((label.strip(), number) for label, _, number in parts if _SHOWN_NUMBER.fullmatch(number))
        text = " ".join(f"{label}:{_fraction(number):.4f}" for label, number in pairs if label)
        return RoundedNumber(text, string, self.format)

    def normalize(self, value: Any) -> str:
        if isinstance(value, RoundedNumber):  # `str` would make it a plain one
            return value
        return "" if value is None else str(value)

    def to_sql(self, model_value: str) -> str:
        return str(model_value)


def _fraction(number: str) -> float:
    return float(number[:-1]) / 100 if number.endswith("%") else float(number)


class GenresType(RoundedType):
    """Prints as ``rock 83%, pop 10%``."""

    def format(self, value: str | None) -> str:
        return ", ".join(f"{label} {p:.0%}" for label, p in pairs_of(value).items() if p >= 0.05)


class MoodType(RoundedType):
    """Prints as ``valence 0.62, arousal 0.80``."""

    def format(self, value: str | None) -> str:
        return ", ".join(f"{axis} {p:.2f}" for axis, p in pairs_of(value).items())


class KnownNumberQuery(NumericQuery):
    """A range of a computed number; an item without the number does not match."""

    def match(self, obj: Model) -> bool:
        return obj.get(self.field_name) is not None and super().match(obj)


class Probability(types.NullFloat):
    """0 to 1, or nothing for an item that is not embedded."""

    query = KnownNumberQuery

    def format(self, value: float | None) -> str:
        return "" if value is None else f"{value:.{self.digits}f}"


class Percentage(Probability):
    """A share as ``99.54%``: four digits, rounded down, so that nothing prints as 100% that is less."""

    def format(self, value: float | None) -> str:
        if value is None:
            return ""
        percent = value * 100
        digits = 1 if percent >= 100 else 2 if percent >= 10 else 3
        return f"{math.floor(percent * 10**digits + 1e-9) / 10**digits:.{digits}f}%"

    def parse(self, string: str) -> float | None:
        """Read what prints, or a plain number."""
        text = string.strip()
        try:
            return float(text[:-1]) / 100 if text.endswith("%") else float(text) if text else None
        except ValueError:
            return None
