"""Every vector of a library: read with SQL, kept in a file beside the library until the library changes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from beets.util import displayable_path

from ..attributes import fields
from . import sql

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.search.index import VectorIndex

    from .. import MusrecPlugin

Space = Literal["embedding", "genre"]

WORTH_KEEPING = 5000  # items; below it SQL is as quick
SETTLED = 3.0  # seconds: a file system may stamp two writes this close alike
ROWS = 200_000  # of item_attributes, read at a time

_CURRENT = """
    SELECT a.entity_id, a.value FROM item_attributes AS a NOT INDEXED  -- in the file's order: all of it is read
    JOIN item_attributes AS m ON m.entity_id = a.entity_id AND m.key = ? AND m.value = ?
    WHERE a.key = ? AND a.id > ? AND a.id <= ?
"""


@dataclass(frozen=True)
class Snapshot:
    """The vectors of one space, and how many songs they are of how many."""

    index: VectorIndex
    counts: sql.Counts


def load(plugin: MusrecPlugin, lib: Library, space: Space) -> Snapshot:
    """Every song's vector in a space, of the model in use.

    From the file that an earlier call left beside the library, if nothing was written to the library since; else from
    the library, and then the file is made anew. A file that can't be read or written costs time only.
    """
    card = plugin.card
    state = state_of(lib) if plugin.config["cache"].get(bool) else None
    if state and (kept := _kept(plugin, lib, space, state)):
        return kept
    read = _embeddings if space == "embedding" else _genres
    snapshot = Snapshot(read(lib, card), sql.counts(lib, card.model_id))
    if state and snapshot.counts.items >= WORTH_KEEPING and _settled(state) and state_of(lib) == state:
        _keep(plugin, snapshot, _file(lib, space), state)
    return snapshot


# The file, and whether it still holds.


def _file(lib: Library, space: Space) -> str:
    return f"{os.fsdecode(lib.path)}.musrec-{space}"


def state_of(lib: Library) -> list[list[int]] | None:
    """What changes with every write to the library: its files' identity, size and times; None if it has no file.

    SQLite's own change counter can't be had safely: closing a second handle on the library would drop its locks.
    """
    found: list[list[int]] = []
    library = os.fsdecode(lib.path)
    for name in (library, f"{library}-wal"):
        try:
            now = os.stat(name)
        except FileNotFoundError:
            found.append([])
        else:
            found.append([now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns])
    return found if found[0] else None


def _settled(state: list[list[int]]) -> bool:
    """Whether a write from now on is sure to give another time than the last one did."""
    last = max(max(times[3:]) for times in state if times)
    return time.time() - last / 1e9 > SETTLED


def _kept(plugin: MusrecPlugin, lib: Library, space: Space, state: list[list[int]]) -> Snapshot | None:
    from musrec_core.errors import IndexFileError
    from musrec_core.search.index import VectorIndex

    try:
        index, note = VectorIndex.load(_file(lib, space))
    except FileNotFoundError:
        return None
    except (IndexFileError, OSError) as error:
        plugin._log.debug("rebuilding the cached vectors: {}", error)
        return None
    if note.get("state") != state or note.get("model") != plugin.card.model_id:
        return None
    return Snapshot(index, sql.Counts(*note["counts"]))


def _keep(plugin: MusrecPlugin, snapshot: Snapshot, path: str, state: list[list[int]]) -> None:
    try:
        snapshot.index.save(path, {"state": state, "model": plugin.card.model_id, "counts": snapshot.counts})
    except OSError as error:  # a read-only folder or a full disk: the library itself answers
        plugin._log.debug("vectors are not cached in {}: {}", displayable_path(path), error)


# The library itself.


def _rows(lib: Library, key: str, model_id: str) -> Iterator[tuple[list[int], list[str | None]]]:
    """Ids and values of one attribute, a part at a time: a whole library's text would weigh more than its vectors."""
    with lib.transaction() as tx:
        last = tx.query("SELECT MAX(id) FROM item_attributes")[0][0] or 0
        for first in range(0, last, ROWS):
            rows = tx.query(_CURRENT, (fields.MODEL, model_id, key, first, first + ROWS))
            yield [row[0] for row in rows], [row[1] for row in rows]


def _embeddings(lib: Library, card: Card) -> VectorIndex:
    parts = _rows(lib, fields.EMBEDDING, card.model_id)
    return _index([(ids, fields.decode_vectors(texts, card.dimensions)) for ids, texts in parts], card.dimensions)


def _genres(lib: Library, card: Card) -> VectorIndex:
    """Every item's genre probabilities [shape=(n, genres)], as the model's card orders them."""
    import numpy as np

    labels = [genre.label for genre in card.genres]
    parts = []
    for ids, texts in _rows(lib, fields.GENRES, card.model_id):
        found = [fields.parse_genres(text or "") for text in texts]
        rows = [[probabilities.get(label, np.nan) for label in labels] for probabilities in found]
        parts.append((ids, np.asarray(rows, np.float32).reshape(len(ids), len(labels))))
    return _index(parts, len(labels))


def _index(parts: list[tuple[list[int], NDArray[np.float32]]], width: int) -> VectorIndex:
    """Join the parts; a damaged attribute can't be found, and stops nobody."""
    import numpy as np

    from musrec_core.search.index import VectorIndex

    ids = np.array([id_ for some, _ in parts for id_ in some], np.int64)
    vectors = np.concatenate([np.empty((0, width), np.float32), *(some for _, some in parts)])
    length = np.einsum("nd,nd->n", vectors, vectors)
    whole = np.isfinite(length) & (length > 0)
    return VectorIndex(ids, vectors) if whole.all() else VectorIndex(ids[whole], vectors[whole])
