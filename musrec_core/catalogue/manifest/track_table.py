"""The rows of a manifest's table, checked, and made into batches of tracks."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..._text import number_of
from ...errors import CatalogueError
from ..schema import HEARD, ID, OWN, PATH
from ..storage.file_state import FileState, clean_etag, heard_text
from ..storage.filesystems import scheme_of, shown
from ..string_hashes import RepeatFinder
from .tables import Rows, batch_schema

SIZE, MODIFIED, ETAG = "size", "modified", "etag"
CHECKED_ROWS = 65_536  # at a time


class TrackTable:
    """Rows of Parquet or CSV as the tracks that they name.

    Parameters
    ----------
    base : str
        The folder or URL that relative paths are relative to.
    types : mapping of str to pa.DataType
        Of further columns, in place of the rows' own.
    """

    def __init__(
        self, source: str, rows: Rows, id_column: str, path_column: str, base: str, types: Mapping[str, pa.DataType]
    ) -> None:
        self.source, self.rows, self._base = source, rows, base
        self._id, self._path = id_column, path_column
        self.count: int | None = rows.count
        self.remarks = tuple(getattr(rows, "remarks", ()))
        self.unread: list[str] = []
        names = rows.schema.names
        for what, column in (("ids", id_column), ("paths", path_column)):
            if column not in names:
                raise CatalogueError(f"{source} has no column {column} for its {what}: its columns are {_list(names)}")
        if id_column == path_column:
            raise CatalogueError("the ids and the paths can't be one column")
        self._state = self._state_columns()
        self._names = [name for name in names if name not in (id_column, path_column, *self._state)]
        self.further = pa.schema(
            [pa.field(name, types.get(name) or _kept_type(rows.schema.field(name).type)) for name in self._names]
        )
        self._check_names()

    def _state_columns(self) -> tuple[str, ...]:
        there = {name for name in (SIZE, MODIFIED, ETAG) if name in self.rows.schema.names}
        there -= {self._id, self._path}
        if ETAG not in there and not {SIZE, MODIFIED} <= there:
            return ()
        kind = self.rows.schema.field(SIZE).type if SIZE in there else pa.null()
        if not (pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise CatalogueError(f"the column {SIZE} of {self.source} has to hold whole numbers of bytes: rename it")
        return tuple(sorted(there))

    def _check_names(self) -> None:
        taken = [name for name in self._names if name in OWN]
        if taken:
            raise CatalogueError(f"{self.source} has a column {taken[0]}, which the dataset makes itself: rename it")
        odd = [name for name in self._names if not name.strip() or "." in name]
        if odd:
            raise CatalogueError(
                f"{self.source} has a column named {odd[0]!r}: a dataset's names have no dot, and letters"
            )

    def check(self) -> None:
        """Raise `CatalogueError` where an id or a path is empty, an id is there twice, or a value is of no use."""
        finder = RepeatFinder(self.rows.count)
        made = [field for field in self.further if field.type != _kept_type(self.rows.schema.field(field.name).type)]
        times = [name for name in self._state if name == MODIFIED]
        names = [self._id, self._path, *times, *(field.name for field in made)]
        for table in self.rows.read(names, CHECKED_ROWS):
            for field in made:
                self._further(table[field.name], field)
            for time in _without_nanoseconds(table[MODIFIED]).unique().to_pylist() if times else ():
                self._time(time)
            for what, column in (("id", self._id), ("path", self._path)):
                empty = pc.fill_null(pc.equal(self._text(table[column], column), ""), True)
                if pc.any(empty).as_py():
                    place = self.rows.place(len(finder) + pc.index(empty, True).as_py())
                    raise CatalogueError(f"{self.source}, {place}, has no {what}")
            try:
                finder.add(self._text(table[self._id], self._id))
            except IndexError:
                raise CatalogueError(f"{self.source} grew while it was read: run again") from None
        if len(finder) != self.rows.count:
            raise CatalogueError(
                f"{self.source} is damaged: it has {len(finder)} of the {self.rows.count} rows it says"
            )
        if not len(finder):
            raise CatalogueError(f"{self.source} holds no track")
        repeated = finder.repeated(lambda: (self._text(table[self._id], self._id) for table in self._ids()))
        if repeated:
            others = number_of(repeated.rows, "row")
            raise CatalogueError(
                f"an id may be there once, and {self.source} has {shown(repeated.example[:80])!r} more than once "
                f"(all in all {others} too many)"
            )

    def _ids(self) -> Iterator[pa.Table]:
        return self.rows.read([self._id], CHECKED_ROWS)

    def batches(self, rows: int) -> Iterator[pa.Table]:
        """All tracks, in tables of `batch_schema`, of ``rows`` rows at most."""
        names = [self._id, self._path, *self._state, *self._names]
        for table in self.rows.read(names, rows):
            columns = {
                ID: self._text(table[self._id], self._id),
                PATH: self._resolved(self._text(table[self._path], self._path)),
                HEARD: self._heard(table),
            }
            for field in self.further:
                columns[field.name] = self._further(table[field.name], field)
            yield pa.table(columns, schema=batch_schema(self.further))

    def _text(self, column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (pa.types.is_integer(kind) or _is_text(kind) or pa.types.is_binary(kind) or pa.types.is_null(kind)):
            raise CatalogueError(f"the column {name} of {self.source} is of type {kind}, and has to be text")
        try:
            return column.cast(kind).cast(pa.string())
        except pa.ArrowInvalid as error:
            raise CatalogueError(f"the column {name} of {self.source} is no UTF-8") from error

    def _resolved(self, paths: pa.ChunkedArray) -> pa.Array:
        return pa.array([resolve(path, self._base) for path in paths.to_pylist()], pa.string())

    def _further(self, column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
        try:
            return column.cast(field.type)
        except pa.ArrowException as error:
            raise CatalogueError(
                f"the column {field.name} of {self.source} can't be made {field.type}: {shown(str(error))}"
            ) from error

    def _heard(self, table: pa.Table) -> pa.Array:
        if not self._state:
            return pa.nulls(len(table), pa.string())
        said = {name: _without_nanoseconds(table[name]).to_pylist() for name in self._state}
        states = (dict(zip(said, values, strict=True)) for values in zip(*said.values(), strict=True))
        return pa.array([heard_text(self._state_of(state)) or None for state in states], pa.string())

    def _state_of(self, said: Mapping[str, Any]) -> FileState:
        etag = said.get(ETAG)
        return FileState(
            said.get(SIZE), self._time(said.get(MODIFIED)), clean_etag(None if etag is None else str(etag))
        )

    def _time(self, value: Any) -> datetime | None:
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if value is not None and not isinstance(value, datetime):
            raise CatalogueError(
                f"the column {MODIFIED} of {self.source} has to hold times such as 2026-11-26T10:00:00Z, and not "
                f"{shown(str(value)[:80])!r}"
            )
        return value.replace(tzinfo=timezone.utc) if value and value.tzinfo is None else value


def resolve(path: str, base: str) -> str:
    """A manifest's path, relative ones joined to its folder (a local path or a URL)."""
    if scheme_of(path) or os.path.isabs(path):
        return path
    scheme = scheme_of(base)
    if scheme is None:
        return os.path.join(base, path)
    if path.startswith("/"):
        return path
    start, _, inside = base.partition("://")
    return f"{start}://{posixpath.normpath(posixpath.join(inside, path))}"


def _without_nanoseconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times to the microsecond, which is what Python has."""
    if not pa.types.is_timestamp(column.type) or column.type.unit != "ns":
        return column
    return column.cast(pa.timestamp("us", column.type.tz), safe=False)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _kept_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a dataset keeps a manifest's column."""
    if pa.types.is_dictionary(kind):
        return _kept_type(kind.value_type)
    if pa.types.is_null(kind) or _is_text(kind):
        return pa.string()
    if isinstance(kind, pa.BaseExtensionType):
        return _kept_type(kind.storage_type)
    return kind


def _list(names: list[str]) -> str:
    shown_names = [shown(name) for name in names[:12]]
    return ", ".join(shown_names) + (" ..." if len(names) > 12 else "")
