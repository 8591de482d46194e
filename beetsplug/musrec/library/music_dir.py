"""The folder of a library's music, which newer beets remember for each thread by itself."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beets.library import Library


def in_music_dir(lib: Library) -> AbstractContextManager[Any]:
    """Read paths and parse queries for paths as the thread that opened the library does: others know no folder."""
    bind = getattr(lib, "music_dir_context", None)  # older beets store whole paths
    return nullcontext() if bind is None else bind()
