"""Ranks songs by how well they answer a request for words, where others are ranked by their nearness to a vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..search.distance import smallest
from ..search.index import Metric, Neighbour, Ranker


class ScoreIndex:
    """A `Ranker` whose distances are one minus a score, whatever the vector that is asked about.

    Parameters
    ----------
    index : Ranker
        The songs.
    scores : np.ndarray [shape=(n,)]
        Of each song, 0 to 1.
    """

    def __init__(self, index: Ranker, scores: NDArray[np.floating[Any]]) -> None:
        self.ids, self.vectors = index.ids, index.vectors
        self._index, self._scores = index, np.asarray(scores, np.float32)
        if self._scores.shape != self.ids.shape:
            raise ValueError(f"got {self._scores.shape} scores for {self.ids.shape} songs")

    def __len__(self) -> int:
        return len(self.ids)

    def among(self, ids: Iterable[int]) -> ScoreIndex:
        """The part whose ids are in ``ids``."""
        part = self._index.among(ids)
        return ScoreIndex(part, self._scores[np.isin(self.ids, part.ids)])

    def query(self, queries: ArrayLike, k: int, *, metric: Metric = "cosine") -> list[list[Neighbour]]:
        """The k best, best first, once for each query; equal scores in the order of ids."""
        if k < 1:
            raise ValueError(f"k has to be 1 or more, got {k}")
        best = smallest(-self._scores, self.ids, k)
        return [self.take(best, query, metric=metric) for query in np.asarray(queries)]

    def distances(self, point: ArrayLike, *, metric: Metric = "cosine") -> NDArray[np.float32]:
        """One minus each song's score [shape=(n,)]."""
        return np.asarray(1 - self._scores, np.float32)

    def take(self, rows: ArrayLike, point: ArrayLike, *, metric: Metric = "cosine") -> list[Neighbour]:
        """The songs at some positions of ``ids``, in that order."""
        wanted = np.asarray(rows, np.int64)
        found = zip(self.ids[wanted].tolist(), (1 - self._scores[wanted]).tolist(), strict=True)
        return [Neighbour(id_, distance) for id_, distance in found]
