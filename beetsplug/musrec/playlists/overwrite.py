"""What may be written over: our own files as we left them, and nothing of others'.

Playlists carry a recipe with a mark for each line; pages and pictures carry the program's name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import printable

from . import files

if TYPE_CHECKING:
    from ..components import Components

MARK = b"beets-musrec"  # HTML: a meta element `generator`; PNG: a text chunk `Software`
_HEAD = 2_000  # bytes; both stand before anything long


def check_page(path: str | bytes | os.PathLike[str], *, force: bool) -> None:
    """Raise `UserError` where a file is there that another program made; an empty one is nobody's."""
    name = os.fsencode(path)
    shown = printable(displayable_path(name))
    if os.path.isdir(name) or not os.path.exists(name):  # the writer tells
        return
    if not os.path.isfile(name):
        raise UserError(f"{shown} is no file")
    if force:
        return
    try:
        with open(name, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UserError(f"{shown} can't be read, to see whose it is: {error.strerror}") from None
    if head and not _is_ours(head):
        raise UserError(f"{shown} is another program's, or an earlier version's: add --force to write over it")


def _is_ours(head: bytes) -> bool:
    if head.startswith(b"\x89PNG"):
        return b"tEXtSoftware\0" + MARK in head
    return b'<meta name="generator" content="' + MARK + b'">' in head


def check_playlist(plugin: Components, name: str, *, force: bool) -> None:
    """Raise `UserError` where `beet similar -m` may not write: over others' lists, or over what was changed by hand."""
    files.check_target(plugin, name)
    if name == files.STDOUT:
        return
    path = files.target(plugin, name)
    if force or not os.path.exists(path) or not (why := _not_ours(path)):
        return
    raise UserError(f"{printable(displayable_path(path))} {why}: add --force to write over it")


def _not_ours(path: bytes) -> str:
    """Why a playlist may not be written over; empty where it may: ours, as it was written, or an empty file."""
    from musrec_core.playlist import recipe

    try:
        if not os.path.getsize(path):
            return ""
        document = recipe.read(path)
    except OSError as error:
        return f"can't be read ({error.strerror})"
    except ValueError:
        return "holds a damaged recipe"
    if document.recipe is None:
        return "holds no recipe of ours"
    if document.recipe.words[0] == "mixes":
        return "is a mix"
    return "" if document.is_as_written() else "was changed by hand since it was written (--refresh keeps such changes)"


def has_recipe(path: bytes) -> bool:
    """Whether a playlist has a recipe, be it damaged."""
    from musrec_core.playlist import recipe

    try:
        return recipe.read(path).recipe is not None
    except (OSError, ValueError):
        return True
