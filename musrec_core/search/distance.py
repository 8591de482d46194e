"""Vectors and the distances between them: the one place for normalisation, cosine and Euclidean distance.

Cosine distance is 1 - cosine, 0 to 2. A vector of zeros has no direction: its cosine distance to any other is 1.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

Metric = Literal["cosine", "euclidean"]
Real = TypeVar("Real", bound=np.floating[Any])

SAMPLED = 16  # of so many values one is looked at to guess where the smallest end: it is quicker than to sort them
MIN_SQUARED_NORM = 1e-24  # keeps a vector of zeros from dividing by zero; float32 can hold it


def require_metric(metric: str) -> None:
    """Raise ``ValueError`` unless the metric is one of `Metric`."""
    if metric not in get_args(Metric):
        raise ValueError(f"metric has to be cosine or euclidean, got {metric!r}")


def squared_norms(vectors: NDArray[Real]) -> NDArray[Real]:
    """Squared Euclidean norms [shape=(..., d)] -> [shape=(...)], in one pass and without a copy of the vectors."""
    return np.asarray(np.einsum("...d,...d->...", vectors, vectors))


def unit(vectors: NDArray[Real]) -> NDArray[Real]:
    """The vectors at unit length [shape=(..., d)]; zeros stay zeros."""
    norms = np.sqrt(np.maximum(squared_norms(vectors), MIN_SQUARED_NORM))
    return np.asarray(vectors / norms[..., None], vectors.dtype)


def paired(a: NDArray[Any], b: NDArray[Any], metric: Metric = "cosine") -> NDArray[np.float64]:
    """Distances of vectors to their counterparts, in double precision.

    Parameters
    ----------
    a, b : np.ndarray [shape=(..., d)]
        Leading axes broadcast: many vectors against one point, each row against its own neighbours.
    metric : ``cosine`` or ``euclidean``

    Returns
    -------
    distances : np.ndarray [shape=(...)]
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric == "euclidean":
        return np.sqrt(squared_norms(a - b))
    norms = np.sqrt(squared_norms(a)) * np.sqrt(squared_norms(b))
    cosine = np.einsum("...d,...d->...", a, b) / np.maximum(norms, MIN_SQUARED_NORM)
    return np.asarray(np.maximum(0.0, 1 - cosine))


def pairwise(vectors: NDArray[Any], metric: Metric = "cosine") -> NDArray[np.float64]:
    """Distances between all pairs [shape=(n, d)] -> [shape=(n, n)], in double precision; 0 on the diagonal."""
    v = vectors.astype(np.float64)
    if metric == "cosine":
        v = unit(v)
        found = 1 - v @ v.T
    else:
        squares = squared_norms(v)
        found = np.sqrt(np.maximum(squares[:, None] + squares - 2 * v @ v.T, 0))
    np.fill_diagonal(found, 0)
    return np.asarray(np.maximum(found, 0))


def rank_scores(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], squares: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32]:
    """Scores that sort as the distances of one query do, by one matrix product.

    Parameters
    ----------
    queries : np.ndarray [shape=(q, d)]
    vectors : np.ndarray [shape=(n, d)]
        Read once; may be a memory map.
    squares : np.ndarray [shape=(n,)]
        `squared_norms` of the vectors.

    Returns
    -------
    scores : np.ndarray [shape=(q, n)]
        `distances_from_scores` makes distances of them. Single precision: good to some 1e-6.
    """
    scores: NDArray[np.float32] = queries @ vectors.T
    if metric == "euclidean":
        scores *= -2
        scores += squares
    else:
        scores /= -np.sqrt(np.maximum(squares, np.float32(MIN_SQUARED_NORM)))
    return scores


def distances_from_scores(
    scores: NDArray[np.float32], queries: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32]:
    """`rank_scores` [shape=(q, n)] of queries [shape=(q, d)] -> distances [shape=(q, n)]."""
    squares = squared_norms(queries)[:, None]
    if metric == "euclidean":
        return np.asarray(np.sqrt(np.maximum(scores + squares, 0)))
    return np.asarray(np.maximum(1 + scores / np.sqrt(np.maximum(squares, np.float32(MIN_SQUARED_NORM))), 0))


def smallest(values: NDArray[Real], ids: NDArray[np.int64], k: int) -> NDArray[np.intp]:
    """The positions of the k smallest values [shape=(n,)], smallest first, equal ones in the order of their ids."""
    if k >= len(values):
        return np.lexsort((ids, values))
    near = np.flatnonzero(values <= _bound(values, k))
    if len(near) < k:
        near = np.flatnonzero(values <= np.partition(values, k - 1)[k - 1])
    found = near[np.argsort(values[near])]
    same = np.flatnonzero(np.diff(values[found]) == 0)
    if len(same):
        places = np.union1d(same, same + 1)
        equal = found[places]
        found[places] = equal[np.lexsort((ids[equal], values[equal]))]
    return found[:k]


def _bound(values: NDArray[Real], k: int) -> Any:
    """A number that most likely k values and not many more do not exceed, by a sample of them."""
    sample = values[::SAMPLED]
    rank = min(len(sample) - 1, k * 5 // (4 * SAMPLED) + 8)
    return np.partition(sample, rank)[rank]
