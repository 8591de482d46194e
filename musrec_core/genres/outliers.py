"""Songs that lie far from those that they stand with: wrong files, wrong tags, hidden intros."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..search.distance import paired

NORMAL = 0.6745  # the median absolute deviation of a normal distribution of deviation 1
BELIEF = 8  # songs that the usual spread counts as: a few alike must not make one more infinitely odd


class Outlier(NamedTuple):
    """A song far from the others of its group: which, how odd, how far, and how far half of them are at most."""

    row: int
    z: float
    distance: float
    typical: float


def outliers(vectors: NDArray[np.floating], groups: Sequence[Hashable | None], *, least: int = 4) -> list[Outlier]:
    """How odd each song is in its group, the oddest first.

    The distance of a song is the cosine distance to the centroid of the others of its group. Its oddness is the robust
    z-score (Iglewicz and Hoaglin 1993) of that among the group: the distance less the median, over the median
    absolute deviation, which is drawn towards what is usual in all groups, the more the smaller the group.

    Parameters
    ----------
    vectors : array [shape=(n, d)]
        Unit length.
    groups : n hashables
        None: the song stands alone.
    least : int
        Smaller groups have no opinion.
    """
    members: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(row)
    large = [np.array(rows) for rows in members.values() if len(rows) >= least]
    if not large:
        return []
    distances = [_from_the_others(np.asarray(vectors[rows], np.float64)) for rows in large]
    medians = [float(np.median(some)) for some in distances]
    spreads = [float(np.median(np.abs(some - m))) for some, m in zip(distances, medians, strict=True)]
    usual = max(float(np.median(spreads)), 1e-3)
    found = [
        Outlier(
            int(row),
            NORMAL * (float(d) - median) * (len(rows) + BELIEF) / (len(rows) * spread + BELIEF * usual),
            float(d),
            median,
        )
        for rows, some, median, spread in zip(large, distances, medians, spreads, strict=True)
        for row, d in zip(rows, some, strict=True)
    ]
    return sorted(found, key=lambda song: (-song.z, song.row))


def _from_the_others(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine distance of each vector to the centroid of the others [shape=(m,)]."""
    return paired(x, x.sum(0) - x)
