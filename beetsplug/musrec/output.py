"""Printing what tags and file names hold: our commands print every item through here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets import ui
from beets.library.models import FormattedItemMapping

from musrec_core.text import printable

if TYPE_CHECKING:
    from beets.library import Item


class _Printable(FormattedItemMapping):
    """The fields of an item without control characters; those of the format itself (tabs, colours) are the user's."""

    def __getitem__(self, key: str) -> str:
        return printable(super().__getitem__(key))


def formatted(item: Item, template: str = "") -> str:
    """An item in a beets format (``format_item`` of the configuration without one), safe for a terminal."""
    item._formatter = _Printable
    try:
        return format(item, template)
    finally:
        del item._formatter


def print_item(item: Item, template: str = "") -> None:
    """Print an item in a beets format."""
    ui.print_(formatted(item, template))
