"""The few words that say most of a song, chosen for many songs at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
LEAST = 0.5  # the least probability of a word
MOST, MOST_OF_GROUP = 6, 3  # words, in all and of one group


def typical_rows(
    probabilities: NDArray[np.float32], shares: NDArray[np.float32], groups: Sequence[str]
) -> list[list[int]]:
    """The positions of the words that say most of each song, the likeliest first.

    Of those that are likelier than not (`LEAST`), the ones by which a song differs most from ordinary music: by the
    Kullback-Leibler divergence of a word's probability from its share. First one of each group, then others, up to
    `MOST` in all and `MOST_OF_GROUP` of a group: else it would be rock, hard rock, alternative, metal, punk.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(m, n)]
        Of n words for m songs.
    shares : np.ndarray [shape=(n,)]
        Of ordinary music that each word applies to.
    groups : sequence of str
        Of each word.
    """
    p = probabilities.astype(np.float64)
    says = divergence(p, shares)
    return [_chosen(np.flatnonzero(row >= LEAST), row, worth, groups) for row, worth in zip(p, says, strict=True)]


def divergence(p: ArrayLike, q: ArrayLike) -> Floats:
    """The Kullback-Leibler divergence of probabilities from usual ones [shape=(..., n) both]: how much they say."""
    here, usual = (np.clip(np.asarray(each, np.float64), 1e-6, 1 - 1e-6) for each in (p, q))
    return np.asarray(here * np.log(here / usual) + (1 - here) * np.log((1 - here) / (1 - usual)))


def _chosen(likely: NDArray[np.intp], p: Floats, says: Floats, groups: Sequence[str]) -> list[int]:
    """The words of one song, of those that are likely."""
    order = likely[np.argsort(-says[likely], kind="stable")].tolist()
    chosen: list[int] = []
    for most in (1, MOST_OF_GROUP):
        for k in order:
            if len(chosen) < MOST and k not in chosen and sum(groups[j] == groups[k] for j in chosen) < most:
                chosen.append(k)
    return sorted(chosen, key=lambda k: -p[k])
