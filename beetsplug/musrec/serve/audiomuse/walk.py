"""The order of `radius_similarity`: from near to far, and each song leads to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from musrec_core.search.index import positions
from musrec_core.sequence.smooth import smooth_order

if TYPE_CHECKING:
    from musrec_core.search.index import VectorIndex

    from ..answers import Song

AT_ONCE = 10  # songs, nearest first, among which the next is chosen: who plays only the first ones hears the nearest


def walk(songs: Sequence[Song], seed: int, index: VectorIndex) -> list[Song]:
    """The same songs, nearest first, in small steps.

    Parameters
    ----------
    seed : int
        The id of the item that they are near to.
    index : VectorIndex
        With all of these; where one is gone, the library changed meanwhile, and the order stays.
    """
    if len(index) <= len(songs):
        return list(songs)
    last, found = seed, []
    for first in range(0, len(songs), AT_ONCE):
        part = songs[first : first + AT_ONCE]
        vectors = index.vectors[positions(index, [last, *(song.id for song in part)])]
        found += [part[place] for place in smooth_order(vectors[1:], vectors[0])]
        last = found[-1].id
    return found
