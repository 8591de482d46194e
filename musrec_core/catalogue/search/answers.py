"""Answers in the forms that commands give them: lines for a terminal, JSON lines, and tables in files."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from ..._files import atomic_write
from ..._text import UNPRINTABLE, one_line, printable
from ...errors import CatalogueError

WIDTH = 80
FORMS = (".parquet", ".csv", ".jsonl")

Row = Mapping[str, Any]


Sink = Callable[[Sequence[Row]], object]  # takes rows


def line(numbers: str, id_: str, columns: Mapping[str, Any], *, indent: str = "") -> str:
    """A row for a terminal: an id is shown whole, what stands behind it as far as 80 columns have room."""
    start = f"{indent}{numbers}  {printable(id_)}"
    rest = "  ".join(one_line(as_text(value)) for value in columns.values() if value is not None)
    room = WIDTH - len(start) - 2
    if not rest or room < 2:
        return start
    return f"{start}  {rest if len(rest) <= room else rest[: room - 1] + '…'}"


def as_text(value: Any) -> str:
    """A value of a column for a terminal."""
    return value if isinstance(value, str) else json_text(value)


def json_text(value: Any) -> str:
    """A value as JSON in one line. What it has no form for, such as a date, becomes text; NaN becomes null."""
    return json.dumps(_finite(value), ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    """The value with null in the place of NaN and infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def json_line(row: Row) -> str:
    """A row as JSON, safe for a terminal: what `printable` replaces is escaped."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text(dict(row)))


@contextmanager
def table_file(path: str, schema: pa.Schema) -> Iterator[Sink]:
    """A table file that is there, whole, when the block has ended; its form is said by its name.

    Values that CSV has no form for (lists, the genres' probabilities) are JSON there.

    Raises
    ------
    CatalogueError
        The name says no form that is known, or the file can't be written.
    """
    form = os.path.splitext(path)[1].lower()
    if form not in FORMS:
        raise CatalogueError(
            f"--out takes a name that ends in {', '.join(FORMS[:-1])} or {FORMS[-1]}, and not {path!r}"
        )
    if "://" in path:
        raise CatalogueError(f"--out writes to a file of this machine, and not to {path}")
    try:
        with atomic_write(path) as file, _WRITERS[form](file, schema) as sink:
            yield sink
    except OSError as error:
        raise CatalogueError(f"{path} can't be written: {error.strerror or error}") from None


@contextmanager
def _parquet(file: BinaryIO, schema: pa.Schema) -> Iterator[Sink]:
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(list(rows), schema))


@contextmanager
def _csv(file: BinaryIO, schema: pa.Schema) -> Iterator[Sink]:
    nested = {field.name for field in schema if pa.types.is_nested(field.type)}
    flat = pa.schema([pa.field(each.name, pa.string()) if each.name in nested else each for each in schema])
    with pyarrow.csv.CSVWriter(file, flat) as writer:

        def write(rows: Sequence[Row]) -> None:
            texts = [{name: json_text(value) if name in nested and value is not None else value
                      for name, value in row.items()} for row in rows]  # fmt: skip
            writer.write_table(pa.Table.from_pylist(texts, flat))

        yield write


@contextmanager
def _json_lines(file: BinaryIO, schema: pa.Schema) -> Iterator[Sink]:
    yield lambda rows: file.writelines(f"{json_text(dict(row))}\n".encode() for row in rows)


_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
}
