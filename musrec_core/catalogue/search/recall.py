"""How well the index of a dataset finds: recall against exact search, for tracks of the dataset itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...errors import CatalogueError
from ..dataset import Catalogue
from .lookup import drawn_ids
from .search import Searcher

ASKED, COUNT = 200, 20
NORMAL = 1.96  # standard errors, of an interval that holds the mean with 95 %


@dataclass(frozen=True)
class Recall:
    """The share of the exact nearest tracks that the index finds.

    Attributes
    ----------
    mean, low, high : float
        Over the tracks asked about, and the interval that holds the mean over all tracks with 95 %.
    asked, count : int
        So many tracks were asked about, for so many nearest each.
    """

    mean: float
    low: float
    high: float
    asked: int
    count: int


def measure_recall(catalogue: Catalogue, asked: int = ASKED) -> Recall:
    """Ask about tracks drawn at random, by the index and exactly; raises `CatalogueError` where there is no index.

    Parameters
    ----------
    asked : int >= 2
        Tracks; fewer where there are fewer. With 200 the interval is about 1 % wide.
    """
    searcher = Searcher(catalogue, exact_rows=0)
    if searcher.scopes.index is None:
        raise CatalogueError(f"{catalogue.uri} has no index of its model's vectors: the command index builds one")
    ids = drawn_ids(catalogue, asked)
    found = searcher.similar_each(ids, count=COUNT)
    exact = searcher.similar_each(ids, count=COUNT, exact=True)
    shares = []
    for some, all_ in zip(found, exact, strict=True):
        if all_:
            shares.append(len({match.id for match in some} & {match.id for match in all_}) / len(all_))
    if not shares:
        raise CatalogueError("no track has a neighbour to find")
    mean, n = float(np.mean(shares)), len(shares)
    error = NORMAL * float(np.std(shares, ddof=1)) / math.sqrt(n) if n > 1 else 1.0
    return Recall(mean, max(0.0, mean - error), min(1.0, mean + error), n, COUNT)
