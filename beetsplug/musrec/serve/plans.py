"""What requests of one kind share: what their options mean in a library, and the songs that they may find."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musrec_core.search.joined import JoinedIndex
from musrec_core.search.recordings import Copy

from ..similar.criteria import Criteria
from .song_table import SongTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musrec_core.search.index import VectorIndex


RELATIVE_DATE = re.compile(r"[+-]?[0-9]+[dwmy]")  # in a query, as in added:-2w..
HOUR = 3600  # [s]


def moment(*queries: str | None) -> int:
    """The hour where one of some queries has a date relative to now, so that what it matches moves on; 0 for others."""
    return int(time.time() // HOUR) if any(query and RELATIVE_DATE.search(query) for query in queries) else 0


@dataclass(frozen=True)
class Plan:
    """What some options mean in a library.

    Attributes
    ----------
    criteria : Criteria
        Its candidates are those of the options.
    out : array of int or None
        The ids that `musrec.exclude` leaves out; None where SQL can't tell.
    leaning : np.ndarray [shape=(n,)], optional
        See `steering.leaning`.
    """

    criteria: Criteria
    out: NDArray[np.int64] | None
    leaning: NDArray[np.float32] | None
    closer_than: str | None
    ranks_excluded: bool = False  # what is left out is ranked first: the correction of hubs goes by ranks


@dataclass(frozen=True)
class Part:
    """The songs that may be found, and what is known of each.

    Attributes
    ----------
    index : JoinedIndex
    rows : np.ndarray [shape=(m,)], optional
        Their rows in the whole index of the space; None: all.
    artists, albums : np.ndarray [shape=(len(index),)]
    twins : np.ndarray [shape=(len(index),)]
        See `SongTable`.
    """

    index: JoinedIndex
    rows: NDArray[np.intp] | None
    artists: NDArray[np.int64]
    albums: NDArray[np.int64]
    twins: NDArray[np.bool_]

    @classmethod
    def of(cls, index: JoinedIndex, songs: SongTable, rows: NDArray[np.intp] | None = None) -> Part:
        """The part of an index at some rows, in their order."""
        part = index if rows is None else index.at(rows)
        places = songs.positions(part.ids)
        return cls(part, rows, songs.artists[places], songs.albums[places], songs.twins[places])


class Copies(Mapping[int, Copy]):
    """What tells copies of recordings, of each item; each is made when it is first needed."""

    def __init__(self, songs: SongTable) -> None:
        self._songs = songs
        self._made: dict[int, Copy] = {}

    def __getitem__(self, id_: int) -> Copy:
        if id_ not in self._made:
            copy = self._songs.copy_of(id_)
            if copy is None:
                raise KeyError(id_)
            self._made[id_] = copy
        return self._made[id_]

    def __iter__(self) -> Iterator[int]:
        return iter(self._songs.ids.tolist())

    def __len__(self) -> int:
        return len(self._songs)


class Vectors(Mapping[int, "NDArray[np.float32]"]):
    """The embedding of each song that has one."""

    def __init__(self, index: VectorIndex, row_of: dict[int, int]) -> None:
        self._index, self._row_of = index, row_of

    def __getitem__(self, id_: int) -> NDArray[np.float32]:
        return np.asarray(self._index.vectors[self._row_of[id_]])

    def __iter__(self) -> Iterator[int]:
        return iter(self._row_of)

    def __len__(self) -> int:
        return len(self._row_of)
