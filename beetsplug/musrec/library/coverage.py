"""How many songs of a library are embedded, and what to say where too few are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from beets.ui import UserError

from ..attributes import fields
from . import sql

if TYPE_CHECKING:
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


def counts(lib: Library, model_id: str) -> Counts:
    """Count a library's embeddings."""
    with lib.transaction() as tx:
        items = tx.query("SELECT COUNT(*) FROM items")[0][0]
        rows = tx.query("SELECT value, COUNT(*) FROM item_attributes WHERE key = ? GROUP BY value", (fields.MODEL,))
        failed = tx.query(_FAILED, (fields.STATUS, fields.MODEL, model_id))[0][0]
    by_model = {row[0]: row[1] for row in rows}
    return Counts(items, sum(by_model.values()), by_model.get(model_id, 0), failed)


_FAILED = """
    SELECT COUNT(*) FROM item_attributes AS s WHERE s.key = ? AND NOT EXISTS (
        SELECT 1 FROM item_attributes AS m WHERE m.entity_id = s.entity_id AND m.key = ? AND m.value = ?
    )
"""


def require_current(counts: Counts, model_id: str, log: BeetsLogger) -> None:
    """Raise `UserError` if no song has an embedding of this model, and tell how many have none."""
    if not counts.current:
        raise nothing_embedded(counts, model_id)
    if (left := counts.items - counts.current - counts.failed) > 0:
        log.info("{} of {} songs are not embedded yet and can't be found: run `beet embed`", left, counts.items)


def nothing_embedded(counts: Counts, model_id: str) -> UserError:
    """Why no song of the library has an embedding of this model, and what helps."""
    if not counts.items:
        return sql.empty_library()
    if counts.items <= counts.failed:
        return UserError("no song could be embedded: `beet embed --report` says why")
    if counts.embedded:
        return UserError(f"the library's embeddings are from another model, not {model_id}: run `beet embed`")
    return UserError("no song is embedded yet: run `beet embed`")
