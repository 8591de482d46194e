"""The report of duplicates as a file: CSV, Parquet or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import CatalogueError
from ..neighbours.out_folder import OutFolder
from .duplicates import DuplicateReport

SCHEMA = pa.schema([
    ("group", pa.int64()), ("id", pa.string()), ("path", pa.string()), ("distance", pa.float32()),
    ("verdict", pa.string()), ("why", pa.string()),
])  # fmt: skip


def check_report_path(path: str, options: Mapping[str, str]) -> None:
    """Raise `CatalogueError` unless a report can be written there: before hours are spent on it."""
    _format(path)
    folder, name = _split(path)
    OutFolder.at(folder, options).check(name)


def write_report(found: DuplicateReport, path: str, options: Mapping[str, str]) -> None:
    """Write a report, whole or not at all; raises `CatalogueError`."""
    rows = pa.Table.from_pylist(
        [{"group": number, **vars(track)} for number, tracks in enumerate(found.groups, 1) for track in tracks],
        schema=SCHEMA,
    )
    folder, name = _split(path)
    OutFolder.at(folder, options).write(name, _format(path)(rows))


def _split(path: str) -> tuple[str, str]:
    """Folder and name."""
    folder, name = path.rsplit("/", 1) if "://" in path else os.path.split(path)
    return folder or ".", name


def _format(path: str) -> Callable[[pa.Table], bytes]:
    ending = os.path.splitext(path)[1].lower()
    formats = {".csv": _as_csv, ".parquet": _as_parquet, ".jsonl": _as_lines}
    if ending not in formats:
        raise CatalogueError(f"a report's name has to end in .csv, .parquet or .jsonl, and {path} does not")
    return formats[ending]


def _as_csv(rows: pa.Table) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.column_names)
    writer.writerows(_plain(row).values() for row in rows.to_pylist())
    return text.getvalue().encode()


def _as_lines(rows: pa.Table) -> bytes:
    return "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows.to_pylist()).encode()


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {**row, "distance": float(f"{row['distance']:.5f}")}


def _as_parquet(rows: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(rows, file, compression="zstd")
    return file.getvalue()
