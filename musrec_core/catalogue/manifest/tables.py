"""A manifest's rows as they lie in Parquet or CSV: names and types of all columns, then tables of bounded size."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from csv import field_size_limit
from csv import reader as csv_reader
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pyarrow import fs

from ...errors import CatalogueError
from ..schema import HEARD, ID, PATH
from ..storage.filesystems import shown
from .column_types import Guess, to_type

CSV_BLOCK = 4 << 20  # bytes, of which pyarrow reads some dozens ahead; no row may be longer
_SURROGATE = re.compile("[\udc80-\udcff]")  # a byte that is no UTF-8, as Python reads it
_ROW = re.compile(r"Row #\d+: ")  # of a block, and only where a parser of one thread reads it
_WRONG_LENGTH = re.compile(r"Expected (\d+) columns")
FOOTERS = 8  # of Parquet files, read at a time
LONGEST = 2**31 - 1  # bytes of a value that is only looked for
COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}


def batch_schema(further: pa.Schema) -> pa.Schema:
    """What a manifest's batches look like."""
    return pa.schema([*(pa.field(name, pa.string()) for name in (ID, PATH, HEARD)), *further])


class Rows(Protocol):
    """Where a manifest's rows come from."""

    schema: pa.Schema
    count: int

    def read(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Some columns of all rows, in tables of ``rows`` rows at most."""

    def place(self, row: int) -> str:
        """How people find a row, counted from 0: ``line 8``."""


class ParquetRows:
    """One Parquet file, or several that follow each other; ``source`` is what people call it."""

    def __init__(self, files: fs.FileSystem, paths: Sequence[str], source: str) -> None:
        self._files, self._paths, self._source = files, paths, source
        with arrow_errors(source), ThreadPoolExecutor(FOOTERS) as threads:
            footers = list(threads.map(self._footer, paths))
            try:
                self.schema = pa.unify_schemas([schema for schema, _ in footers], promote_options="permissive")
            except pa.ArrowException as error:
                raise CatalogueError(f"the files of {source} do not fit each other: {shown(str(error))}") from error
        self.schema = self.schema.remove_metadata()
        self.count: int = sum(rows for _, rows in footers)

    def _footer(self, path: str) -> tuple[pa.Schema, int]:
        with arrow_errors(self._called(path)), self._files.open_input_file(path) as file:
            metadata = pq.read_metadata(file)
            schema = metadata.schema.to_arrow_schema()
            require_distinct(schema.names, self._called(path))
            return schema, metadata.num_rows

    def read(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Some columns of all rows, in tables of ``rows`` rows at most."""
        for path in self._paths:
            with arrow_errors(self._called(path)), self._files.open_input_file(path) as file:
                parquet = pq.ParquetFile(file)
                there = [name for name in names if name in parquet.schema_arrow.names]
                for group in range(parquet.num_row_groups):  # all at once would be read ahead into memory
                    for batch in parquet.iter_batches(batch_size=rows, row_groups=[group], columns=there):
                        batch.validate(full=True)  # text of a damaged file may be no UTF-8
                        yield self._complete(batch, names)

    def _called(self, path: str) -> str:
        return self._source if len(self._paths) == 1 else path

    def _complete(self, batch: pa.RecordBatch, names: Sequence[str]) -> pa.Table:
        """A batch with columns of nulls for those that its file lacks."""
        columns = {
            name: batch[name].cast(self.schema.field(name).type)
            if name in batch.schema.names
            else pa.nulls(len(batch), self.schema.field(name).type)
            for name in names
        }
        return pa.table(columns)

    def place(self, row: int) -> str:
        """How people find a row, counted from 0."""
        return f"row {row + 1}"


class CsvRows:
    """One file of CSV or TSV: UTF-8, its first line names the columns. Read once whole when made.

    Parameters
    ----------
    path : str
        Of a name that ends as its kind says: ``.tsv.gz``.
    source : str
        What people call it.
    types : mapping of str to pa.DataType
        Columns that have to be of a type; the others' are guessed from all their values.

    Attributes
    ----------
    remarks : list of str
        Columns that are text because of a value that is no number, in a sentence each.
    """

    def __init__(self, files: fs.FileSystem, path: str, source: str, types: Mapping[str, pa.DataType]) -> None:
        self._files, self._path, self._source = files, path, source
        self._names = self._header()
        self.remarks: list[str] = []
        self.count = 0
        self.schema = self._guess(types)

    def _header(self) -> list[str]:
        with arrow_errors(self._source), self._stream() as stream:
            start = stream.read(4)
        if not start:
            raise CatalogueError(f"{self._source} is empty")
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise CatalogueError(f"{self._source} is no UTF-8 but UTF-16: save it as UTF-8")
        with self._told(), self._stream() as stream:
            names = pacsv.open_csv(
                stream, pacsv.ReadOptions(block_size=CSV_BLOCK), self._parsing, pacsv.ConvertOptions(check_utf8=False)
            ).schema.names
        require_distinct(names, self._source)
        return list(names)

    def _guess(self, types: Mapping[str, pa.DataType]) -> pa.Schema:
        guesses = {name: Guess(types.get(name)) for name in self._names}
        first = 0
        for table in self._texts(self._names):
            for name, guess in guesses.items():
                guess.see(table[name], first)
            first += len(table)
        self.count = first
        self._check_end(table if first else None)
        for name, guess in guesses.items():
            if guess.misfit is not None and name in types:
                raise self.misfit(name, *guess.misfit, types[name])
            if guess.misfit is not None:
                row, value = guess.misfit
                self.remarks.append(
                    f"the column {name} of {self._source} is text because of {shown(value[:80])!r} in {self.place(row)}"
                )
        return pa.schema([pa.field(name, guess.type) for name, guess in guesses.items()])

    def _check_end(self, last: pa.Table | None) -> None:
        value = last[last.column_names[-1]][-1].as_py() if last is not None else ""
        if value.endswith("\n"):  # all to the end of the file belongs to one value
            opened = self.place(self.count - 1)
            raise CatalogueError(f"a quote in {self._source}, {opened}, is never closed")

    def misfit(self, name: str, row: int, value: str, wanted: pa.DataType) -> CatalogueError:
        """A value that is not of its column's type."""
        return CatalogueError(
            f"{shown(value[:80])!r} in {self._source}, {self.place(row)}, is no {wanted}, as {name} is"
        )

    def read(self, names: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """Some columns of all rows, in tables of ``rows`` rows at most."""
        first = 0
        for table in self._texts(names):
            columns = {}
            for name in names:
                wanted = self.schema.field(name).type
                column, misfit = to_type(table[name], wanted)
                if misfit is not None:  # the file changed since it was opened
                    raise self.misfit(name, first + misfit, table[name][misfit].as_py(), wanted)
                columns[name] = column
            first += len(table)
            whole = pa.table(columns)
            for start in range(0, len(whole), rows):
                yield whole.slice(start, rows)

    def _texts(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """All values as text, empty ones too, a block at a time."""
        convert = pacsv.ConvertOptions(
            column_types=dict.fromkeys(self._names, pa.string()), include_columns=list(names), strings_can_be_null=False
        )
        with self._told(), self._stream() as stream:
            reader = pacsv.open_csv(stream, pacsv.ReadOptions(block_size=CSV_BLOCK), self._parsing, convert)
            for batch in reader:
                yield pa.Table.from_batches([batch])

    @property
    def _parsing(self) -> pacsv.ParseOptions:
        tabs = ".tsv" in self._path.lower().rpartition("/")[2]
        return pacsv.ParseOptions(delimiter="\t" if tabs else ",", newlines_in_values=True)

    @contextmanager
    def _stream(self) -> Iterator[Any]:
        packed = next((kind for ending, kind in COMPRESSED.items() if self._path.lower().endswith(ending)), None)
        with self._files.open_input_stream(self._path, compression=packed) as stream:
            yield stream

    def place(self, row: int) -> str:
        """The line in which a row begins; read from the file once more."""
        return self._line_of(lambda number, values: number == row) or f"row {row + 1}"

    def _line_of(self, is_meant: Callable[[int, list[str]], bool]) -> str | None:
        """``line 8``: where the first row begins whose number (from 0) and values are meant."""
        field_size_limit(LONGEST)
        with self._stream() as stream, io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text:
            lines = csv_reader(text, delimiter=str(self._parsing.delimiter))
            begin, number = 1, -1  # the header is row -1
            for values in lines:
                if values and is_meant(number, values):
                    return f"line {begin}"
                number += bool(values)
                begin = lines.line_num + 1
        return None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What pyarrow raises about the file becomes a `CatalogueError`, with the line where that can be found."""
        try:
            with arrow_errors(self._source):
                yield
        except CatalogueError as error:
            why = str(error.__cause__)
            if "straddl" in why:
                size = CSV_BLOCK >> 20
                raise CatalogueError(
                    f"{shown(self._source)} has a row of more than {size} MiB, or a quote that is never closed"
                ) from error
            if wanted := _WRONG_LENGTH.search(why):
                place = self._line_of(lambda _, values: len(values) != int(wanted[1]))
            elif "UTF8" in why:
                place = self._line_of(lambda _, values: any(_SURROGATE.search(value) for value in values))
            else:
                raise
            raise CatalogueError(f"{error} ({place})" if place else str(error)) from error


def require_distinct(names: Sequence[str], source: str) -> None:
    """Raise `CatalogueError` where two columns have one name."""
    if twice := [name for name in names if list(names).count(name) > 1]:
        raise CatalogueError(f"{shown(source)} has two columns {shown(twice[0])}: rename one")


@contextmanager
def arrow_errors(source: str) -> Iterator[None]:
    """What pyarrow raises about a file becomes a `CatalogueError` of one sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise CatalogueError(f"there is no {shown(source)}") from error
    except (OSError, EOFError, gzip.BadGzipFile, UnicodeError, pa.ArrowException) as error:
        raise CatalogueError(
            f"{shown(source)} can't be read: {shown(_ROW.sub('', str(error)))[:300] or type(error).__name__}"
        ) from error
