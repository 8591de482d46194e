"""What is done to a ranked list: artists spaced apart, a time filled, songs drawn at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def apart(labels: Sequence[Hashable], *, before: Hashable = None) -> list[int]:
    """An order in which no label stands twice in a row, where there is one; else with as few repeats as can be.

    Parameters
    ----------
    labels : sequence
        Of each song, best first; ``None`` is like no other.
    before : hashable, optional
        The label of what comes before the first.

    Returns
    -------
    order : list of int
        Places in ``labels``. Songs move no further than they have to: at each step the first of those that still leave
        the rest an order.
    """
    left = list(range(len(labels)))
    counts = Counter(label for label in labels if label is not None)
    last, order = before, []
    while left:
        place = _next(labels, left, counts, last)
        left.remove(place)
        last = labels[place]
        if last is not None:
            counts[last] -= 1
        order.append(place)
    return order


def _next(labels: Sequence[Hashable], left: list[int], counts: Counter[Hashable], last: Hashable) -> int:
    """The first place that differs from the last, unless a label has to come now to come apart at all."""
    most, count = counts.most_common(1)[0] if counts else (None, 0)
    if 2 * count > len(left) and most != last:  # every second place, from here on, is this label's
        return next(place for place in left if labels[place] == most)
    return next((place for place in left if labels[place] is None or labels[place] != last), left[0])


def fill(lengths: Sequence[float], seconds: float) -> list[int]:
    """The songs of a list, best first, that fit into a time together.

    Parameters
    ----------
    lengths : sequence of float
        Seconds each, best first.
    seconds : float
        The sum stays within it.

    Returns
    -------
    places : list of int
        A song that is too long for what is left makes room for a shorter one, but not for one that stands further down
        than twice as many as fitted before it: it would not be near any more.
    """
    chosen: list[int] = []
    total, limit = 0.0, len(lengths)
    for place, length in enumerate(lengths):
        if place >= limit:
            break
        if total + length <= seconds:
            chosen.append(place)
            total += length
        elif limit == len(lengths):
            limit = min(limit, 2 * place + 1)
    return chosen


def draw(ranked: Sequence[T], count: int, seed: int) -> list[T]:
    """Some of a ranked list, at random and in random order; the first are likelier.

    The weight of rank r (from 1) is 1 / r; drawn without putting back, with the keys of Efraimidis and Spirakis,
    "Weighted random sampling with a reservoir" (2006). The same seed draws the same from the same list.
    """
    rng = np.random.default_rng(seed)
    keys = rng.exponential(size=len(ranked)) * np.arange(1, len(ranked) + 1)
    chosen = np.argsort(keys, kind="stable")[:count]
    return [ranked[int(place)] for place in rng.permutation(chosen)]
