"""Songs that lie far from the others of their album or artist: wrong files, wrong tags, hidden intros."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..search.distance import paired

MAD_OF_NORMAL = 0.6745  # median absolute deviation of the standard normal distribution
PRIOR_SONGS = 8  # that the usual deviation counts as: a few equal songs must not make another infinitely odd


class Outlier(NamedTuple):
    """A song and its distance to the others of its group."""

    row: int  # of the vectors
    z: float  # robust z-score of the distance
    distance: float  # cosine distance to the centroid of the others
    typical: float  # the median of these distances in the group


def outliers(vectors: NDArray[np.floating], groups: Sequence[Hashable | None], *, least: int = 4) -> list[Outlier]:
    """Every song of a group by its robust z-score, the largest first.

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
    distances = [_leave_one_out_distances(np.asarray(vectors[rows], np.float64)) for rows in large]
    medians = [float(np.median(some)) for some in distances]
    spreads = [float(np.median(np.abs(some - m))) for some, m in zip(distances, medians, strict=True)]
    usual = max(float(np.median(spreads)), 1e-3)
    found = []
    for rows, some, median, spread in zip(large, distances, medians, spreads, strict=True):
        drawn = (len(rows) * spread + PRIOR_SONGS * usual) / (len(rows) + PRIOR_SONGS)
        for row, distance in zip(rows.tolist(), some.tolist(), strict=True):
            found.append(Outlier(row, MAD_OF_NORMAL * (distance - median) / drawn, distance, median))
    return sorted(found, key=lambda song: (-song.z, song.row))


def _leave_one_out_distances(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosine distance of each vector to the centroid of the others [shape=(m,)]."""
    return paired(x, x.sum(0) - x)
