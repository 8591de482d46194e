"""Which playlists `beet similar -m` may overwrite: those that it wrote and nobody changed, told by their recipes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import printable

from . import files

if TYPE_CHECKING:
    from ..components import Components


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
