"""What knows a song again though its file moved, was imported anew, or was replaced by a better copy."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import lookup

if TYPE_CHECKING:
    from beets.library import Item, Library

DIGITS = 12


def of_item(item: Item) -> str:
    """The key of a song [12 hexadecimal digits]: its recording's id, else artist and title, else its file."""
    return _key(item.mb_trackid, item.artist, item.title) or of_file(item.path)


def of_file(path: bytes) -> str:
    """The key of a file outside the library."""
    return _digest(b"file", os.fsencode(path))


def of_ids(lib: Library, ids: Iterable[int]) -> dict[int, str]:
    """The keys of some songs of the library, without loading them."""
    rows = lookup.columns(lib, ids, ("mb_trackid", "artist", "title"))
    keys = {id_: _key(*row) for id_, row in rows.items()}
    nameless = lookup.items_of(lib, [id_ for id_, key in keys.items() if not key])
    return keys | {item.id: of_file(item.path) for item in nameless}


def _key(recording: str | None, artist: str | None, title: str | None) -> str:
    if recording:
        return _digest(b"recording", recording.encode("utf-8", "surrogatepass"))
    if artist or title:
        name = f"{(artist or '').casefold()}\0{(title or '').casefold()}"
        return _digest(b"name", name.encode("utf-8", "surrogatepass"))
    return ""


def _digest(kind: bytes, what: bytes) -> str:
    return hashlib.sha1(kind + b"\0" + what, usedforsecurity=False).hexdigest()[:DIGITS]
