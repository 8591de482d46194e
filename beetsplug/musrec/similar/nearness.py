"""What a distance means in a library: how many pairs of its songs are farther apart."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from beets.ui import UserError

from musrec_core.search.pair_distances import MAX_SONGS, MIN_SONGS, PairDistances, sample
from musrec_core.search.ranking import start

from ..attributes import types
from ..console import formatted
from ..library import sql
from .percentages import parse_percentage

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.search.index import Metric, Neighbour, VectorIndex

    from .criteria import Criteria


class LibraryNearness:
    """The nearness of distances in a library; its songs are compared when it is first asked.

    Parameters
    ----------
    lib : Library
    index : VectorIndex
        All its vectors in one space.
    metric : ``cosine`` or ``euclidean``
    """

    def __init__(self, lib: Library, index: VectorIndex, metric: Metric) -> None:
        self._lib, self.index, self.metric = lib, index, metric

    def __call__(self, distance: float) -> float | None:
        """The share of the pairs of songs that are farther apart, 0 to 1; None where the songs are too few."""
        return self._pairs.nearness(distance) if self._pairs else None

    def distance(self, nearness: float) -> float:
        """The distance within which songs are of this nearness or more; raises `UserError` where they are too few."""
        if self._pairs is None:
            raise UserError(f"a percentage of pairs needs {MIN_SONGS} different songs that are embedded, or more")
        return self._pairs.distance(nearness)

    def only_near(
        self, criteria: Criteria, index: VectorIndex, points: NDArray[np.float32], percentage: str
    ) -> Criteria:
        """The criteria, with no candidates but those nearer to the seeds than a share of pairs; raises `UserError`.

        Parameters
        ----------
        index : VectorIndex
            The songs to choose from.
        points : np.ndarray [shape=(m, d)]
            The seeds.
        """
        within = self.distance(parse_percentage(percentage))
        distances = index.distances(start(points, metric=criteria.metric), metric=criteria.metric)
        near = set(index.ids[distances <= within].tolist())
        return replace(criteria, candidates=near if criteria.candidates is None else near & {*criteria.candidates})

    def too_far(self, nearest: Neighbour, percentage: str) -> str:
        """What to say where no song is nearer than a share of pairs."""
        item = self._lib.get_item(nearest.id)
        name = f", {formatted(item, '$artist - $title')}," if item is not None else ""
        found = types.Percentage().format(self(nearest.distance))
        return f"no other song is nearer than {percentage.strip()} of pairs: the nearest{name} is nearer than {found}"

    @cached_property
    def _pairs(self) -> PairDistances | None:
        rows = sample(self.index.ids)
        kept = rows[_one_of_each(self._lib, self.index.ids[rows].tolist())]
        if len(kept) < MIN_SONGS:
            return None
        is_sample = len(self.index) > MAX_SONGS
        return PairDistances(self.index.vectors[kept], metric=self.metric, is_sample=is_sample)


def _one_of_each(lib: Library, ids: list[int]) -> NDArray[np.intp]:
    """The positions of songs of which no other copy comes before, as far as plain tags tell.

    In a small library, pairs of copies would be a large part of the nearest pairs.
    """
    rows = sql.columns(lib, ids, ("artist", "title", "mb_trackid"))
    seen: set[tuple[str, ...]] = set()
    kept = []
    for place, id_ in enumerate(ids):
        artist, title, recording = rows.get(id_, ("", "", ""))
        names: set[tuple[str, ...]] = {(artist.casefold(), title.casefold())} if title else set()
        names |= {(recording,)} if recording else set()
        if not names & seen:
            kept.append(place)
        seen |= names
    return np.array(kept, np.intp)
