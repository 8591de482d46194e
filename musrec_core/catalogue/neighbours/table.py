"""The folder of a neighbour table: Parquet parts, what they were made for, and the mark that all are there."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...errors import CatalogueError
from .nearest import NOBODY, Found
from .out_folder import OutFolder

REQUEST, CELLS, SUCCESS = "_request.json", "_cells.npz", "_SUCCESS"  # readers of Parquet folders skip the underscore
_PART = "part-{:05d}.parquet"


@dataclass(frozen=True)
class NeighbourTable:
    """A table; may be pickled.

    Attributes
    ----------
    folder : OutFolder
    lists : bool
        One row a track, ``id``, ``neighbours`` and ``distances``; else one a neighbour: ``id``, ``rank`` from 1,
        ``neighbour`` and ``distance``.
    """

    folder: OutFolder
    lists: bool = False

    def prepare(self, request: Mapping[str, Any], *, overwrite: bool) -> None:
        """Make the folder, or see what is in it; raises `CatalogueError` unless that is of the same request."""
        if self.folder.is_file:
            raise CatalogueError(f"{self.folder} is a file: name a folder")
        names = self.folder.names()
        if names and REQUEST not in names:
            raise CatalogueError(f"{self.folder} holds something else: name a new or an empty folder")
        if REQUEST in names:
            differs = self._differs(request)
            if not differs:
                return
            if not overwrite:
                raise CatalogueError(
                    f"{self.folder} holds neighbours of another request ({differs}): "
                    "name another folder, or --overwrite it"
                )
            # What marks it as ours goes last: a killed driver leaves a folder that can still be overwritten.
            for name in [SUCCESS, *sorted(_numbered(names).values()), CELLS]:
                if name in names:
                    self.folder.delete(name)
        self.folder.make()
        self.folder.write(REQUEST, json.dumps(dict(request), indent=1, ensure_ascii=False).encode())

    def _differs(self, request: Mapping[str, Any]) -> str:
        """What is different in the request of which the folder is; empty if nothing is."""
        try:
            found = dict(json.loads(self.folder.read(REQUEST)))
        except (ValueError, TypeError):
            return f"{REQUEST} can't be read"
        names = [name for name in request if found.get(name) != request[name]]
        return ", ".join(f"{name} {found.get(name)}, not {request[name]}" for name in names)

    def damaged(self, name: str) -> CatalogueError:
        """What to raise where one of its files can't be understood."""
        return CatalogueError(f"{name} in {self.folder} is damaged: delete the folder, or name another one")

    def parts(self) -> set[int]:
        """The numbers of the parts that are there."""
        return set(_numbered(self.folder.names()))

    def write_part(self, number: int, ids: pa.Array, ranks: NDArray[np.int64], found: Found) -> None:
        """Write one part, of some tracks, in the order of their ids."""
        order = np.argsort(ranks)
        near, distances = found.ranks[order], found.distances[order]
        counts = (near != NOBODY).sum(axis=1)
        neighbours, lengths = ids.take(pa.array(near[near != NOBODY])), pa.array(distances[near != NOBODY])
        if self.lists:
            offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
            columns = {
                "id": ids.take(pa.array(ranks[order])),
                "neighbours": pa.ListArray.from_arrays(offsets, neighbours.cast(pa.string())),
                "distances": pa.ListArray.from_arrays(offsets, lengths),
            }
        else:
            places = np.arange(len(neighbours)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
            columns = {
                "id": ids.take(pa.array(np.repeat(ranks[order], counts))),
                "rank": pa.array(places.astype(np.int32)),
                "neighbour": neighbours,
                "distance": lengths,
            }
        table = pa.table(columns)
        plain = [pa.field(f.name, pa.string()) if pa.types.is_large_string(f.type) else f for f in table.schema]
        file = io.BytesIO()
        pq.write_table(table.cast(pa.schema(plain)), file, compression="zstd", use_dictionary=["id", "neighbour"])
        self.folder.write(_PART.format(number), file.getvalue())

    def distances_of(self, ids: list[str], parts: list[int]) -> list[NDArray[np.float32]]:
        """The neighbours' distances of some tracks, each from its part."""
        found: dict[str, list[float]] = {}
        for part in sorted(set(parts)):
            wanted = [id_ for id_, number in zip(ids, parts, strict=True) if number == part]
            found.update(self._distances_in(part, wanted))
        return [np.array(found.get(id_, []), np.float32) for id_ in ids]

    def _distances_in(self, part: int, ids: list[str]) -> dict[str, list[float]]:
        name = "distances" if self.lists else "distance"
        content = pa.BufferReader(self.folder.read(_PART.format(part)))
        table = pq.read_table(content, columns=["id", name], filters=[("id", "in", ids)])
        found: dict[str, list[float]] = {}
        for id_, value in zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True):
            found.setdefault(id_, []).extend(value if self.lists else [value])
        return found


def _numbered(names: set[str]) -> dict[int, str]:
    """Number and name of the parts among some files."""
    numbers = {name: name.removeprefix("part-").removesuffix(".parquet") for name in names}
    return {int(n): name for name, n in numbers.items() if n.isdecimal() and name == _PART.format(int(n))}
