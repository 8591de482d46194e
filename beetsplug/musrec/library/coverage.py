"""How many songs of a library are embedded, and what to say where too few are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from beets.ui import UserError

from ..attributes import fields
from . import sql
from .models import songs_by_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beets.library import Library
    from beets.logging import BeetsLogger


class Counts(NamedTuple):
    """How many items there are, how many have an embedding at all, how many one of the model in use.

    ``failed`` have none of the model in use, for their files could not be embedded.
    """

    items: int
    embedded: int
    current: int
    failed: int = 0


def counts(lib: Library, model_id: str, songs: Mapping[str, int] | None = None) -> Counts:
    """Count a library's embeddings; ``songs`` is what `models.songs_by_model` says, where it is known."""
    by_model = songs_by_model(lib) if songs is None else songs
    with lib.transaction() as tx:
        items = tx.query("SELECT COUNT(*) FROM items")[0][0]
        failed = tx.query(_FAILED, (fields.STATUS, fields.MODEL, model_id))[0][0]
    return Counts(items, sum(by_model.values()), by_model.get(model_id, 0), failed)


_FAILED = """
    SELECT COUNT(*) FROM item_attributes AS s WHERE s.key = ? AND NOT EXISTS (
        SELECT 1 FROM item_attributes AS m WHERE m.entity_id = s.entity_id AND m.key = ? AND m.value = ?
    )
"""


def require_current(counts: Counts, model_id: str, configured: str, log: BeetsLogger) -> None:
    """Raise `UserError` if no song has an embedding of the model in use, and tell which songs can't be found.

    Parameters
    ----------
    model_id, configured : str
        Of the model in use (see `Models.in_use`), and of the configured one.
    """
    if not counts.current:
        raise nothing_embedded(counts, configured)
    if message := what_is_left(counts, model_id, configured):
        log.info("{}", message)


def what_is_left(counts: Counts, model_id: str, configured: str) -> str:
    """Which songs can't be found and what helps, in one line; empty where all can be that can be embedded."""
    if model_id != configured:
        return (
            f"{counts.current} of {counts.items} songs are embedded with {model_id}, and only these are compared: "
            f"run `beet embed` to change to {configured}"
        )
    left = counts.items - counts.current - counts.failed
    if left <= 0:
        return ""
    others = min(left, counts.embedded - counts.current)
    if not others:
        return f"{left} of {counts.items} songs are not embedded yet and can't be found: run `beet embed`"
    some = "because they" if others == left else f"{others} of them because they"
    return (
        f"{left} of {counts.items} songs can't be found, {some} are embedded with another model than {configured}: "
        "run `beet embed`"
    )


def nothing_embedded(counts: Counts, model_id: str) -> UserError:
    """Why no song of the library has an embedding of this model, and what helps."""
    if not counts.items:
        return sql.empty_library()
    if counts.items <= counts.failed:
        return UserError("no song could be embedded: `beet embed --report` says why")
    if counts.embedded:
        return UserError(f"the library's embeddings are from another model, not {model_id}: run `beet embed`")
    return UserError("no song is embedded yet: run `beet embed`")
