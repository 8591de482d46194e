"""Songs that are near the seed and yet differ from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .index import Metric, Neighbour, VectorIndex
from .knn import pairwise, positions

POOL = 10  # ranks to choose from for each song that is wanted
LEAST_POOL = 50


def pool_size(count: int) -> int:
    """How many of the best ranks `diversify` should choose ``count`` songs from."""
    return max(LEAST_POOL, POOL * count)


def diversify(
    index: VectorIndex, ranked: Sequence[Neighbour], count: int, variety: float, *, metric: Metric = "cosine"
) -> list[Neighbour]:
    """Choose songs by maximal marginal relevance (Carbonell and Goldstein 1998).

    The first song is the best rank. Each next one has the largest ``variety * novelty - (1 - variety) * distance``,
    where novelty is the distance to the nearest song that is chosen already. Ties go to the better rank.

    Parameters
    ----------
    index : VectorIndex
        Holds the vectors of all ranked songs.
    ranked : sequence of Neighbour
        The pool, best first. The order counts; distances tell how much.
    count : int >= 0
        Fewer come back where the pool is smaller.
    variety : float, 0 to 1
        0: the ranking as it is. 1: each song as far as can be from those before it.

    Returns
    -------
    chosen : list of Neighbour
        In the order in which they were chosen.

    Raises
    ------
    ValueError
        ``variety`` is not in 0..1, or a song is not in the index.
    """
    if not 0 <= variety <= 1:
        raise ValueError(f"variety has to be between 0 and 1, got {variety}")
    if variety == 0 or not ranked:
        return list(ranked[:count])
    distances = pairwise(index.vectors[positions(index, [neighbour.id for neighbour in ranked])], metric)
    cost = np.maximum.accumulate([neighbour.distance for neighbour in ranked])
    novelty = np.full(len(ranked), np.inf)
    left = np.ones(len(ranked), np.bool_)
    chosen: list[int] = []
    for _ in range(min(count, len(ranked))):
        gain = np.where(left, variety * novelty - (1 - variety) * cost, -np.inf)
        best = int(gain.argmax())  # the first time all are novel without end
        chosen.append(best)
        left[best] = False
        novelty = np.minimum(novelty, distances[best])
    return [ranked[i] for i in chosen]
