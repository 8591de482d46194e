"""The partitions of an index: centroids by k-means on a sample, and the partition of each vector.

Lance can find both, but computes with the vectors' float16, which processors emulate: on a million vectors that took
ten times as long as float32 does here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...search.distance import unit
from ..schema import VECTOR, vectors_in

ITERATIONS = 10  # of k-means
SAMPLE = 64  # vectors a partition, by which the centroids are found
ROWS = 32_768  # read at once
PRODUCTS = 20_000_000  # of vectors and centroids in memory at once
PRESENT = f"{VECTOR} IS NOT NULL"
_ASSIGNED = pa.schema([pa.field("row_id", pa.uint64()), pa.field("partition", pa.uint32())])  # as Lance wants it

Vectors = NDArray[np.float32]


def centroids_of(dataset: lance.LanceDataset, partitions: int) -> Vectors:
    """Centroids of a dataset's vectors [shape=(partitions, d)], the same each time; none where no vector is finite.

    Spherical k-means (Dhillon and Modha, "Concept decompositions", Machine Learning 42, 2001): on vectors of unit
    length, the means have unit length, too, and the nearest is that of the greatest product.
    """
    rng = np.random.default_rng(0)
    sample = _sample(dataset, SAMPLE * partitions, rng)
    if not len(sample):
        return sample
    centroids = sample[rng.choice(len(sample), partitions, replace=len(sample) < partitions)]
    for _ in range(ITERATIONS):
        nearest = assigned(sample, centroids)
        order = np.argsort(nearest, kind="stable")
        present, first = np.unique(nearest[order], return_index=True)
        centroids[present] = unit(np.add.reduceat(sample[order], first, axis=0))
        empty = np.setdiff1d(np.arange(partitions), present)
        centroids[empty] = sample[rng.choice(len(sample), len(empty))]
    return centroids


def assigned(vectors: Vectors, centroids: Vectors) -> NDArray[np.uint32]:
    """The number of the nearest centroid of each vector [shape=(n,)]."""
    step = max(1, PRODUCTS // len(centroids))
    parts = [np.argmax(vectors[n : n + step] @ centroids.T, axis=1) for n in range(0, len(vectors), step)]
    return np.concatenate([np.zeros(0, np.uint32), *parts]).astype(np.uint32)


def write_partitions(dataset: lance.LanceDataset, centroids: Vectors, folder: Path) -> None:
    """Write the partition of each row that has a vector as Lance's ``precomputed_partition_dataset`` wants it."""

    def batches() -> Iterator[pa.RecordBatch]:
        scanner = dataset.scanner(columns=[VECTOR], filter=PRESENT, with_row_id=True, batch_size=ROWS)
        for batch in scanner.to_batches():
            numbers = assigned(vectors_in(batch[VECTOR]), centroids)
            yield pa.RecordBatch.from_arrays([batch["_rowid"], pa.array(numbers)], schema=_ASSIGNED)

    reader = pa.RecordBatchReader.from_batches(_ASSIGNED, batches())
    lance.write_dataset(reader, str(folder), schema=_ASSIGNED, max_rows_per_file=dataset.count_rows() + 1)  # one file


def _sample(dataset: lance.LanceDataset, most: int, rng: np.random.Generator) -> Vectors:
    """Some of the dataset's vectors, drawn at random [shape=(n, d)]."""
    rows = dataset.count_rows()
    vectors = max(1, dataset.count_rows(PRESENT))
    wanted = -(-most * rows // vectors)  # so many that about `most` have a vector
    numbers = np.arange(rows) if wanted >= rows else np.unique(rng.integers(rows, size=wanted))
    drawn = dataset.take(numbers.tolist(), columns=[VECTOR])[VECTOR].combine_chunks().drop_null()
    found = vectors_in(drawn)
    return found[np.isfinite(found).all(axis=1)]
