"""Which playlists `beet similar -m` may overwrite: its own that were not changed, as their recipes show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import printable
from musrec_core.playlist import recipe

from ..playlist_paths import STDOUT
from .target_copies import COMMAND

if TYPE_CHECKING:
    from .files import PlaylistWriter


def check_playlist(writer: PlaylistWriter, name: str, *, force: bool) -> None:
    """Raise `UserError` where `beet similar -m` may not write: over others' lists, or over what was changed by hand."""
    writer.check_target(name)
    if name == STDOUT:
        return
    path = writer.path_of(name)
    if force or not os.path.exists(path) or not (why := _why_not(path)):
        return
    raise UserError(f"{printable(displayable_path(path))} {why}: add --force to overwrite it")


def _why_not(path: bytes) -> str:
    """Why a playlist may not be overwritten; empty where it may: ours, as it was written, or an empty file."""
    try:
        if not os.path.getsize(path):
            return ""
        document = recipe.read(path)
    except OSError as error:
        return f"can't be read ({error.strerror})"
    except ValueError:
        return "has a damaged recipe"
    if document.recipe is None:
        return "has no recipe"
    if document.recipe.words[0] == "mixes":
        return "is a mix"
    if document.recipe.words[0] == COMMAND:
        return "is a copy for one of musrec.playlist.targets"
    return "" if document.is_as_written() else "was changed by hand since it was written (--refresh keeps such changes)"


def has_recipe(path: bytes) -> bool:
    """Whether a playlist has a recipe, even a damaged one."""
    try:
        return recipe.read(path).recipe is not None
    except (OSError, ValueError):
        return True
