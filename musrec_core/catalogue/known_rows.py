"""What a dataset holds, in 16 bytes a row: enough to tell that a row has not changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .dataset import Catalogue
from .schema import HEARD, ID, MODEL, OK, PATH, STATUS, STORAGE
from .string_hashes import Hashes, hash_texts

SCANNED_ROWS = 65_536
LOOKED_UP = 4096  # rows by one condition
_STATE = r"^(size:\d+ modified:\S+).*$"  # of a text of `heard`: what every storage tells
_ANY_STATE = r"^(size|modified|etag):| (modified|etag):"  # of a text of ours: others stand, whatever their file
MISSING = "missing"  # the status of a track whose file is not there
_TO_EMBED, _STANDS = np.uint64(0), np.uint64(1)
_HIGH, _LOW = np.uint64(0xFFFFFFFF00000000), np.uint64(0xFFFFFFFF)


class KnownRows:
    """The rows of a dataset by the hashes of their ids, in memory: measured on a million rows, reading and sorting them
    takes 1.2 s once, where asking for each batch of 4096 ids by an index of Lance's takes 0.1 s, 25 s in all.

    Parameters
    ----------
    model : str
        Rows of another are to be embedded, as those whose file could not be fetched are.
    excerpts : int or None
        Rows of another number of excerpts are to be embedded, too. None: as the model's card says.
    further : sequence of str
        The columns that a manifest has, too.
    """

    def __init__(self, catalogue: Catalogue, model: str, excerpts: int | None, further: Sequence[str]) -> None:
        self._catalogue, self._further = catalogue, list(further)
        hashes, marks = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
        for batch in catalogue.batches([ID, PATH, HEARD, MODEL, STATUS, *further], rows=SCANNED_ROWS, in_order=False):
            hashes.append(hash_texts(batch[ID]))
            marks.append(self._marks(batch, model, excerpts))
        whole = np.concatenate(hashes)
        order = np.argsort(whole)
        self._hashes, self._row_marks = whole[order], np.concatenate(marks)[order]
        self._seen = np.zeros(len(whole), bool)

    def __len__(self) -> int:
        return len(self._hashes)

    def _marks(self, batch: pa.RecordBatch, model: str, excerpts: int | None) -> Hashes:
        was_missing = pc.equal(batch[STATUS], MISSING)  # its state is none: it is tried again once it has one
        heard = pc.if_else(was_missing, pa.scalar(None, pa.string()), batch[HEARD])
        found = marks(batch[PATH], heard, [batch[name] for name in self._further])
        is_ok = pc.equal(batch[STATUS], OK)
        heard = batch[HEARD].fill_null("")
        foreign = pc.invert(pc.match_substring_regex(heard, _ANY_STATE))
        stands = np.asarray(pc.and_(is_ok, foreign))
        found[stands] = (found[stands] & _HIGH) | _STANDS
        if excerpts is None:
            others = pc.match_substring_regex(heard, r" excerpts:\d+$")
        else:
            others = pc.invert(pc.ends_with(heard, f" excerpts:{excerpts}"))
        again = pc.or_(pc.not_equal(batch[MODEL], model).fill_null(True), pc.equal(batch[STATUS], STORAGE))
        again = pc.or_(again, pc.and_(is_ok, others))
        found[np.asarray(again)] = _TO_EMBED
        return found

    def find(self, ids: pa.ChunkedArray) -> tuple[NDArray[np.bool_], Hashes]:
        """Which ids are here, and the marks of their rows; they count as seen [shape=(n,) each]."""
        hashes = hash_texts(ids)
        if not len(self):
            return np.zeros(len(hashes), bool), np.zeros(len(hashes), np.uint64)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self) - 1)
        here = self._hashes[at] == hashes
        self._seen[at[here]] = True
        return here, np.where(here, self._row_marks[at], _TO_EMBED)

    def look_up(self, ids: Sequence[str]) -> dict[str, dict[str, object]]:
        """The rows of some ids as they are stored."""
        found: dict[str, dict[str, object]] = {}
        for start in range(0, len(ids), LOOKED_UP):
            where = is_one_of(ids[start : start + LOOKED_UP])
            for batch in self._catalogue.batches([ID, PATH, HEARD, STATUS, *self._further], where):
                found.update((str(row[ID]), row) for row in batch.to_pylist())
        return found

    @property
    def seen(self) -> int:
        """How many rows were found."""
        return int(self._seen.sum())

    def unseen(self) -> Iterator[list[str]]:
        """The ids of rows that were not found, of those that were here at the start."""
        gone = self._hashes[~self._seen]
        if not len(gone):
            return
        for batch in self._catalogue.batches([ID], rows=SCANNED_ROWS):
            hashes = hash_texts(batch[ID])
            at = np.minimum(np.searchsorted(gone, hashes), len(gone) - 1)
            if (found := gone[at] == hashes).any():
                yield batch[ID].filter(pa.array(found)).to_pylist()


def marks(paths: pa.Array, heard: pa.Array, further: Sequence[pa.Array]) -> Hashes:
    """A row's mark: 32 bits of its path and further columns, 32 of its file's state; never 0 [shape=(n,)]."""
    rest = hash_texts(paths)
    for number, column in enumerate(further, start=1):
        rest = rest ^ (hash_texts(_texts(column)) * np.uint64(2 * number + 1))
    return (rest & _HIGH) | (state_marks(heard) >> np.uint64(32)) | np.uint64(1)


def agree(now: Hashes, stored: Hashes, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a manifest's rows are as those stored; where the state of a file is not known, its path must do."""
    same_rest = (now & _HIGH) == (stored & _HIGH)
    return np.asarray(same_rest & ((now == stored) | ~known | ((stored & _LOW) == _STANDS)))


def to_embed(found: Hashes) -> NDArray[np.bool_]:
    """Which marks are those of rows that are to be embedded whatever their file [shape=(n,)]."""
    return np.asarray(found == _TO_EMBED)


def state_marks(heard: pa.Array) -> Hashes:
    """Hashes of files' states; without tags, which not every listing has, where size and time are known."""
    return hash_texts(pc.replace_substring_regex(heard, _STATE, r"\1"))


def is_one_of(ids: Sequence[str]) -> str:
    """An SQL condition: the id is one of these."""
    return f"{ID} IN ({', '.join(quoted(id_) for id_ in ids)})"


def quoted(text: str) -> str:
    """Text as SQL has it."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _texts(column: pa.Array) -> pa.Array:
    """The values of a column as text, null as what no value is."""
    try:
        return column.cast(pa.string()).fill_null("\0")
    except pa.ArrowException:  # a list, a struct, bytes
        return pa.array([repr(value) for value in column.to_pylist()], pa.string())
