"""Conditions in SQL: texts quoted, and what a user wrote kept apart from what is added to it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import CatalogueError

# What parentheses do not count in: texts, quoted names, comments. One that is not closed is left to Lance's parser.
_OPAQUE = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|--[^\n]*|/\*.*?\*/""", re.DOTALL)


def sql_text(text: str) -> str:
    """A text as an SQL literal: ``it's`` -> ``'it''s'``. Backslashes stand for themselves."""
    return "'" + text.replace("'", "''") + "'"


def id_in(ids: Iterable[str]) -> str:
    """The condition that a track is one of these."""
    listed = ", ".join(map(sql_text, ids))
    return f"id IN ({listed})" if listed else "false"


def condition(where: str | None) -> str | None:
    """A user's condition in parentheses, so that all of it counts and it can be joined to others by AND.

    Lance ignores what follows an expression (``year < 1990 genre = 'jazz'``); within parentheses that is an error.

    Raises
    ------
    CatalogueError
        It is empty, or closes a parenthesis that it does not open.
    """
    if where is None:
        return None
    if not where.strip():
        raise CatalogueError("the condition is empty: leave it out, or write one such as genre = 'jazz'")
    depth = 0
    for sign in re.sub(r"[^()]", "", _OPAQUE.sub("", where)):
        depth += 1 if sign == "(" else -1
        if depth < 0:
            break
    if depth:
        raise CatalogueError(f"the condition {where!r} can't be used: its parentheses do not match")
    return f"({where}\n)"  # the line ends a comment


def both(*conditions: str | None) -> str | None:
    """All of some conditions; None stands for none."""
    given = [each for each in conditions if each is not None]
    return " AND ".join(given) if given else None
