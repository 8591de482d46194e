"""The folder of a neighbour table: Parquet parts, what they were made for, and the mark that all are there."""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from .._files import atomic_write
from ..errors import CatalogueError
from .dataset import sentence
from .filesystems import local_path, open_filesystem, scheme_of, shown
from .nearest import NOBODY, Found

REQUEST, CELLS, SUCCESS = "_request.json", "_cells.npz", "_SUCCESS"  # readers of Parquet folders skip the underscore
_PART = "part-{:05d}.parquet"


@dataclass(frozen=True)
class NeighbourTable:
    """A folder, local or by URL; may be pickled.

    Attributes
    ----------
    out : str
        Its path, absolute where it is local, or URL.
    lists : bool
        One row a track, ``id``, ``neighbours`` and ``distances``; else one a neighbour: ``id``, ``rank`` from 1,
        ``neighbour`` and ``distance``.
    options : mapping
        Of its storage.
    """

    out: str
    lists: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, out: str, *, lists: bool = False, options: Mapping[str, str] | None = None) -> NeighbourTable:
        """That of a path or URL."""
        local = local_path(out)
        place = out.rstrip("/") if local is None else os.path.abspath(local)
        return cls(place, lists, dict(options or {}))

    def prepare(self, request: Mapping[str, Any], *, overwrite: bool) -> None:
        """Make the folder, or see what is in it; raises `CatalogueError` unless that is of the same request."""
        with self._told("written"):
            files, path = self._files()
            info = files.get_file_info(path)
            if info.type == fs.FileType.File:
                raise CatalogueError(f"{shown(self.out)} is a file: name a folder")
            names = self._names()
            if names and REQUEST not in names and not (overwrite and names <= {CELLS, SUCCESS}):
                raise CatalogueError(f"{shown(self.out)} holds something else: name a new or an empty folder")
            if REQUEST in names and (said := self._differs(request)):
                if not overwrite:
                    raise CatalogueError(
                        f"{shown(self.out)} holds neighbours of another request ({said}): "
                        "name another folder, or --overwrite it"
                    )
                for name in sorted(names & {SUCCESS, REQUEST, CELLS}) + sorted(self.parts(names).values()):
                    files.delete_file(f"{path}/{name}")
            elif REQUEST in names:
                return
            if not _is_object_store(files):
                files.create_dir(path, recursive=True)
            self.write(REQUEST, json.dumps(dict(request), indent=1, ensure_ascii=False).encode())

    def _differs(self, request: Mapping[str, Any]) -> str:
        """What is different in the request of which the folder is; empty if nothing is."""
        try:
            found = json.loads(self.read(REQUEST))
            names = [name for name in request if found.get(name) != request[name]]
        except (ValueError, AttributeError):
            return f"{REQUEST} can't be read"
        return ", ".join(f"{name} {found.get(name)}, not {request[name]}" for name in names)

    def parts(self, names: set[str] | None = None) -> dict[int, str]:
        """Number and name of the parts that are there."""
        there = self._names() if names is None else names
        numbers = {name: name.removeprefix("part-").removesuffix(".parquet") for name in there}
        return {int(n): name for name, n in numbers.items() if n.isdecimal() and name == _PART.format(int(n))}

    def write_part(self, number: int, ids: pa.Array, ranks: NDArray[np.int64], found: Found) -> int:
        """Write one part, of some tracks; gives the number of neighbours."""
        order = np.argsort(ranks)
        near, distances = found.ranks[order], found.distances[order]
        counts = (near != NOBODY).sum(axis=1)
        flat, lengths = near[near != NOBODY], distances[near != NOBODY]
        own, neighbours = ids.take(pa.array(ranks[order])), ids.take(pa.array(flat))
        if self.lists:
            offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
            columns = {
                "id": own,
                "neighbours": pa.ListArray.from_arrays(offsets, neighbours.cast(pa.string())),
                "distances": pa.ListArray.from_arrays(offsets, pa.array(lengths)),
            }
        else:
            places = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
            columns = {
                "id": ids.take(pa.array(np.repeat(ranks[order], counts))),
                "rank": pa.array(places.astype(np.int32)),
                "neighbour": neighbours,
                "distance": pa.array(lengths),
            }
        file = io.BytesIO()
        table = pa.table(columns)
        plain = [pa.field(f.name, pa.string()) if pa.types.is_large_string(f.type) else f for f in table.schema]
        pq.write_table(table.cast(pa.schema(plain)), file, compression="zstd", use_dictionary=["id", "neighbour"])
        self.write(_PART.format(number), file.getvalue())
        return len(flat)

    def distances_of(self, ids: list[str], parts: list[int]) -> list[NDArray[np.float32]]:
        """The neighbours' distances of some tracks, each from its part."""
        found: dict[str, list[float]] = {}
        for part in sorted(set(parts)):
            wanted = [id_ for id_, number in zip(ids, parts, strict=True) if number == part]
            found.update(self._distances_in(part, wanted))
        return [np.array(found.get(id_, []), np.float32) for id_ in ids]

    def _distances_in(self, part: int, ids: list[str]) -> dict[str, list[float]]:
        name = "distances" if self.lists else "distance"
        with self._told("read"):
            content = pa.BufferReader(self.read(_PART.format(part)))
            table = pq.read_table(content, columns=["id", name], filters=[("id", "in", ids)])
        found: dict[str, list[float]] = {}
        for id_, value in zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True):
            found.setdefault(id_, []).extend(value if self.lists else [value])
        return found

    def read(self, name: str) -> bytes:
        """A file's content; raises `FileNotFoundError`."""
        files, path = self._files()
        with files.open_input_stream(f"{path}/{name}") as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; raises `CatalogueError`."""
        with self._told("written"):
            files, path = self._files()
            if isinstance(files, fs.LocalFileSystem):
                with atomic_write(f"{path}/{name}") as file:
                    file.write(content)
            elif _is_object_store(files):  # an object is there once it is complete
                with files.open_output_stream(f"{path}/{name}") as stream:
                    stream.write(content)
            else:
                temporary = f"{path}/_{secrets.token_hex(6)}.part"
                with files.open_output_stream(temporary) as stream:
                    stream.write(content)
                files.move(temporary, f"{path}/{name}")

    def has(self, name: str) -> bool:
        """Whether a file is there."""
        return name in self._names()

    def _names(self) -> set[str]:
        files, path = self._files()
        with self._told("read"):
            found = files.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return {info.base_name for info in found if info.base_name and not info.base_name.startswith(".")}

    def _files(self) -> tuple[fs.FileSystem, str]:
        files, path = open_filesystem(self.out, self.options)
        return files, path.rstrip("/")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
            raise CatalogueError(f"{shown(self.out)} can't be {what}: {shown(sentence(error))}") from error


def _is_object_store(files: fs.FileSystem) -> bool:
    return isinstance(files, fs.S3FileSystem) or scheme_of(f"{files.type_name}://") in ("s3", "gcs", "abfs")
