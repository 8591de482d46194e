"""A client's search as a query of beets: words are words, whatever characters they have."""

from __future__ import annotations

import shlex

# what means something else at the start or end of a beets query's word: a negation, an operator, "or", a sort order
AT_START, AT_END = "-^:=~,", "+-,"


def words(text: str, field: str = "") -> str:
    """Songs that have all these words, in a field or anywhere; empty where none is left of the text."""
    found = (_word(each) for each in text.split())
    prefix = f"{field}:" if field else ""
    return " ".join(shlex.quote(f"{prefix}{each}") for each in found if each)


def _word(text: str) -> str:
    return text.replace("\\", "").lstrip(AT_START).rstrip(AT_END).replace(":", "\\:")


def exactly(**values: str) -> str:
    """Songs whose fields have exactly these values, in upper or lower case."""
    return " ".join(shlex.quote(f"{field}:=~{value}") for field, value in values.items())
