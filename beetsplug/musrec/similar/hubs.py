"""The library's hubs: songs that are among the nearest of most others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from beets.ui import UserError

from musrec_core.search import hubness, knn

from .. import progress
from ..library import coverage, sql
from .arguments import resolved
from .criteria import default_metric
from .option import Use

if TYPE_CHECKING:
    from collections.abc import Collection

    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.search.index import Metric, VectorIndex

    from ..config import SimilarSettings
    from ..library.vectors import VectorStore
    from .options import SimilarOptions

K = 10


@dataclass(frozen=True)
class Hubs:
    """Songs by how often they are among the nearest of others, and what that looks like over the whole library.

    Attributes
    ----------
    songs : list of (int, Item)
        Each with its k-occurrence, the largest first.
    total : int
        Songs in the index.
    k : int
        Neighbours that were counted of each song.
    skewness : float
        Of the k-occurrence; 0 where there are no hubs.
    share_never : float
        The share of songs that are nobody's neighbour.
    """

    songs: list[tuple[int, Item]]
    total: int
    k: int
    skewness: float
    share_never: float


class HubFinder:
    """Finds hubs.

    Parameters
    ----------
    settings : SimilarSettings
    vectors : VectorStore
    log : BeetsLogger
    """

    def __init__(self, settings: SimilarSettings, vectors: VectorStore, log: BeetsLogger) -> None:
        self._settings, self._vectors, self._log = settings, vectors, log

    def find(self, lib: Library, options: SimilarOptions, args: list[str]) -> Hubs:
        """The songs with the largest k-occurrence; with a query, among those that it matches. Raises `UserError`."""
        options = resolved(options, self._settings, Use.HUBS)
        space = options.space or "embedding"
        snapshot = self._vectors.get(lib, space)
        configured = self._vectors.models.configured.model_id
        coverage.require_current(snapshot.counts, snapshot.card.model_id, configured, self._log)
        wanted = set(sql.matching(lib, args)) if args else None
        return _count(lib, snapshot.index, wanted, options.count or 0, options.metric or default_metric(space))


def _count(lib: Library, index: VectorIndex, wanted: Collection[int] | None, count: int, metric: Metric) -> Hubs:
    if len(index) < 2:
        raise UserError("hubs need two embedded songs or more")
    with progress.bar(len(index), unit=" songs") as bar:
        found = knn.neighbourhoods(index, K, metric=metric, progress=bar.update)
    occurrences = hubness.occurrences(found.rows, len(index))
    ranked = np.lexsort((index.ids, -occurrences)).tolist()
    rows = [row for row in ranked if wanted is None or int(index.ids[row]) in wanted][:count]
    by_id = {int(index.ids[row]): int(occurrences[row]) for row in rows}
    return Hubs(
        songs=[(by_id[sql.id_of(item)], item) for item in sql.items_of(lib, by_id)],
        total=len(index),
        k=found.rows.shape[1],
        skewness=hubness.skewness(occurrences),
        share_never=hubness.share_never(occurrences),
    )
