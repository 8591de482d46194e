"""Vectors -> a map: a point in the plane for each song, near songs near, and a colour for each."""

from __future__ import annotations

import contextlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Progress = Callable[[float], None]  # takes the share that is done, 0 to 1

LANDMARKS = 10_000  # songs that t-SNE places itself; the others go between those they are near
NEAR = 5  # landmarks that place a song
PERPLEXITY = 30.0  # songs whose nearness t-SNE keeps for each
ROUNDS = 500
SMALLEST = 10  # songs; fewer have too few neighbours for t-SNE, and the two widest axes show them
PART = 2_000  # songs placed at a time

_ROUND = re.compile(r"Iteration (\d+)")


def project(
    vectors: ArrayLike, *, landmarks: int = LANDMARKS, seed: int = 0, progress: Progress | None = None
) -> NDArray[np.float32]:
    """Vectors -> places in the plane [shape=(n, 2)], the larger side from -1 to 1.

    t-SNE (van der Maaten and Hinton 2008) from a start on the two widest principal axes, so that the whole keeps its
    shape. Of a large library t-SNE places ``landmarks`` songs picked at random; each other song goes to the mean of its
    `NEAR` nearest landmarks, weighted by nearness. The same vectors and seed give the same map on the same machine: one
    thread, since the order in which many add up is left to chance.

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
    if len(v) < SMALLEST:
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
    model = TSNE(init=start * (1e-4 / spread), perplexity=perplexity, max_iter=ROUNDS, random_state=seed, verbose=2)
    with threadpool_limits(1), contextlib.redirect_stdout(_Rounds(lambda done: tell(done / ROUNDS))):
        return np.asarray(model.fit_transform(v), np.float32)


class _Rounds(io.TextIOBase):
    """Reads t-SNE's report of its rounds; scikit-learn tells them in no other way."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell

    def write(self, text: str) -> int:
        if found := _ROUND.search(text):
            self._tell(int(found[1]))
        return len(text)


def _between(
    v: NDArray[np.float32], chosen: NDArray[np.int64], places: NDArray[np.float32], tell: Progress
) -> NDArray[np.float32]:
    """Put every song between its nearest landmarks; a landmark stays where it is."""
    landmarks = v[chosen]
    squares = np.einsum("nd,nd->n", landmarks, landmarks)
    out = np.empty((len(v), 2), np.float32)
    for first in range(0, len(v), PART):
        part = v[first : first + PART]
        d2 = np.maximum(squares - 2 * part @ landmarks.T + np.einsum("nd,nd->n", part, part)[:, None], 0)
        near = np.argpartition(d2, NEAR - 1, axis=1)[:, :NEAR]
        weights = 1 / (np.take_along_axis(d2, near, axis=1) + 1e-6) ** 2
        weights /= weights.sum(axis=1, keepdims=True)
        out[first : first + PART] = np.einsum("nk,nkc->nc", weights, places[near])
        tell(min(1.0, (first + PART) / len(v)))
    out[chosen] = places
    return out


def _scaled(places: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = places.min(axis=0), places.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-12)
    return np.asarray((places - (low + high) / 2) / half, np.float32)


# Colours.

# Found by a search from Okabe and Ito's colours (2008), which are too pale on white: each at least 3:1 from its ground
# (WCAG 1.4.11), no two alike to people without red or without green cones. A test holds them to both.
LIGHT = ("#1353b0", "#ff3926", "#067f59", "#a24c9b", "#607d04", "#1b97dd", "#6e1149")
DARK = ("#4b8fef", "#ff7a2e", "#23d295", "#ff88c7", "#f0e442", "#69e6ff", "#a8444f")
UNTOLD_LIGHT = {"other": "#868c95", "none": "#b4b9c0"}
UNTOLD_DARK = {"other": "#7c828c", "none": "#525861"}
SCALE_LIGHT = ("#00204d", "#31446b", "#666870", "#958f78", "#b8a03c")  # cividis, without its ends that meet the ground
SCALE_DARK = ("#4a63a0", "#6d7a9c", "#958f78", "#cab969", "#ffea46")


@dataclass(frozen=True)
class Colouring:
    """What the songs are coloured by.

    Attributes
    ----------
    name : str
        The field.
    labels : tuple of str
        Of text: the most frequent values, the most frequent first. Of numbers: what the two ends of the scale say.
    values : tuple
        For each song: of text, the place in ``labels``, -1 for another value and None for none; of numbers, 0 to 1
        along the scale, or None where it is not known.
    numeric : bool
    """

    name: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    numeric: bool


def by_text(name: str, values: Sequence[str]) -> Colouring:
    """Colour by the most frequent values; an empty one is no value."""
    counts = Counter(value for value in values if value)
    top = [value for value, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: len(LIGHT)]]
    places = {value: place for place, value in enumerate(top)}
    return Colouring(name, tuple(top), tuple(places.get(value, -1) if value else None for value in values), False)


def by_number(
    name: str, values: Sequence[float | None], show: Callable[[float], str] = lambda number: f"{number:g}"
) -> Colouring:
    """Colour along a scale; its ends leave out one song in fifty, so that one odd year does not flatten the rest."""
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return Colouring(name, ("", ""), (None,) * len(values), True)
    low, high = np.percentile(known, [2, 98], method="nearest")
    shares = np.clip((numbers - low) / (high - low), 0, 1) if high > low else np.where(np.isnan(numbers), np.nan, 0.5)
    rounded = tuple(None if np.isnan(share) else round(float(share), 3) for share in shares)
    return Colouring(name, (show(float(low)), show(float(high))), rounded, True)


def parts(colouring: Colouring) -> Iterator[tuple[int | None, str, int]]:
    """A legend of texts: value, label and number of songs of the frequent ones, then of ``other`` and of ``none``."""
    counts = Counter(colouring.values)
    for place, label in enumerate(colouring.labels):
        yield place, label, counts[place]
    for value, label in ((-1, "other"), (None, "none")):
        if counts[value]:
            yield value, label, counts[value]
