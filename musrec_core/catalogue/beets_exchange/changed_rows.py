"""Which rows of a library are new to a dataset or have changed; only these are written."""

from __future__ import annotations

from dataclasses import dataclass

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..dataset import Catalogue, lance_errors
from ..schema import ID, OK, VECTOR
from .ids import IdsOfItems
from .rows import LIBRARY

WRITE_ROWS = 20_000  # in one transaction of the dataset


@dataclass
class Places:
    """Where a dataset has the tracks of a library.

    Attributes
    ----------
    version : lance.LanceDataset
        The dataset as it was when this was looked up.
    rows : dict of str to int
        An id -> the row.
    elsewhere : dict of str to (str or None)
        Ids of rows that are not from this library -> from which one.
    gone : list of str
        Ids of rows from this library that it does not have any more.
    """

    version: lance.LanceDataset
    rows: dict[str, int]
    elsewhere: dict[str, str | None]
    gone: list[str]

    @classmethod
    def find(cls, catalogue: Catalogue, known: IdsOfItems, name: str) -> Places:
        """Look the ids of a library of this name up."""
        version = lance.dataset(
            catalogue.uri, version=catalogue.lance.version, storage_options=catalogue.storage_options
        )
        found = cls(version, {}, {}, [])
        row = 0
        for batch in catalogue.batches([ID, LIBRARY]):
            for id_, owner in zip(batch[ID].to_pylist(), batch[LIBRARY].to_pylist(), strict=True):
                if id_ in known.items:
                    found.rows[id_] = row
                    if owner != name:
                        found.elsewhere[id_] = owner
                elif owner == name:
                    found.gone.append(id_)
                row += 1
        return found


class ChangedRows:
    """Writes rows that are new or have changed, many at a time.

    Attributes
    ----------
    new, changed, unchanged : int
        How many there were.
    failed : int
        How many of them say why a file could not be embedded.
    commits : int
        Transactions of the dataset.
    """

    def __init__(self, catalogue: Catalogue, places: Places) -> None:
        self._catalogue, self._places = catalogue, places
        self.new = self.changed = self.unchanged = self.failed = self.commits = 0
        self._waiting: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Take rows; write those that wait once they are enough."""
        places = [self._places.rows.get(id_) for id_ in rows[ID].to_pylist()]
        is_new = np.array([place is None for place in places], np.bool_)
        new, there = rows.filter(pa.array(is_new)), rows.filter(pa.array(~is_new))
        changed = self._changed(there, [place for place in places if place is not None]) if len(there) else there
        self._waiting += [new, changed]
        self.new += len(new)
        self.changed += len(changed)
        self.unchanged += len(there) - len(changed)
        self.failed += pc.sum(pc.not_equal(rows["status"], OK)).as_py() or 0
        if sum(map(len, self._waiting)) >= WRITE_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if any(map(len, waiting)):
            self._catalogue.merge(pa.concat_tables(waiting))
            self.commits += 1

    def _changed(self, rows: pa.Table, places: list[int]) -> pa.Table:
        """Those rows that the dataset has in another way. A failure replaces no embedding."""
        order = np.argsort(places)
        with lance_errors(self._catalogue.uri, "can't be read"):
            before = self._places.version.take(np.sort(places).tolist(), columns=rows.column_names)
        rows = rows.take(pa.array(order))
        differ = np.zeros(len(rows), np.bool_)
        for name in rows.column_names:
            differ |= _differ(rows[name].combine_chunks(), before[name].combine_chunks())
        differ &= ~(~_valid(rows[VECTOR]) & _valid(before[VECTOR]))
        return rows.filter(pa.array(differ))


def _differ(a: pa.Array, b: pa.Array) -> NDArray[np.bool_]:
    """Which rows of two columns of one type differ."""
    valid_a, valid_b = _valid(a), _valid(b)
    both = valid_a & valid_b
    if pa.types.is_struct(a.type):
        fields = range(a.type.num_fields)
        differ = np.any([_differ(pc.struct_field(a, n), pc.struct_field(b, n)) for n in fields], axis=0)
    elif pa.types.is_fixed_size_list(a.type):
        differ = np.zeros(len(a), np.bool_)
        x, y = (_bits(each.filter(pa.array(both)), a.type.list_size) for each in (a, b))
        differ[both] = (x != y).any(axis=1)
    else:
        differ = pc.fill_null(pc.not_equal(a, b), False).to_numpy(zero_copy_only=False)
    return np.asarray((valid_a != valid_b) | (both & differ), np.bool_)


def _valid(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.is_valid(), np.bool_)


def _bits(vectors: pa.Array, dimensions: int) -> NDArray[np.uint16]:
    return np.asarray(vectors.flatten().to_numpy(zero_copy_only=False)).view(np.uint16).reshape(-1, dimensions)
