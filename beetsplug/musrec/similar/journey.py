"""From song to song (`--to`), and lists in a smooth order (`--order smooth`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from beets.dbcore.query import TrueQuery
from beets.ui import UserError

from musrec_core.search.distance import paired
from musrec_core.search.index import Neighbour, positions, step_lengths
from musrec_core.search.ranking import centroid
from musrec_core.sequence import harmonic
from musrec_core.sequence.journey import NoJourneyError, journey
from musrec_core.sequence.smooth import smooth_order

from ..console import formatted
from ..library import recordings, sql
from . import search, seeds

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.search.index import Metric, VectorIndex

    from .criteria import Criteria


def find_stops(lib: Library, args: list[str], to: Sequence[str], count: int, log: BeetsLogger) -> list[Item]:
    """The first song that each query matches: the start, the waypoints, the end; raises `UserError`."""
    queries = [args, *map(sql.words, to)]
    if not all("".join(query).strip() for query in queries):  # an empty query would be the library's first song
        raise UserError('a journey needs a start and an end, as in: beet similar "The Scientist" --to "Teardrop"')
    stops: list[Item] = []
    for query in queries:
        found = seeds.matching(lib, query)
        if len(found) > 1:
            first = formatted(found[0], "$artist - $title")
            log.info("{} songs match {}: taking {}", len(found), " ".join(query), first)
        stops.append(found[0])
    if len({item.id for item in stops}) < len(stops):
        raise UserError("a journey can't visit the same song twice")
    if count < len(stops):
        raise UserError(f"a journey with {len(stops)} stops needs --count {len(stops)} or more")
    return stops


def find_journey(
    lib: Library,
    index: VectorIndex,
    stops: Sequence[Item],
    count: int,
    criteria: Criteria,
    *,
    card: Card,
    mix: bool = False,
) -> list[Neighbour]:
    """The songs of a journey, the stops among them, each with its distance from the one before; the first has 0.

    Parameters
    ----------
    index : VectorIndex
        Of the criteria's space.
    stops : sequence of Item
    count : int
        Songs, with the stops.
    card : Card
        Of the model in use, by whose embeddings copies of a recording are told.
    mix : bool
        Whether tempo and key count.
    """
    ids = [sql.id_of(item) for item in stops]
    lookup = recordings.RecordingLookup(lib, card)
    try:
        path = journey(
            index,
            ids,
            count,
            metric=criteria.metric,
            candidates=criteria.candidates,
            exclude=_unwanted(lib, criteria, card),
            artists=lambda some: search.artists(lib, some),
            max_per_artist=criteria.max_per_artist or None,
            mismatch=(lambda some: mismatch(lib, some)) if mix else None,
            one_each=None
            if criteria.duplicates
            else lambda some, others: lookup.one_each(some, [*others, *criteria.unwanted]),
        )
    except NoJourneyError:
        raise UserError(f"there are not enough songs for a journey of {count}") from None
    except ValueError:  # the one thing that is left: a stop's stored vector does not read as one
        known = set(index.ids.tolist())
        damaged = next(id_ for id_ in ids if id_ not in known)
        raise UserError(f"a stop's embedding is damaged: run `beet embed --force id:{damaged}`") from None
    steps = [0.0, *step_lengths(index, path, criteria.metric)]
    return [Neighbour(id_, step) for id_, step in zip(path, steps, strict=True)]


def _unwanted(lib: Library, criteria: Criteria, card: Card) -> set[int]:
    """What neither the configuration nor the playlist's owner wants, of the whole library."""
    unwanted = {*criteria.unwanted}
    if criteria.exclude is not None:
        unwanted.update(sql.matching_ids(lib, criteria.exclude))
    if criteria.removed:
        unwanted |= search.removed_ids(lib, sql.matching_ids(lib, TrueQuery()), criteria, card)
    return unwanted


def mismatch(lib: Library, ids: Sequence[int]) -> NDArray[np.float64]:
    """How badly songs go together by tempo and key, where beets knows them [shape=(n, n)]."""
    known = sql.columns(lib, ids, ("bpm", "initial_key"))
    rows = [known.get(id_, (None, None)) for id_ in ids]
    return harmonic.mismatch([row[0] for row in rows], [row[1] for row in rows])


def smooth(
    lib: Library,
    index: VectorIndex,
    points: NDArray[np.float32],
    neighbours: list[Neighbour],
    *,
    metric: Metric,
    mix: bool,
) -> list[Neighbour]:
    """The same songs, in the order in which each leads to the next, from the seed on.

    Parameters
    ----------
    points : np.ndarray [shape=(m, d)]
        The seeds; of many, the one that is nearest to one of the songs.
    """
    if not neighbours:
        return []
    ids = [neighbour.id for neighbour in neighbours]
    vectors = index.vectors[positions(index, ids)]
    first = min(points, key=lambda seed: paired(vectors, seed, metric).min())
    places = smooth_order(
        vectors,
        centroid(first[None], metric=metric),
        metric=metric,
        mismatch=mismatch(lib, ids) if mix else None,
    )
    return [neighbours[place] for place in places]
