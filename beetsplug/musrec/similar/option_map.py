"""Options of `beet similar` as a map in the configuration: of a mix, of a server, of the radio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beets.ui import UserError

from . import arguments
from .option import Option, Use
from .options import OPTIONS, SimilarOptions


def keys(use: Use) -> dict[str, Option]:
    """The keys that such a map may have, each with its row of the table."""
    return {row.key: row for row in OPTIONS if use in row.applies_to}


def parse(entries: Mapping[str, Any], use: Use) -> SimilarOptions:
    """The options that a map says; raises `UserError` for an unknown key, or a value that an option can't have."""
    known = keys(use)
    if unknown := [str(key) for key in entries if key not in known]:
        raise UserError(f"unknown option {unknown[0]}; the known ones are {', '.join(sorted(known))}")
    words = [word for key, value in entries.items() for word in _words(key, known[key], value)]
    options, _ = arguments.parse(words, use)
    arguments.require_filled(options)
    return options


def _words(key: str, row: Option, value: Any) -> list[str]:
    """One setting as words of the command line."""
    if row.type == "flag":
        if not isinstance(value, bool):
            raise UserError(f"{key} has to be yes or no")
        return [row.flag] if value else []
    if isinstance(value, dict):  # weigh: {rating: 0.2}
        value = [f"{field}:{weight}" for field, weight in value.items()]
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, bool | dict | list) or each is None for each in values):
        raise UserError(f"{key} has to be a text or a number")
    if len(values) > 1 and not row.many:
        raise UserError(f"{key} takes one value")
    return [word for each in values for word in (row.flag, str(each))]
