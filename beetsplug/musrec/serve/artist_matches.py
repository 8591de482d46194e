"""Where two artists sound alike: an artist may have several sides, and be near to another one with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from musrec_core.search.index import VectorIndex

SIDES = 3  # of an artist, at most
SONGS = 3  # of a side
ROUNDS = 5  # of k-means


@dataclass(frozen=True)
class ArtistMatch:
    """A side of one artist, and the songs of another that are nearest to it."""

    distance: float  # of the songs of both that are nearest to each other, by cosine
    own: list[int]  # ids of songs, the nearest to the other artist first
    others: list[int]  # the same of the other artist


def matches(own: VectorIndex, others: VectorIndex) -> list[ArtistMatch]:
    """Where another artist is near to one, for each side of this one; the nearest first, and no song twice.

    Parameters
    ----------
    own, others : VectorIndex
        The songs of both, with unit vectors.
    """
    if not len(own) or not len(others):
        return []
    distances = 1 - own.vectors @ others.vectors.T
    found: list[ArtistMatch] = []
    left = np.ones(len(others), np.bool_)
    labels = sides(own.vectors)
    order = sorted(set(labels.tolist()), key=lambda side: float(distances[labels == side].min()))
    for side in order:
        if not left.any():
            break
        rows, columns = np.flatnonzero(labels == side), np.flatnonzero(left)
        part = distances[np.ix_(rows, columns)]
        near_rows, near_columns = (np.argsort(part.min(axis), kind="stable")[:SONGS] for axis in (1, 0))
        left[columns[near_columns]] = False
        found.append(
            ArtistMatch(
                float(part.min()), own.ids[rows[near_rows]].tolist(), others.ids[columns[near_columns]].tolist()
            )
        )
    return found


def sides(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """Which side of an artist each song is of: spherical k-means, begun from songs that are far from each other.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, d)]
        Of unit length, n > 0.

    Returns
    -------
    sides : np.ndarray [shape=(n,)]
        One side for each `SONGS` songs, up to `SIDES`.
    """
    centres = vectors[:1]
    for _ in range(1, min(SIDES, -(-len(vectors) // SONGS))):
        centres = np.vstack([centres, vectors[(vectors @ centres.T).max(1).argmin()]])
    for _ in range(ROUNDS):
        labels = (vectors @ centres.T).argmax(1)
        sums = np.stack([vectors[labels == side].sum(0) for side in range(len(centres))])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), centres)
    return (vectors @ centres.T).argmax(1)
