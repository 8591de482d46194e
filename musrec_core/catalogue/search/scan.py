"""The best rows of a dataset by any measure of their vectors, by one pass over it in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..dataset import Catalogue
from ..schema import ID, VECTOR, vectors_in
from ..sql import both
from .scope import Scope

Cost = Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]  # vectors [shape=(n, d)] -> what to rank by [(n,)]


class Candidate(NamedTuple):
    """A row: the lower its cost, the better; equal ones in the order of ids."""

    cost: float
    id: str
    vector: NDArray[np.float32]


def best_rows(catalogue: Catalogue, scope: Scope, cost: Cost, k: int) -> list[Candidate]:
    """The k rows of the lowest cost, lowest first; those whose cost is not finite are left out."""
    best: list[Candidate] = []
    bound = np.inf
    wanted = both(scope.where, f"{VECTOR} IS NOT NULL")
    for batch in catalogue.batches([ID, VECTOR], wanted, in_order=False):
        vectors = vectors_in(batch[VECTOR])
        costs = _costs(cost, vectors)
        near = np.flatnonzero(np.isfinite(costs) & (costs <= bound))
        if len(near) > k:
            near = near[costs[near] <= np.partition(costs[near], k - 1)[k - 1]]
        if not len(near):
            continue
        ids = batch[ID].take(pa.array(near)).to_pylist()
        best += map(Candidate, costs[near].tolist(), ids, vectors[near])
        best.sort(key=lambda row: row[:2])
        del best[k:]
        if len(best) == k:
            bound = best[-1].cost
    return best


def _costs(cost: Cost, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """What to rank vectors by [shape=(n,)]; not finite, and without a warning, where a vector is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(cost(vectors), np.float64)


def best_of(rows: Mapping[str, NDArray[np.float32]], cost: Cost, k: int) -> list[Candidate]:
    """The same among some rows: id -> vector."""
    if not rows:
        return []
    vectors = np.stack(list(rows.values()))
    costs = _costs(cost, vectors)
    found = map(Candidate, costs.tolist(), rows, vectors)
    return sorted((row for row in found if np.isfinite(row.cost)), key=lambda row: row[:2])[:k]
