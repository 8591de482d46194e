"""Unknown keys below ``musrec:``, most of them misspelt: reported once, when a command or an import runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from confuse import ConfigError

from musrec_core._text import one_line

if TYPE_CHECKING:
    from confuse import Subview

MIN_SIMILARITY = 0.6  # difflib's, of a known key that is suggested


def unknown(config: Subview, defaults: Mapping[str, Any]) -> list[str]:
    """The keys that are not among the defaults, each with the most similar known key, if there is one.

    Below a default that is an empty map or a list, any key is allowed.
    """
    known = list(_dotted(defaults))
    return [_described(key, known) for key in _unknown(config, defaults, "")]


def _unknown(config: Subview, defaults: Mapping[str, Any], before: str) -> Iterator[str]:
    try:
        keys = list(config.keys())
    except ConfigError:  # not a map: the command that reads it says so
        return
    for key in keys:
        if key not in defaults:
            yield f"{before}{key}"
        elif isinstance(defaults[key], Mapping) and defaults[key]:
            yield from _unknown(config[key], defaults[key], f"{before}{key}.")


def _dotted(defaults: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in defaults.items():
        yield f"{before}{key}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{key}.")


def _described(key: str, known: list[str]) -> str:
    _, _, last = key.rpartition(".")
    elsewhere = [name for name in known if name.rpartition(".")[2] == last]  # the right key in the wrong place
    likely = elsewhere or difflib.get_close_matches(key, known, n=1, cutoff=MIN_SIMILARITY)
    shown = one_line(f"musrec.{key}")
    return f"{shown} (did you mean musrec.{likely[0]}?)" if likely else shown
