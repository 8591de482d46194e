"""Every vector of a library: read with SQL, kept in a file beside the library until the library changes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from beets.util import displayable_path

from musrec_core import attribute_text
from musrec_core.errors import IndexFileError
from musrec_core.search.distance import squared_norms
from musrec_core.search.index import VectorIndex

from ..attributes import fields
from .coverage import Counts, counts
from .models import songs_by_model

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.card import Card

    from ..config import Space
    from .models import Models

MIN_CACHED = 5000  # items; below it SQL is as quick
SETTLED = 3.0  # seconds: a file system may stamp two writes this close alike
ROWS = 20_000  # of item_attributes, read at a time: whoever writes meanwhile waits no longer than for these

_CURRENT = """
    SELECT a.entity_id, a.value FROM item_attributes AS a NOT INDEXED  -- in the file's order: all of it is read
    JOIN item_attributes AS m ON m.entity_id = a.entity_id AND m.key = ? AND m.value = ?
    WHERE a.key = ? AND a.id > ? AND a.id <= ?
"""

FileState = list[list[int]]


@dataclass(frozen=True)
class Snapshot:
    """The vectors of one space, all of one model, and how many songs they are of how many."""

    index: VectorIndex
    counts: Counts
    card: Card


@dataclass(frozen=True)
class LibraryState:
    """What changes with every write to the library: by another program, and by a thread of this one."""

    file: FileState
    thread: int
    changes: int  # by this thread's connection, since it was opened

    def is_same(self, other: LibraryState) -> bool:
        """Whether nothing was written between this state and a later one.

        The file's times can't tell two writes within one tick of the clock apart, but a connection counts its own.
        So another thread than this state's must not have written anything.
        """
        written = other.changes - (self.changes if self.thread == other.thread else 0)
        return self.file == other.file and not written


def state_of(lib: Library) -> LibraryState | None:
    """The state of a library now; None if it has no file, or this thread has written what is not committed yet."""
    file = _file_state(lib)
    if file is None:
        return None
    with lib.transaction() as tx:
        changes = tx.query("SELECT total_changes()")[0][0]
    if lib._connection().in_transaction:
        return None
    return LibraryState(file, threading.get_ident(), changes)


class VectorStore:
    """A library's vectors: those of the model in use, which is the one that most songs are embedded with.

    They come from memory if nothing was written to the library since the last call; else from the file that an earlier
    call left beside the library, if nothing was written since that; else from the library, and then the file is made
    anew. A file that can't be read or written costs time only. Many threads may ask at once: no lock is held meanwhile,
    as beets holds one of its own.

    Parameters
    ----------
    models : Models
    cache : bool
        Whether to keep the file.
    log : BeetsLogger
    """

    def __init__(self, models: Models, cache: bool, log: BeetsLogger) -> None:
        self.models, self._cache, self._log = models, cache, log
        self._last: dict[Space, tuple[str, LibraryState, Snapshot]] = {}

    def get(self, lib: Library, space: Space, card: Card | None = None) -> Snapshot:
        """Every song's vector in a space.

        Parameters
        ----------
        card : Card, optional
            Of the model whose vectors are wanted, in place of the model in use.
        """
        snapshot = self._in_use(lib, space)
        if card is None or card.model_id == snapshot.card.model_id:
            return snapshot
        return _read(lib, space, card, songs_by_model(lib))

    def card(self, lib: Library) -> Card:
        """Of the model in use."""
        state = state_of(lib)
        for path, then, snapshot in [*self._last.values()]:  # another thread may add one
            if state and path == os.fsdecode(lib.path) and then.is_same(state):
                return snapshot.card
        return self.models.in_use(songs_by_model(lib))

    def forget(self) -> None:
        """Read anew at the next call: for whom knows better than the file's times that the library changed."""
        self._last.clear()

    def _in_use(self, lib: Library, space: Space) -> Snapshot:
        state = state_of(lib)
        if state is None:
            return self._from_library(lib, space)
        if (last := self._last.get(space)) is not None:
            path, then, snapshot = last
            if path == os.fsdecode(lib.path) and then.is_same(state):
                return snapshot
        snapshot = self._from_file(lib, space, state.file) or self._from_library(lib, space, state.file)
        self._last[space] = os.fsdecode(lib.path), state, snapshot
        return snapshot

    def _from_library(self, lib: Library, space: Space, state: FileState | None = None) -> Snapshot:
        songs = songs_by_model(lib)
        snapshot = _read(lib, space, self.models.in_use(songs), songs)
        is_large = self._cache and snapshot.counts.items >= MIN_CACHED
        if is_large and state and _settled(state) and _file_state(lib) == state:
            self._save(snapshot, cache_path(lib, space), state)
        return snapshot

    def _from_file(self, lib: Library, space: Space, state: FileState) -> Snapshot | None:
        if not self._cache:
            return None
        try:
            index, note = VectorIndex.load(cache_path(lib, space))
        except FileNotFoundError:
            return None
        except (IndexFileError, OSError) as error:
            self._log.debug("rebuilding the cached vectors: {}", error)
            return None
        if note.get("state") != state or note.get("models") != self.models.ids:
            return None
        return Snapshot(index, Counts(*note["counts"]), self.models[note["model"]])

    def _save(self, snapshot: Snapshot, path: str, state: FileState) -> None:
        try:
            note = {"state": state, "model": snapshot.card.model_id, "models": self.models.ids}
            snapshot.index.save(path, {**note, "counts": snapshot.counts})
        except OSError as error:  # a read-only folder or a full disk: the library itself answers
            self._log.debug("vectors are not cached in {}: {}", displayable_path(path), error)


def cache_path(lib: Library, space: Space) -> str:
    """The file beside the library that keeps the vectors of a space."""
    return f"{os.fsdecode(lib.path)}.musrec-{space}"


def _file_state(lib: Library) -> FileState | None:
    """The identity, size and times of the library's files; None if it has none.

    SQLite's own change counter can't be had safely: closing a second handle on the library would drop its locks.
    """
    found: FileState = []
    library = os.fsdecode(lib.path)
    for name in (library, f"{library}-wal"):
        try:
            now = os.stat(name)
        except FileNotFoundError:
            found.append([])
        else:
            found.append([now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns])
    return found if found[0] else None


def _settled(state: FileState) -> bool:
    """Whether a write from now on is sure to give another time than the last one did."""
    last = max(max(times[3:]) for times in state if times)
    return time.time() - last / 1e9 > SETTLED


# The library itself.


def _read(lib: Library, space: Space, card: Card, songs: dict[str, int]) -> Snapshot:
    read = _embeddings if space == "embedding" else _genres
    return Snapshot(read(lib, card), counts(lib, card.model_id, songs), card)


def _rows(lib: Library, key: str, model_id: str) -> Iterator[tuple[list[int], list[str | None]]]:
    """Ids and values of one attribute, a part at a time: a whole library's text would weigh more than its vectors."""
    with lib.transaction() as tx:
        last = tx.query("SELECT MAX(id) FROM item_attributes")[0][0] or 0
        for first in range(0, last, ROWS):
            rows = tx.query(_CURRENT, (fields.MODEL, model_id, key, first, first + ROWS))
            yield [row[0] for row in rows], [row[1] for row in rows]


def _embeddings(lib: Library, card: Card) -> VectorIndex:
    parts = _rows(lib, fields.EMBEDDING, card.model_id)
    return _index(
        [(ids, attribute_text.decode_vectors(texts, card.dimensions)) for ids, texts in parts], card.dimensions
    )


def _genres(lib: Library, card: Card) -> VectorIndex:
    """Every item's genre probabilities [shape=(n, genres)], as the model's card orders them."""
    labels = [genre.label for genre in card.genres]
    parts = []
    for ids, texts in _rows(lib, fields.GENRES, card.model_id):
        found = [attribute_text.parse_pairs(text or "") for text in texts]
        rows = [[probabilities.get(label, np.nan) for label in labels] for probabilities in found]
        parts.append((ids, np.asarray(rows, np.float32).reshape(len(ids), len(labels))))
    return _index(parts, len(labels))


def _index(parts: list[tuple[list[int], NDArray[np.float32]]], width: int) -> VectorIndex:
    """Join the parts, without damaged attributes; of one that was stored anew between two parts, the old one goes."""
    ids = np.array([id_ for some, _ in parts for id_ in some], np.int64)
    vectors = np.concatenate([np.empty((0, width), np.float32), *(some for _, some in parts)])
    squares = squared_norms(vectors)
    kept = np.isfinite(squares) & (squares > 0)
    different, last = np.unique(ids[::-1], return_index=True)
    if len(different) < len(ids):
        is_last = np.zeros(len(ids), np.bool_)
        is_last[len(ids) - 1 - last] = True
        kept &= is_last
    return VectorIndex(ids, vectors) if kept.all() else VectorIndex(ids[kept], vectors[kept])
