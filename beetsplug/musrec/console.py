"""Printing text from tags and file names safely: our commands print every item through this module."""

from __future__ import annotations

import errno
import os
import sys
from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.dbcore.db import FormattedMapping
from beets.library import Item
from beets.library.models import FormattedItemMapping
from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import printable

if TYPE_CHECKING:
    from beets.library import Album


class _Printable(FormattedItemMapping):
    """The fields of an item without control characters; those of the format itself (tabs, colours) are the user's.

    A song without a title is known by its file's name.
    """

    def __getitem__(self, key: str) -> str:
        return printable(super().__getitem__(key) or (stem(self.model.path) if key == "title" else ""))


class _PrintableAlbum(FormattedMapping):
    """The same for an album."""

    def __getitem__(self, key: str) -> str:
        return printable(super().__getitem__(key))


def stem(path: bytes | None) -> str:
    """A file's name without its folder and its ending; an item of a damaged library may have no file."""
    return os.path.splitext(displayable_path(os.path.basename(path or b"")))[0]


def display_name(item: Item) -> str:
    """The name that a player shows: artist and title, as far as they are known."""
    return " - ".join(filter(None, [item.artist, item.title or stem(item.path)]))


def formatted(model: Item | Album, template: str = "", instead: Mapping[str, str] | None = None) -> str:
    """An item or album in a beets format (``format_item`` of the configuration without one), safe for a terminal.

    Parameters
    ----------
    instead : mapping of str to str, optional
        What some fields show in place of their values.
    """
    shown = {key: printable(text) for key, text in (instead or {}).items()}
    kind: Any = _Printable if isinstance(model, Item) else _PrintableAlbum

    def fields(*arguments: Any, **named: Any) -> Any:
        return ChainMap(shown, kind(*arguments, **named))

    model._formatter = fields if shown else kind  # type: ignore[assignment]
    try:
        return format(model, template)
    finally:
        del model._formatter


def print_text(text: str) -> None:
    """Print to standard output, if that is open; raises `UserError` where it can't be written, as on a full disk."""
    if sys.stdout is None:  # closed by the caller (`>&-`): the work is done all the same
        return
    try:
        ui.print_(text)
    except OSError as error:
        if error.errno == errno.EPIPE:  # `| head`: beets ends quietly
            raise
        _discard_output()
        raise UserError(f"the output can't be written: {error.strerror}") from None


def _discard_output() -> None:
    """Send buffered output to the null device, or Python reports the error again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_item(item: Item, template: str = "") -> None:
    """Print an item in a beets format."""
    print_text(formatted(item, template))
