"""The best songs of a part of the library, as `ranking.nearest` and `diversify` choose them, by rows of arrays."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from musrec_core.search import ranking
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.ranking import POOL_PER_FILTERED
from musrec_core.search.rows import Costs, nearest_rows, ranks
from musrec_core.words.ranker import ScoreIndex

from ..similar import steering, words_alone
from .plans import Part

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.search.index import Neighbour, Ranker
    from musrec_core.words.request import WordRequest

    from .plans import Plan
    from .state import LibraryState

POOL_PER_CAPPED = 16  # ranks that a cap is shown first for each song: an artist's songs lie near each other


def nearest(
    state: LibraryState,
    lib: Library,
    plan: Plan,
    points: NDArray[np.float32],
    own: Collection[int],
    part: Part,
    count: int,
) -> list[Neighbour]:
    """The songs of a part that are nearest to the points [shape=(m, d)], and not ``own``; raises `UserError`."""
    criteria = plan.criteria
    index = state.index(lib, criteria.space)
    if plan.closer_than:
        part = _within(state, lib, plan, points, part)
    ranked: Ranker = state.mutual(lib, criteria, part) if criteria.hub_correction else part.index
    return _best(state, lib, plan, index, ranked, points, own, part, count)


def by_words(
    state: LibraryState, lib: Library, plan: Plan, wanted: WordRequest, part: Part, count: int
) -> list[Neighbour]:
    """The songs of a part that answer a request for words best; raises `UserError`."""
    index, scores = state.index(lib, "embedding"), state.scores(wanted)
    ranked = ScoreIndex(part.index, scores if part.rows is None else scores[part.rows])
    return _best(state, lib, plan, ScoreIndex(index, scores), ranked, words_alone.no_point(index), (), part, count)


def _within(state: LibraryState, lib: Library, plan: Plan, points: NDArray[np.float32], part: Part) -> Part:
    """The songs of a part that are nearer to the points than a share of pairs."""
    near = state.nearness(lib, plan.criteria).only_near(plan.criteria, part.index, points, plan.closer_than or "")
    rows = np.flatnonzero(np.isin(part.index.ids, np.fromiter(near.candidates or (), np.int64)))
    index = state.index(lib, plan.criteria.space)
    return Part.of(index, state.songs, rows if part.rows is None else part.rows[rows])


def _best(
    state: LibraryState,
    lib: Library,
    plan: Plan,
    whole: Ranker,
    ranked: Ranker,
    points: NDArray[np.float32],
    own: Collection[int],
    part: Part,
    count: int,
) -> list[Neighbour]:
    """The songs of a part that are best, best first; raises `UserError`.

    Parameters
    ----------
    whole : Ranker
        Of all songs, by which weights are measured.
    ranked : Ranker
        Of the part.
    points : np.ndarray [shape=(m, d)]
        The seeds.
    own : collection of int
        The seeds' own ids, which are no results.
    """
    if not len(part.index):
        return []
    point = ranking.start(points, metric=plan.criteria.metric)
    leans = plan.leaning is not None or bool(plan.criteria.steering.unlike)
    is_plain = ranked is part.index and not leans
    if is_plain and point.ndim == 1 and plan.criteria.metric == "cosine":
        return _chosen(state, lib, plan, ranked, point, lambda k: part.index.costs(point, k), own, part, count, True)
    cost = _cost(state, lib, plan, whole, ranked, points, point, part, leans)
    return _chosen(state, lib, plan, ranked, point, lambda _: (None, cost), own, part, count, is_plain)


def _cost(
    state: LibraryState,
    lib: Library,
    plan: Plan,
    whole: Ranker,
    ranked: Ranker,
    points: NDArray[np.float32],
    point: NDArray[np.float32],
    part: Part,
    leans: bool,
) -> NDArray[np.float32]:
    """What each song of a part costs [shape=(n,)]: its distance, and what steering adds."""
    criteria = plan.criteria
    if isinstance(ranked, MutualIndex) and point.ndim == 1 and not leans:
        return ranked.remoteness(point[None])[0]
    cost = ranked.distances(point, metric=criteria.metric)
    if not leans:
        return cost
    added = steering.added(
        criteria.steering, state.index(lib, criteria.space), whole, points, criteria.metric, plan.leaning,
        advice=lambda ids: state.advice(lib, ids),
    )  # fmt: skip
    return cost + (added if part.rows is None else added[part.rows])


def _chosen(
    state: LibraryState,
    lib: Library,
    plan: Plan,
    ranked: Ranker,
    point: NDArray[np.float32],
    costs: Costs,
    own: Collection[int],
    part: Part,
    count: int,
    is_plain: bool,
) -> list[Neighbour]:
    """The songs of least cost that the filters leave; ``is_plain``: the cost is the distance."""
    criteria = plan.criteria
    metric, variety = criteria.metric, criteria.variety
    wanted = ranking.pool_size(count) if variety else count
    left_out = {*own, *criteria.steering.unlike}
    filters = state.filters(lib, plan, part, own)
    per_song = POOL_PER_CAPPED if criteria.max_per_artist or criteria.max_per_album else POOL_PER_FILTERED
    first = ranks(wanted, len(left_out), filters, per_song)
    # many can look at all vectors at once, but of what is short each would only keep the interpreter from the others
    found = None if is_plain and part.index.may_shorten(first) else costs(first)
    is_whole = found is not None and found[0] is None
    with state.turn:
        rows = nearest_rows(
            lambda k: found if found is not None and (is_whole or k <= first) else costs(k),
            part.index.ids, wanted, exclude=left_out, filters=filters, per_song=per_song,
        )  # fmt: skip
        if variety:
            distances = [each.distance for each in ranked.take(rows, point, metric=metric)]
            rows = rows[ranking.diverse(part.index.vectors[rows], distances, count, variety, metric=metric)]
        songs = ranked.take(rows, point, metric=metric)
    if is_plain and point.ndim == 1 and not variety:  # the last digits of the cost cancel
        songs.sort(key=lambda each: (each.distance, each.id))
    return songs
