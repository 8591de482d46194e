"""Ranking by rows of arrays, where songs are too many to be looked at one by one: what a server does for each request.

The rules are those of `ranking`: the best ranks, as many of them as it takes to leave ``count`` songs after the
filters. Here ranks are positions in an index, and labels are numbers that were given to all songs before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .distance import smallest
from .ranking import POOL_PER_FILTERED

Rows = NDArray[np.intp]
Costs = Callable[
    [int], tuple[Rows | None, NDArray[np.floating[Any]]]
]  # k -> rows among which the k best are, their costs
RowFilter = Callable[[Rows], Rows]  # ranked rows -> those of them that stay, in their order


def nearest_rows(
    costs: Costs,
    ids: NDArray[np.int64],
    count: int,
    *,
    exclude: Collection[int] = (),
    filters: Sequence[RowFilter] = (),
    per_song: int = POOL_PER_FILTERED,
) -> Rows:
    """The rows of least cost, least first, equal ones in the order of their ids.

    Parameters
    ----------
    costs : callable
        Asked anew where more rows have to be looked at.
    ids : np.ndarray [shape=(n,)]
    count : int >= 1
        Fewer come back where there are not more.
    exclude : collection of int
        Ids that never come back.
    filters : sequence of RowFilter
    per_song : int
        Ranks that are put in order at once for each song that is wanted. The filters are shown as many as those of
        `ranking.nearest` are, as which copy of a recording stays depends on it.
    """
    left_out = np.fromiter(exclude, np.int64)
    k = len(left_out) + count * (POOL_PER_FILTERED if filters else 1)
    ranked = _ranked(costs, ids, len(left_out) + count * max(per_song, POOL_PER_FILTERED) if filters else k)
    while True:
        kept = ranked[:k]
        if len(left_out):
            kept = kept[~np.isin(ids[kept], left_out)]
        for keep in filters:
            kept = keep(kept)
        if len(kept) >= count or k >= len(ids):
            return kept[:count]
        k *= 4
        if len(ranked) < min(k, len(ids)):
            ranked = _ranked(costs, ids, k)


def _ranked(costs: Costs, ids: NDArray[np.int64], k: int) -> Rows:
    """The k rows of least cost, in order."""
    rows, cost = costs(k)
    return smallest(cost, ids, k) if rows is None else rows[smallest(cost, ids[rows], k)]


def reject_rows(ids: NDArray[np.int64], unwanted: NDArray[np.int64]) -> RowFilter:
    """No rows whose ids [shape=(n,)] are unwanted."""
    return lambda rows: rows[~np.isin(ids[rows], unwanted)]


def ranks(count: int, excluded: int, filters: Sequence[RowFilter], per_song: int) -> int:
    """How many of the best ranks are looked at first."""
    return excluded + count * (per_song if filters else 1)


def cap_rows(*limits: tuple[NDArray[np.int64], int]) -> RowFilter:
    """At most so many rows a label, best ranks first, as `ranking.cap` has it.

    Parameters
    ----------
    limits : pairs of np.ndarray [shape=(n,)] and int >= 1
        A number for the label of each row, 0 for none, which is never capped; and how many rows may share one.
    """
    if len(limits) == 1:
        ((labels, most),) = limits
        return lambda rows: rows[_under_one(labels[rows], most)]
    return lambda rows: rows[_under_all([labels[rows].tolist() for labels, _ in limits], [most for _, most in limits])]


def _under_one(labels: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """Which of some labels stand there for the first time, the second, and so on up to ``most`` [shape=(m,)]."""
    kept = labels == 0
    left = np.flatnonzero(~kept)
    first = np.empty(int(labels.max(initial=0)) + 1, np.intp)
    for _ in range(most):
        if not len(left):
            break
        here = labels[left]
        first[here[::-1]] = left[::-1]  # the last that is written, so the first in the list, stays
        is_first = first[here] == left
        kept[left[is_first]] = True
        left = left[~is_first]
    return kept


def _under_all(labels: list[list[int]], most: list[int]) -> list[int]:
    """The places that no limit leaves out: what one limit leaves out does not count for the others."""
    seen: list[dict[int, int]] = [{} for _ in most]
    kept = []
    for place, own in enumerate(zip(*labels, strict=True)):
        counts = [some.get(label, 0) for some, label in zip(seen, own, strict=True)]
        if all(label == 0 or n < limit for label, n, limit in zip(own, counts, most, strict=True)):
            kept.append(place)
            for some, label, n in zip(seen, own, counts, strict=True):
                some[label] = n + 1
    return kept
