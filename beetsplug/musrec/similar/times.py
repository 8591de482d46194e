"""Times as they are typed: ``1h30``, ``90m``, ``2:10``; and periods of days and years: ``30d``."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\d+(\.\d+)?")
_UNITS = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?|(?<=h)(\d+)$)?(?:(\d+)s)?")

_PERIOD = re.compile(r"(\d+(?:\.\d+)?)\s*([hdwmy])", re.IGNORECASE)
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.0, "y": 365.0}  # those of beets' date queries, and hours


def parse_period(text: str) -> float:
    """A period in seconds: ``12h``, ``30d``, ``4w``, ``6m`` (months of 30 days) or ``1y``.

    Raises
    ------
    ValueError
        It is none of these, or zero.
    """
    found = _PERIOD.fullmatch(text.strip())
    if not found or not float(found[1]):
        raise ValueError(f"{text!r} is not a period")
    return float(found[1]) * _DAYS[found[2].lower()] * 24 * 3600


def parse_length(text: str) -> float:
    """A length of time in seconds, written as `parse_moment` reads it: ``1h30``, ``90m``, ``1:30:00``, ``130``.

    Raises
    ------
    ValueError
        It is not a time, or zero.
    """
    seconds = parse_moment(text)
    if not seconds:
        raise ValueError(f"{text!r} is not a length of time")
    return seconds


def parse_moment(text: str) -> float:
    """A moment in a song in seconds.

    ``2:10`` and ``4:30.5`` (minutes), ``1:02:10``, ``130`` and ``130.5`` (seconds), ``1h30``, ``1h30m``, ``90m``,
    ``90min``, ``45s``.

    Raises
    ------
    ValueError
        It is none of these.
    """
    bare = text.strip()
    parts = bare.split(":")
    if len(parts) <= 3 and all(map(_NUMBER.fullmatch, parts)):
        numbers = [float(part) for part in parts]
        if all(number < 60 for number in numbers[1:]) and not any("." in part for part in parts[:-1]):
            return sum(number * 60**power for power, number in enumerate(reversed(numbers)))
    elif bare and (found := _UNITS.fullmatch(bare.lower().replace(" ", ""))):
        hours, minutes, rest, seconds = (float(part or 0) for part in found.groups())
        return 3600 * hours + 60 * (minutes + rest) + seconds
    raise ValueError(f"{text!r} is not a time")
