"""Names of files that are made of songs' tags: safe on every system, and below the folder that they are put in."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from beets.util import sanitize_path

from ..playlist_paths import ENDINGS

if TYPE_CHECKING:
    from beets.library import Library

MAX_BYTES = 200  # of a file's name
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]" if os.name != "nt" else r'[\x00-\x1f\x7f\\<>:"|?*]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])( *\..*)?", re.IGNORECASE
)  # Windows'


def playlist_name(lib: Library, name: str) -> str:
    """A playlist's name that files may have everywhere, with its folders if it has some; empty where nothing is left.

    Whatever the song's tags hold, and whatever a `replace` of the user's own leaves of them, it stays below the folder
    that it is put in. A long one is cut, but keeps its ending.
    """
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")
    *folders, stem = name[: len(name) - len(ending)].split("/")
    if not stem.strip(" ."):
        return ""
    *deeper, stem = [part for each in (*folders, stem) for part in _parts(lib, each)] or [""]
    return os.path.join(*deeper, stem + ending) if stem else ""


def _parts(lib: Library, name: str) -> list[str]:
    """One name of a path after the user's replacements, made safe; those may bring in a separator, or leave nothing."""
    clean = sanitize_path(_FORBIDDEN.sub("_", name), lib.replacements) if name else ""
    parts = [_FORBIDDEN.sub("_", part) for part in clean.split("/")]
    return [_safe(part) for part in parts if part.strip(" .")]


def _safe(part: str) -> str:
    """A file's name that no system takes for anything else: not `~`, `CON` or `name.`, and not too long."""
    cut = part.encode("utf-8", "ignore")[:MAX_BYTES].decode("utf-8", "ignore").strip(" .")
    return "_" + cut if cut.startswith("~") or _RESERVED.fullmatch(cut) else cut
