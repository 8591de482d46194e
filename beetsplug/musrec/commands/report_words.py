"""The part of `beet musrec-report` on how the library sounds: the words that it is full of, and those that are rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from musrec_core.words.tables import shares_of
from musrec_core.words.typical import divergence

from .report_html import Table

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from musrec_core.words.heads import Words

MOST_OF_GROUP = 3
LEAST_SHARE = 0.01  # of songs, for a word to be listed
MOST_UNUSUAL = 8
MUCH, LITTLE = 1.5, 0.5  # times the usual share
FEWEST = 50  # songs, of which it is worth comparing the shares with what is usual
RARE = 0.05  # what is usually rarer is not missed
NOTE = (
    "The share of songs that a word applies to: the mean of its probabilities. `usual` is an estimate for ordinary "
    "music, which the probabilities rest on."
)
FIND = "`beet ls sounds:WORD` lists songs with a word."


def tables(words: Words, vectors: ArrayLike) -> list[Table]:
    """How songs sound, by their embeddings [shape=(n, d)], n > 0: words of each group; and more or fewer than usual."""
    shares, usual = shares_of(words, vectors), np.asarray(words.shares, np.float64)
    found = [Table("How it sounds", ("", "songs", "usual"), _by_group(words, shares, usual), f"{NOTE} {FIND}")]
    if len(np.asarray(vectors)) < FEWEST:
        return found
    says = divergence(shares, usual)
    for title, which in (
        ("More than usual", shares >= MUCH * usual),
        ("Less than usual", (shares <= LITTLE * usual) & (usual >= RARE)),
    ):
        order = [k for k in np.argsort(-says, kind="stable").tolist() if which[k]][:MOST_UNUSUAL]
        rows = [(words.names[k], *_cells(shares[k], usual[k]), f"{shares[k] / usual[k]:.1f}x") for k in order]
        if rows:
            found.append(Table(title, ("", "songs", "usual", "times"), rows, ""))
    return found


def _by_group(words: Words, shares: NDArray[np.float64], usual: NDArray[np.float64]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for group in dict.fromkeys(words.groups):
        order = [k for k in np.argsort(-shares, kind="stable").tolist() if words.groups[k] == group]
        rows += [
            (f"{group}: {words.names[k]}", *_cells(shares[k], usual[k]))
            for k in order[:MOST_OF_GROUP]
            if shares[k] >= LEAST_SHARE
        ]
    return rows


def _cells(share: float, usual: float) -> tuple[str, str]:
    return f"{share:.0%}", f"{usual:.0%}"
