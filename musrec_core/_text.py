"""Text for messages: counts with their nouns, and foreign text made safe for a terminal."""

from __future__ import annotations

import re

# The control characters (C0, DEL, C1), the two line separators, and what turns the direction of all that follows.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text with a space in the place of every character that could move the cursor, colour, or reverse a line."""
    return UNPRINTABLE.sub(" ", text)


def one_line(text: str) -> str:
    """The same, with single spaces: for a title or a message, not for a path that somebody might copy."""
    return " ".join(printable(text).split())


def number_of(count: int, noun: str) -> str:
    """``1 song``, ``2 songs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
