"""The parameters of a request, each checked: raises `ServeError` with a sentence for the client."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from flask import request

from musrec_core._text import one_line

from .errors import ServeError

MOST_CHARACTERS = 1000  # of one text
SHOWN = 60  # characters of a client's text in a sentence
MOST_VALUES = 100  # of a parameter that may be repeated, of a list in a body
WHOLE = re.compile(r"[+-]?[0-9]{1,100}", re.ASCII)


def text(name: str) -> str | None:
    """A text of the query string; None where it is missing or empty."""
    return as_text(name, request.args.get(name))


def required_text(name: str) -> str:
    """A text of the query string that has to be there."""
    if (value := text(name)) is None:
        raise ServeError(400, f"the parameter {name} is missing")
    return value


def texts(name: str) -> list[str]:
    """The texts of a parameter that may be repeated, without those that are empty."""
    values = [as_text(name, value) for value in request.args.getlist(name)[: MOST_VALUES + 1]]
    if len(values) > MOST_VALUES:
        raise ServeError(400, f"{name} is given too often: {MOST_VALUES} is the most")
    return [value for value in values if value is not None]


def count(name: str, default: int, most: int) -> int:
    """A number of songs, 1 or more; what is above ``most`` counts as ``most``."""
    return as_count(name, request.args.get(name), default, most)


def json_object() -> dict[str, Any]:
    """The JSON object that a request's body is: nothing else, so that no form of another page can be one."""
    if request.mimetype != "application/json":
        raise ServeError(415, "the body has to be JSON, with Content-Type: application/json")
    try:
        body = request.get_json(cache=False)
    except RecursionError:
        raise ServeError(400, "the body is nested too deeply") from None
    if not isinstance(body, dict):
        raise ServeError(400, "the body has to be a JSON object")
    return body


def as_text(name: str, value: Any) -> str | None:
    """A value from a query string or a JSON body as a text; None where it is missing, empty or blank."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ServeError(400, f"{name} has to be a text")
    if not value.strip():  # as a query, it would match the whole library
        return None
    if len(value) > MOST_CHARACTERS:
        raise ServeError(400, f"{name} is too long: {MOST_CHARACTERS} characters are the most")
    if not value.isprintable() and any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in value):
        raise ServeError(400, f"{name} contains control characters")
    return value


def as_count(name: str, value: Any, default: int, most: int) -> int:
    """A value from a query string or a JSON body as a number of songs; see `count`."""
    if value is None or value == "":
        return min(default, most)
    number = _whole(value)
    if number is None or number < 1:
        raise ServeError(400, f"{name} has to be a whole number, 1 or more")
    return min(number, most)


def as_values(name: str, value: Any, convert: Callable[[Any], Any]) -> list[Any]:
    """A list from a JSON body, each of its values converted."""
    if not isinstance(value, list) or len(value) > MOST_VALUES:
        raise ServeError(400, f"{name} has to be a list of at most {MOST_VALUES}")
    return [convert(each) for each in value]


def unknown(named: str) -> ServeError:
    """The error of an id that stands for nothing."""
    return ServeError(404, f"there is no song with the id {shown(named)}")


def shown(text: str) -> str:
    """A text of the client's in a sentence: short, on one line."""
    line = one_line(text)
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if WHOLE.fullmatch(value) else None
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
