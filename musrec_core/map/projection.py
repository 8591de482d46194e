"""Embeddings -> a map in two dimensions, by t-SNE."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..search.distance import rank_scores, squared_norms

Progress = Callable[[float], None]  # takes the share that is done, 0 to 1

LANDMARKS = 10_000  # songs that t-SNE places itself; the others go between those they are near
NEAREST_LANDMARKS = 5  # that a song is placed between
PERPLEXITY = 30.0  # songs whose nearness t-SNE keeps for each
MAX_ITERATIONS = 500
MIN_TSNE_SONGS = 10  # fewer have too few neighbours for t-SNE, and the two widest axes show them
BATCH = 2_000  # songs placed at a time

_ITERATION = re.compile(r"Iteration (\d+)")


def project(
    vectors: ArrayLike, *, landmarks: int = LANDMARKS, seed: int = 0, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Vectors -> places in the plane [shape=(n, 2)], the larger side from -1 to 1.

    t-SNE (van der Maaten and Hinton 2008) from a start on the two widest principal axes, so that the whole keeps its
    shape. Of a large library t-SNE places ``landmarks`` songs picked at random; each other song goes to the mean of its
    nearest ones (`NEAREST_LANDMARKS`), weighted by nearness. The same vectors and seed give the same map on the same
    machine: one thread, since several would add up in any order.

    Parameters
    ----------
    vectors : array-like [shape=(n, d)], n >= 3, d >= 2
        Finite.
    landmarks : int
    seed : int
    progress : callable, optional
        Called now and then with the share that is done.

    Raises
    ------
    ValueError
        The shape does not fit, or a number is not finite.
    """
    v = np.asarray(vectors, np.float32)
    if v.ndim != 2 or len(v) < 3 or v.shape[1] < 2:
        raise ValueError(f"got vectors of shape {v.shape}, wanted (n, d) with at least 3 and 2")
    if not np.isfinite(v).all():
        raise ValueError("a vector is not finite")
    if len(v) < MIN_TSNE_SONGS:
        return _scaled(_principal(v))
    tell = progress or (lambda share: None)
    if len(v) <= landmarks:
        return _scaled(_tsne(v, seed, tell))
    chosen = np.sort(np.random.default_rng(seed).choice(len(v), landmarks, replace=False))
    places = _tsne(v[chosen], seed, lambda share: tell(0.9 * share))
    return _scaled(_between(v, chosen, places, lambda share: tell(0.9 + 0.1 * share)))


def _principal(v: NDArray[np.float32]) -> NDArray[np.float32]:
    """The two widest principal axes [shape=(n, 2)]; each points to where its largest weight is positive."""
    centred = v.astype(np.float64) - v.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    widest = axes[:, :-3:-1]
    signs = np.sign(widest[np.abs(widest).argmax(axis=0), [0, 1]])
    return np.asarray(centred @ (widest * signs), np.float32)


def _tsne(v: NDArray[np.float32], seed: int, tell: Progress) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = _principal(v)
    spread = float(start[:, 0].std())
    if spread < 1e-6:  # all songs alike
        return start
    perplexity = min(PERPLEXITY, (len(v) - 1) / 3)
    model = TSNE(
        init=start * (1e-4 / spread), perplexity=perplexity, max_iter=MAX_ITERATIONS, random_state=seed, verbose=2
    )
    with threadpool_limits(1), contextlib.redirect_stdout(_IterationReader(lambda done: tell(done / MAX_ITERATIONS))):
        return np.asarray(model.fit_transform(v), np.float32)


class _IterationReader(io.TextIOBase):
    """Reads t-SNE's report of its iterations; scikit-learn gives no other sign of progress."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> int:
        if found := _ITERATION.search(text):
            self._tell(int(found[1]))
        return len(text)


def _between(
    v: NDArray[np.float32], chosen: NDArray[np.int64], places: NDArray[np.float32], tell: Progress
) -> NDArray[np.float32]:
    """Put every song between its nearest landmarks; a landmark stays where it is."""
    landmarks = v[chosen]
    squares = squared_norms(landmarks)
    out = np.empty((len(v), 2), np.float32)
    for first in range(0, len(v), BATCH):
        part = v[first : first + BATCH]
        scores = rank_scores(part, landmarks, squares, "euclidean")
        squared_distances = np.maximum(scores + squared_norms(part)[:, None], 0)
        near = np.argpartition(squared_distances, NEAREST_LANDMARKS - 1, axis=1)[:, :NEAREST_LANDMARKS]
        weights = 1 / (np.take_along_axis(squared_distances, near, axis=1) + 1e-6) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        out[first : first + BATCH] = np.einsum("nk,nkc->nc", weights, places[near])
        tell(min(1.0, (first + BATCH) / len(v)))
    out[chosen] = places
    return out


def _scaled(places: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = places.min(axis=0), places.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-12)
    return np.asarray((places - (low + high) / 2) / half, np.float32)
