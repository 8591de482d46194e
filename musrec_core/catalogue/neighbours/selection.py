"""The embedded tracks of one version of a dataset, numbered by their ids, and their vectors, read block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray

from ...errors import CatalogueError
from ..dataset import Catalogue, condition_errors, lance_errors
from ..schema import ID, VECTOR
from ..sql import both, condition
from ..storage.filesystems import scheme_of
from .nearest import Shard

BLOCK_ROWS, MOST_SHARDS = 16_384, 100  # rows of a shard, about, or more where there would be more shards
_ADDRESS = "_rowaddr"


@dataclass(frozen=True)
class Source:
    """What tasks need to read the tracks; may be pickled."""

    uri: str
    version: int
    where: str
    options: Mapping[str, str]

    def open(self) -> lance.LanceDataset:
        """The dataset; raises `CatalogueError`."""
        with lance_errors(self.uri, f"can't be read in version {self.version}"):
            try:
                return lance.dataset(self.uri, version=self.version, storage_options=dict(self.options))
            except ValueError as error:
                if "not found" not in str(error):
                    raise
                raise CatalogueError(
                    f"version {self.version} of {self.uri} is gone, as it was compacted meanwhile: run this again"
                ) from None


@dataclass(frozen=True, eq=False)
class Block:
    """Some fragments, the ranks of their tracks in the order in which they are read, and the sizes of its shards."""

    fragments: tuple[int, ...]
    ranks: NDArray[np.int64]
    first_shard: int
    shards: int


@dataclass(frozen=True, eq=False)
class Selection:
    """The tracks that are compared.

    Attributes
    ----------
    source : Source
    ids : pa.LargeStringArray [n]
        Ascending: a track's place is its rank.
    blocks : list of Block
    further : dict of str to pa.Array [n]
        Further columns, by rank.
    """

    source: Source
    ids: pa.LargeStringArray
    blocks: list[Block]
    further: dict[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, names: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
        """Columns of all tracks, a batch at a time, with the ranks of its rows."""
        dataset = self.source.open()
        for block in self.blocks:
            at = 0
            for batch in _scan(dataset, block.fragments, names, self.source.where):
                yield block.ranks[at : at + batch.num_rows], batch
                at += batch.num_rows


def select(catalogue: Catalogue, where: str | None, further: Sequence[str] = ()) -> Selection:
    """The tracks that have an embedding of the dataset's model, and fulfil a condition.

    Their ids are held in memory: 40 bytes a track, 0.4 GB for 10 million.

    Raises
    ------
    CatalogueError
        The condition can't be used, or a column is missing.
    """
    catalogue.require_columns(further)
    wanted = both(catalogue.embedded, condition(where)) or catalogue.embedded
    dataset, names = catalogue.lance, list(dict.fromkeys([ID, *further]))
    source = Source(_absolute(catalogue.uri), int(dataset.version), wanted, catalogue.storage_options)
    with condition_errors(where, catalogue.uri):
        scanner = dataset.scanner(columns=names, filter=wanted, with_row_address=True, scan_in_order=True)
        table = scanner.to_table()
    ids = pc.cast(table[ID], pa.large_string()).combine_chunks()
    order = pc.sort_indices(ids).to_numpy()
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    fragments = (table[_ADDRESS].to_numpy() >> np.uint64(32)).astype(np.int64)
    columns = {name: table[name].combine_chunks().take(pa.array(order)) for name in further}
    return Selection(source, ids.take(pa.array(order)), _blocks(fragments, ranks), columns)


def _absolute(uri: str) -> str:
    """A dataset's place as tasks take it, whose working folder is another."""
    return os.path.abspath(uri) if scheme_of(uri) is None else uri


def _blocks(fragments: NDArray[np.int64], ranks: NDArray[np.int64]) -> list[Block]:
    """Fragments, in order, small ones together; a large one gives several shards."""
    size = max(BLOCK_ROWS, -(-len(fragments) // MOST_SHARDS))
    numbers, starts = np.unique(fragments, return_index=True)
    ends = np.append(starts[1:], len(fragments)) if len(numbers) else starts
    blocks: list[Block] = []
    some: list[int] = []
    first = shards = 0
    for number, end in zip(numbers.tolist(), ends.tolist(), strict=True):
        some.append(number)
        if end - first >= size or end == len(fragments):
            n = max(1, round((end - first) / size))
            blocks.append(Block(tuple(some), ranks[first:end], shards, n))
            some, first, shards = [], end, shards + n
    return blocks


def _scan(
    dataset: lance.LanceDataset, fragments: Sequence[int], names: Sequence[str], where: str
) -> Iterator[pa.RecordBatch]:
    parts = [dataset.get_fragment(number) for number in fragments]
    with condition_errors(None):
        yield from dataset.scanner(columns=list(names), filter=where, fragments=parts, scan_in_order=True).to_batches()


def load(source: Source, block: Block) -> Shard | tuple[Shard, ...]:
    """A block's vectors, each shard as one cell; a task. Vectors that are not finite are left out."""
    batches = _scan(source.open(), block.fragments, [VECTOR], source.where)
    parts = [_as_vectors(batch.column(0)) for batch in batches]
    vectors = np.concatenate(parts)
    if len(vectors) != len(block.ranks):
        raise CatalogueError(f"{source.uri} has changed in version {source.version}")
    usable = np.isfinite(vectors).all(axis=1)
    vectors, ranks = vectors[usable], block.ranks[usable]
    bounds = np.linspace(0, len(ranks), block.shards + 1).astype(int).tolist()
    shards = tuple(
        Shard.of_cell(block.first_shard + i, ranks[bounds[i] : bounds[i + 1]], vectors[bounds[i] : bounds[i + 1]])
        for i in range(block.shards)
    )
    return shards if block.shards > 1 else shards[0]  # as Ray wants it of one and of several results


def _as_vectors(column: pa.FixedSizeListArray) -> NDArray[np.float16]:
    """A column of vectors [shape=(n, d)]; NaN where there is none."""
    found = np.full((len(column), column.type.list_size), np.nan, np.float16)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    found[valid] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)
    return found


def load_shards(selection: Selection) -> list[Any]:
    """References to all shards, which tasks load in parallel; an object store holds them: 264 bytes a track of 128."""
    task = ray.remote(load)
    source = ray.put(selection.source)
    shards: list[Any] = []
    for block in selection.blocks:
        given = task.options(num_returns=block.shards).remote(source, block)
        shards.extend(given if block.shards > 1 else [given])
    return shards
