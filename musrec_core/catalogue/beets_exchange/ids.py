"""Which item of a beets library is which track of a dataset."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from ...errors import CatalogueError
from .library import BeetsItem, BeetsLibrary, shown_path, text_of


class ItemIds:
    """The id that an item has in a dataset: the text of one of its columns behind a prefix.

    Parameters
    ----------
    column : str
        Of the table of items; ``path`` is the absolute one.
    prefix : str
        What tells the ids of several libraries apart.
    music : str, optional
        The folder that paths are relative to, where the library has relative ones.
    """

    def __init__(self, column: str = "id", prefix: str = "", music: str | None = None) -> None:
        self.column, self._prefix = column, prefix
        self._music = None if music is None else os.fsencode(os.path.abspath(os.path.expanduser(music)))

    @property
    def columns(self) -> tuple[str, ...]:
        """What to read of the items, as the first of `BeetsItem.values`."""
        return (self.column,)

    def of(self, item: BeetsItem) -> str | None:
        """An item's id; None where it has nothing in that column."""
        text = self.path_of(item) if self.column == "path" else text_of(item.values[0])
        return None if text is None else self._prefix + text

    def path_of(self, item: BeetsItem) -> str | None:
        """An item's absolute path; raises `CatalogueError` for a relative one without a music folder."""
        path = self.known_path(item)
        if path is None and item.path:
            raise CatalogueError(
                "the library has paths relative to the folder of the music: give it with --music (`beet config` has it "
                "as `directory`)"
            )
        return path

    def known_path(self, item: BeetsItem) -> str | None:
        """The same, but None for a relative one without a music folder."""
        if not item.path or (self._music is None and not os.path.isabs(item.path)):
            return None
        return path_text(os.path.normpath(os.path.join(self._music or b"", item.path)))

    def all_of(self, library: BeetsLibrary, *, paths: bool = False) -> IdsOfItems:
        """Those of all items; raises `CatalogueError`, with ``paths`` also where an item's path can't be told."""
        if self.column not in library.columns:
            raise CatalogueError(
                f"{shown_path(library.path)} has no column {self.column}: id, path and mb_trackid are usual"
            )

        def id_of(item: BeetsItem) -> str | None:
            if paths:
                self.path_of(item)
            return self.of(item)

        return _collected(library, self.columns, id_of)

    def paths_of(self, library: BeetsLibrary) -> IdsOfItems:
        """The paths of all items in the place of ids, in one form of Unicode."""
        return _collected(library, (), lambda item: same_path(self.path_of(item)))


class IdsOfItems(NamedTuple):
    """Which item has which id.

    Attributes
    ----------
    items : dict of str to int
        An id -> the item's number; of several items with one id, the first.
    repeated : set of str
        Ids of more than one item.
    without : int
        How many items have none.
    """

    items: dict[str, int]
    repeated: set[str]
    without: int


def _collected(library: BeetsLibrary, columns: Sequence[str], of: Callable[[BeetsItem], str | None]) -> IdsOfItems:
    items: dict[str, int] = {}
    repeated: set[str] = set()
    without = 0
    for part in library.items(columns, attributes=False):
        for item in part:
            id_ = of(item)
            if id_ is None:
                without += 1
            elif items.setdefault(id_, item.id) != item.id:
                repeated.add(id_)
    return IdsOfItems(items, repeated, without)


def path_text(path: bytes) -> str:
    """A path as a dataset has it: one that is no UTF-8 as a ``file://`` URL."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return f"file://{quote_from_bytes(path)}"


def same_path(path: str | None) -> str | None:
    """A path in the form in which two that are one file are equal: file systems compose letters in two ways."""
    return None if path is None else unicodedata.normalize("NFC", path)
