"""What a request of AudioMuse-AI's clients says: in its URL, or as JSON in its body."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from flask import request

from ..errors import ServeError

LONGEST = 1000  # characters of a text
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
        values = request.get_json(silent=True)
        if not isinstance(values, dict):
            raise ServeError(400, "the body of this request has to be a JSON object")
        return cls(values, most)

    def text(self, name: str) -> str:
        """A text, or an id that was sent as a number; empty where there is none."""
        value = self._values.get(name)
        return "" if value is None else read_text(value, name)

    def required(self, name: str) -> str:
        """A text that has to be there."""
        text = self.text(name)
        if not text:
            raise ServeError(400, f"{name} is missing")
        return text

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.text(name)
        return text.lower() in TRUE if text else default

    def count(self, *names: str, default: int, least: int = 1) -> int:
        """How many, from the first of these names that is there, and no fewer and no more than is allowed."""
        value = next((self._values[name] for name in names if self._values.get(name) not in (None, "")), default)
        return min(max(_whole(value, names[0]), least), max(self._most, least))

    def place(self, name: str, default: int) -> int:
        """A place in a list, counted from 0."""
        return max(_whole(self._values.get(name, default), name), 0)

    def objects(self, name: str) -> list[Mapping[str, Any]]:
        """A list of JSON objects; as many as there may be songs."""
        found = self._values.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ServeError(400, f"{name} has to be a list of objects")
        if len(found) > self._most:
            raise ServeError(400, f"{name} has more than {self._most} entries")
        return found


def read_text(value: Any, name: str) -> str:
    """A text of bounded length without control characters; a number as it is written."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ServeError(400, f"{name} has to be a text")
    text = str(value).strip()
    if len(text) > LONGEST:
        raise ServeError(400, f"{name} is longer than {LONGEST} characters")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ServeError(400, f"{name} has a control character")
    return text


def _whole(value: Any, name: str) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise ServeError(400, f"{name} has to be a whole number") from None
