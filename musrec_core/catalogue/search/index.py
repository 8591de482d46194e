"""The index of a dataset: when it is worth one, building it and bringing it up to date.

It is Lance's IVF_RQ: the vectors lie in partitions around centroids (k-means), of which a search looks at some, and
each is kept as a code of 4 bits a dimension (RaBitQ: Gao and Long, "RaBitQ", SIGMOD 2024). The best by their codes are
compared once more by the vectors themselves. docs/scale.md says what it was compared with.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...errors import CatalogueError
from ..dataset import Catalogue, lance_errors
from ..schema import GENRE, HAS_VECTOR, ID, MODEL, STATUS, VECTOR
from .partitions import centroids_of, write_partitions

EXACT_ROWS = 100_000  # up to so many vectors a search compares all: some 40 ms on one core
PARTITION_ROWS = 4_096  # of which a partition holds so many, on average
FEWEST_PARTITIONS = 16
BITS = 4  # a dimension
GROWTH = 2.0  # times the rows that it was built from, after which it is built anew
NAME = "vector_idx"
SCALAR = {ID: "BTREE", STATUS: "BITMAP", MODEL: "BITMAP", GENRE: "BITMAP"}  # what conditions ask for most
_CONFIG = "musrec.index"  # what the index was built from: see `IndexOrigin`

os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")  # in an index's statistics: else Lance warns of it

Action = Literal["exact", "built", "updated", "current"]


@dataclass(frozen=True)
class IndexOrigin:
    """What an index was built from.

    Attributes
    ----------
    model : str
        Of the vectors.
    rows : int
        How many there were.
    partitions : int
    """

    model: str
    rows: int
    partitions: int


@dataclass(frozen=True)
class IndexState:
    """How a dataset's index stands.

    Attributes
    ----------
    built : IndexOrigin, or None
        None: there is none, or its building was interrupted.
    vectors : int
        In the dataset.
    unindexed : int
        Rows that a search compares one by one, as they are newer than the index.
    size : int
        Bytes of it.
    """

    built: IndexOrigin | None
    vectors: int
    unindexed: int
    size: int


@dataclass(frozen=True)
class IndexReport:
    """What `build` did: ``exact`` means that the dataset is too small to need an index."""

    action: Action
    seconds: float
    state: IndexState


def index_origin(catalogue: Catalogue) -> IndexOrigin | None:
    """What its index was built from; None where there is none that can be used."""
    stored = catalogue.lance.config().get(_CONFIG)
    if stored is None or NAME not in _index_names(catalogue):
        return None
    return IndexOrigin(**json.loads(stored))


def state_of(catalogue: Catalogue) -> IndexState:
    """How the index stands; counts the vectors."""
    vectors = catalogue.count(HAS_VECTOR)
    with lance_errors(catalogue.uri, "can't be read"):
        built = index_origin(catalogue)
        if built is None:
            return IndexState(None, vectors, vectors, 0)
        statistics = catalogue.lance.stats.index_stats(NAME)
        size = sum(each.total_size_bytes or 0 for each in catalogue.lance.describe_indices() if each.name == NAME)
    return IndexState(built, vectors, int(statistics["num_unindexed_rows"]), size)


def partitions_for(vectors: int) -> int:
    """The number of partitions for so many vectors."""
    return max(FEWEST_PARTITIONS, math.ceil(vectors / PARTITION_ROWS))


def build(
    catalogue: Catalogue,
    *,
    force: bool = False,
    exact_rows: int = EXACT_ROWS,
    partitions: int | None = None,
    progress: Callable[[str], object] = lambda stage: None,
) -> IndexReport:
    """Build the index, or bring it up to date; a dataset whose index is current is left as it is.

    It is built anew where there is none, where it was built from another model's vectors, or where the dataset has
    grown to twice the rows. Otherwise new rows are put into the partitions that are there. What is interrupted leaves
    the dataset as it was.

    Parameters
    ----------
    force : bool
        Build anew in any case.
    exact_rows : int
        Up to so many vectors none is built.
    partitions : int, optional
        By default so many that one holds 4,096 vectors.
    progress : callable, optional
        Is told what comes next: ``ids``, ``vectors`` ...

    Raises
    ------
    CatalogueError
        It can't be written.
    """
    begun = time.perf_counter()
    with lance_errors(catalogue.uri, "can't be indexed"):
        before = _state_before(catalogue, force=force)
        scalar = _build_scalar(catalogue, force, progress)
        action: Action = "updated" if scalar else "current"
        if before.built is None and before.vectors <= exact_rows and not force:
            action = "exact"
        elif force or _is_outgrown(before, catalogue.columns.model):
            progress("vectors")
            action = "built" if _build_vectors(catalogue, before.vectors, partitions) else "exact"
        elif before.unindexed:
            progress("new vectors")
            catalogue.lance.optimize.optimize_indices(index_names=[NAME])
            action = "updated"
    if action in ("built", "updated"):
        catalogue.clean()
    catalogue.refresh()
    return IndexReport(action, time.perf_counter() - begun, state_of(catalogue))


def _state_before(catalogue: Catalogue, *, force: bool) -> IndexState:
    """How the index stands. One that can't be read, as it is damaged, is dropped if it is to be built anew."""
    try:
        return state_of(catalogue)
    except CatalogueError:
        if not force:
            raise
        for name in _index_names(catalogue):
            catalogue.lance.drop_index(name)
        return state_of(catalogue)


def _is_outgrown(state: IndexState, model: str) -> bool:
    built = state.built
    return built is None or built.model != model or state.vectors > GROWTH * built.rows


def _build_vectors(catalogue: Catalogue, vectors: int, partitions: int | None) -> bool:
    """Build the vectors' index anew; False where there is no vector."""
    built = IndexOrigin(catalogue.columns.model, vectors, min(partitions or partitions_for(vectors), max(vectors, 1)))
    dataset = catalogue.lance
    centroids = centroids_of(dataset, built.partitions)
    if not len(centroids):
        return False
    with tempfile.TemporaryDirectory(prefix="musrec-index-") as scratch:
        assigned = Path(scratch) / "partitions.lance"
        write_partitions(dataset, centroids, assigned)
        dataset.create_index(
            VECTOR,
            "IVF_RQ",
            name=NAME,
            metric="cosine",
            replace=True,
            num_partitions=built.partitions,
            ivf_centroids=centroids.astype(np.float16),
            precomputed_partition_dataset=str(assigned),
            num_bits=BITS,
        )
    dataset.update_config({_CONFIG: json.dumps(vars(built))})
    return True


def _build_scalar(catalogue: Catalogue, force: bool, progress: Callable[[str], object]) -> bool:
    """Index the columns of `SCALAR`, or bring them up to date; whether there was something to do."""
    dataset, names = catalogue.lance, _index_names(catalogue)
    stale = []
    worked = False
    for column, kind in SCALAR.items():
        name = f"{column}_idx"
        if name not in names or force:
            progress(f"the column {column}")
            dataset.create_scalar_index(column, kind, name=name, replace=True)
            worked = True
        elif dataset.stats.index_stats(name)["num_unindexed_rows"]:
            stale.append(name)
    if stale:
        progress("new rows")
        dataset.optimize.optimize_indices(index_names=stale)
    return worked or bool(stale)


def _index_names(catalogue: Catalogue) -> set[str]:
    return {each.name for each in catalogue.lance.describe_indices()}
