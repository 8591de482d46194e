"""The order of the songs that were found: nearest first, artists apart, or each leading to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..library import sql
from . import journey, search, seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.search.index import Neighbour, VectorIndex

    from .criteria import Criteria
    from .options import SimilarOptions
    from .request import Request
    from .seeds import Seeds


def ordered(
    lib: Library,
    index: VectorIndex,
    found: list[Neighbour],
    request: Request,
    options: SimilarOptions,
    criteria: Criteria,
    start: Seeds,
    *,
    genres: Sequence[str],
    leading: Item | None = None,
    is_drawn: bool = False,
) -> list[Neighbour]:
    """The same songs, in the order that a request wants.

    Parameters
    ----------
    options : SimilarOptions
        The request's, into which the settings have been resolved.
    genres : sequence of str
        The labels of the model's genres, as the genre space orders them.
    leading : Item, optional
        The last seed, where the playlist begins with the seeds.
    is_drawn : bool
        Whether the songs were drawn at random, which gives them an order of its own.
    """
    last = request.playlist.last if request.playlist else None
    order = options.order
    if order == "auto":
        order = "apart" if request.playlist else ""
    if order == "smooth" and found:
        points = _start(start, last, found, index, criteria, genres)
        return journey.smooth(lib, index, points, found, metric=criteria.metric, mix=options.mix)
    if order == "apart":
        return search.apart(lib, found, last or leading)
    if is_drawn and request.options.order == "nearest":
        return sorted(found, key=lambda neighbour: neighbour.distance)
    return found


def _start(
    start: Seeds,
    last: Item | None,
    found: Sequence[Neighbour],
    index: VectorIndex,
    criteria: Criteria,
    genres: Sequence[str],
) -> NDArray[np.float32]:
    """Where a smooth order starts [shape=(m, d)]: at the playlist's last song, the seeds, or the best song."""
    points = index.vectors_of([sql.id_of(last)] if last else [])
    if not len(points) and not start.count:
        points = index.vectors_of([found[0].id])
    return points if len(points) else seeds.points(start, index, criteria.space, genres)
