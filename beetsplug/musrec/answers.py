"""What to choose from, and the songs that were chosen."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from beets.dbcore.query import InvalidQueryError
from beets.ui import UserError

from . import fields, lookup

if TYPE_CHECKING:
    from beets.dbcore.query import Query
    from beets.library import Item, Library

    from musrec_core.index import Neighbour

    from . import MusrecPlugin
    from .lookup import Counts


def require_current(plugin: MusrecPlugin, counts: Counts) -> None:
    """Say what can't be found for want of an embedding, before any work is done."""
    if not counts.current and counts.embedded:
        raise UserError(f"the library's embeddings are of another model than {plugin.card.model_id}: run `beet embed`")
    if not counts.current:
        raise UserError("no song is embedded yet: run `beet embed`")
    if counts.current < counts.items:
        plugin._log.info(
            "{} of {} songs are not embedded and can't be found: `beet embed` embeds them, or tells why not",
            counts.items - counts.current,
            counts.items,
        )


def candidate_ids(lib: Library, text: str | None) -> set[int] | None:
    if text is None:
        return None
    ids = set(lookup.matching_ids(lib, _query(text, "--in")))
    if not ids:
        raise UserError(f"no song matches --in: {text}")
    return ids


def excluded(plugin: MusrecPlugin, lib: Library) -> Callable[[Sequence[int]], Collection[int]] | None:
    """Which of some songs the configuration keeps out of answers: audiobooks, hour-long mixes."""
    if not (text := plugin.config["exclude"].as_str()):
        return None
    query = _query(text, "musrec.exclude")
    return lambda ids: lookup.matching_ids(lib, query, among=ids)


def _query(text: str, name: str) -> Query:
    try:
        return lookup.parse(text)
    except InvalidQueryError as error:
        raise UserError(f"{name} is no query: {error}") from None


def artists(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    rows = lookup.columns(lib, ids, ("artist",))
    return {id_: artist.casefold() or None for id_, (artist,) in rows.items()}


def albums(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    rows = lookup.columns(lib, ids, ("album_id",))
    return {id_: album_id for id_, (album_id,) in rows.items()}


def results(lib: Library, neighbours: list[Neighbour]) -> list[Item]:
    """The songs themselves, each knowing its distance."""
    found = []
    for neighbour in neighbours:
        item = lib.get_item(neighbour.id)
        if item is not None and os.fspath(item.path):
            item[fields.DISTANCE] = neighbour.distance
            found.append(item)
    return found
