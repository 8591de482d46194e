"""What a request of AudioMuse-AI's clients says: in its URL, or as JSON in its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request

from .. import parameters
from ..errors import ServeError

LAST = 10**6  # place in a list
TRUE = {"true", "1", "yes", "y"}


class Arguments:
    """The arguments of a request, by name; whatever is not asked for is ignored, as AudioMuse-AI does.

    Parameters
    ----------
    values : mapping
        Of the URL or of the body.
    most : int
        The largest count.
    """

    def __init__(self, values: Mapping[str, Any], most: int) -> None:
        self._values, self._most = values, most

    @classmethod
    def of_url(cls, most: int) -> Arguments:
        return cls(request.args, most)

    @classmethod
    def of_body(cls, most: int) -> Arguments:
        """Raises `ServeError` for anything but a JSON object."""
        return cls(parameters.json_object(), most)

    def text(self, name: str) -> str:
        """A text, or an id that was sent as a number; empty where there is none."""
        return as_text(name, self._values.get(name))

    def required(self, name: str) -> str:
        """A text that has to be there."""
        text = self.text(name)
        if not text:
            raise ServeError(400, f"the parameter {name} is missing")
        return text

    def flag(self, name: str, *, default: bool) -> bool:
        """Anything but "true" is false, as AudioMuse-AI reads it."""
        value = self._values.get(name)
        if isinstance(value, bool):
            return value
        text = self.text(name)
        return text.lower() in TRUE if text else default

    def count(self, *names: str, default: int, most: int | None = None) -> int:
        """How many, by the first of these names that is there; what is above the most counts as that."""
        name = next((name for name in names if self._values.get(name) not in (None, "")), names[0])
        most = self._most if most is None else min(most, self._most)
        return parameters.as_count(name, self._values.get(name), default, most)

    def part(self, most: int) -> slice:
        """The part of a list from ``start`` to ``end``, counted from 0: of so many, where there is no ``end``."""
        start = self._place("start", 0)
        return slice(start, min(self._place("end", start + most), start + self._most))

    def _place(self, name: str, default: int) -> int:
        text = self.text(name)
        if not text:
            return default
        if not parameters.WHOLE.fullmatch(text):
            raise ServeError(400, f"{name} has to be a whole number")
        return min(max(int(text), 0), LAST)

    def objects(self, name: str) -> list[Mapping[str, Any]]:
        """A list of JSON objects."""
        return parameters.as_values(name, self._values.get(name), lambda value: _as_object(name, value))


def as_text(name: str, value: Any) -> str:
    """A text without the spaces around it, or a number as it is written; empty where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return (parameters.as_text(name, value) or "").strip()


def _as_object(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ServeError(400, f"{name} has to be a list of objects")
    return value
