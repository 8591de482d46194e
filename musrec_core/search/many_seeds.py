"""The distance to many seeds: a mean of the distances to each, in which the near ones count most.

Seeds of a varied artist or playlist lie in several places, and their mean in none of them. So each song is compared
with every seed: ``-t * log(mean(exp(-d / t)))``, the soft minimum or exponential mean of its distances ``d``, with the
`TEMPERATURE` ``t``. It lies between the distance to the nearest seed and the mean distance, in the unit of distances.
docs/evaluation.md says what it was compared with (``python -m benchmarks.seeds``).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .distance import Metric, distances_from_scores, paired, rank_scores

TEMPERATURE = 0.2  # best for embeddings (of musrec-1, too) and genre probabilities, by cosine and Euclid alike
MAX_SEEDS = 1_000  # that are compared with every song; of more, so many are drawn
PAIRS = 500_000  # of a seed and a song at a time: what a processor's cache holds

Real = TypeVar("Real", bound=np.floating[Any])


def soft_minimum(distances: NDArray[Real], temperature: float = TEMPERATURE) -> NDArray[Real]:
    """The soft minimum over seeds [shape=(m, n)] -> [shape=(n,)], m >= 1."""
    scale = distances.dtype.type(temperature)
    least = distances.min(axis=0)
    near = least - distances
    near /= scale
    np.exp(near, out=near)
    return np.asarray(least - scale * np.log(near.mean(axis=0)), distances.dtype)


def drawn(seeds: NDArray[np.float32]) -> NDArray[np.float32]:
    """The seeds [shape=(m, d)], or `MAX_SEEDS` of them drawn at random, always the same ones."""
    if len(seeds) <= MAX_SEEDS:
        return seeds
    return seeds[np.sort(np.random.default_rng(0).choice(len(seeds), MAX_SEEDS, replace=False))]


def distances(
    seeds: NDArray[np.float32], vectors: NDArray[np.float32], squares: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32]:
    """The distance of each song to the seeds, in single precision: for ranking.

    Parameters
    ----------
    seeds : np.ndarray [shape=(m, d)], m >= 1
    vectors : np.ndarray [shape=(n, d)]
        May be a memory map; read once, a part at a time.
    squares : np.ndarray [shape=(n,)]
        Their `squared_norms`.

    Returns
    -------
    distances : np.ndarray [shape=(n,)]
    """
    found = np.empty(len(vectors), np.float32)
    step = max(1, PAIRS // len(seeds))
    for first in range(0, len(vectors), step):
        part = slice(first, first + step)
        scores = rank_scores(seeds, vectors[part], squares[part], metric)
        found[part] = soft_minimum(distances_from_scores(scores, seeds, metric))
    return found


def exact(seeds: NDArray[np.float32], vectors: NDArray[np.float32], metric: Metric) -> NDArray[np.float64]:
    """The same for a few songs [shape=(n, d)], in double precision: for printing [shape=(n,)]."""
    rows = [soft_minimum(paired(seeds, vector, metric)[:, None])[0] for vector in vectors]
    return np.array(rows, np.float64)
