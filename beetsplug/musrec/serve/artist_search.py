"""Artists that sound like others, in one state of a library."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musrec_core.search import ranking, sets
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.index import VectorIndex

from .song_table import Song

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.search.index import Ranker

    from .plans import Part, Plan
    from .state import LibraryState

SONGS_OF_A_MATCH = 3  # of an artist that sounds like another, and of that other one


@dataclass(frozen=True)
class ArtistAnswer:
    """An artist that sounds like another."""

    name: str
    distance: float
    songs: list[Song]  # some that are nearest to the artist asked for
    seed_songs: list[Song]  # those of the artist asked for that they are near to


class ArtistSearch:
    """Finds artists, each of which is compared by the mean of its songs, as `beet similar --artists` does.

    Parameters
    ----------
    lib : Library
    state : LibraryState
    plan : Plan
    part : Part
        The songs that count; the seeds' own count all.
    """

    def __init__(self, lib: Library, state: LibraryState, plan: Plan, part: Part) -> None:
        self._lib, self._state, self._criteria, self._part = lib, state, plan.criteria, part
        self._metric = plan.criteria.metric
        self._artists = state.artists(lib)

    def nearest(
        self, seeds: Sequence[int], own: Collection[int], count: int, *, with_matches: bool
    ) -> list[ArtistAnswer]:
        """The artists nearest to some of them, nearest first.

        Parameters
        ----------
        seeds : sequence of int
            The artists' numbers (see `Groups`).
        own : collection of int
            The ids of their songs that are embedded.
        with_matches : bool
            Whether songs are wanted, too.
        """
        songs = some(self._state.index(self._lib, self._criteria.space), own)
        numbers = np.array([self._artists.of_song[id_] for id_ in songs.ids.tolist()], np.int64)
        points = sets.means(songs, numbers, metric=self._metric).vectors
        means = self._state.artist_means(self._lib, self._part, self._criteria)
        ranker: Ranker = means
        if self._criteria.hub_correction:  # among the others, as `beet similar --artists` corrects
            ranker = MutualIndex(means.among(set(means.ids.tolist()).difference(seeds)), metric=self._metric)
        found = []
        for each in ranking.nearest(ranker, points, count, metric=self._metric, exclude=seeds):
            theirs, ours = self._matches(each.id, songs, points) if with_matches else ([], [])
            found.append(ArtistAnswer(self._artists.names[each.id], each.distance, theirs, ours))
        return found

    def _matches(self, artist: int, seeds: VectorIndex, points: NDArray[np.float32]) -> tuple[list[Song], list[Song]]:
        """The songs of an artist that are nearest to the seeds, and those of the seeds that they are near to."""
        index, table = self._part.index, self._state.songs
        theirs = ranking.nearest(
            some(index, self._artists.songs[artist]), points, SONGS_OF_A_MATCH, metric=self._metric
        )
        vectors = index.vectors_of([song.id for song in theirs])
        ours = ranking.nearest(seeds, vectors, SONGS_OF_A_MATCH, metric=self._metric)
        return table.songs(theirs), table.songs(ours)


def some(index: VectorIndex, ids: Collection[int]) -> VectorIndex:
    """A few songs of an index."""
    rows = np.flatnonzero(np.isin(index.ids, np.fromiter(ids, np.int64)))
    return VectorIndex(index.ids[rows], index.vectors[rows])
