"""``failures DIR.lance``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from ..._text import number_of
from ..dataset import Catalogue
from ..schema import ERROR, ID, OK, PATH, STATUS
from ..search.answers import Row, json_line, line, table_file
from ..sql import both, sql_text
from .options import add_dataset, open_catalogue

COLUMNS = (ID, STATUS, ERROR, PATH)
LONGEST_STATUS = 10  # unreadable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument("--where", metavar="SQL", help="only tracks that fulfil this condition: \"status = 'missing'\"")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object a line")
    form.add_argument("--out", metavar="FILE", help="write a table: FILE ends in .parquet, .csv or .jsonl")


def run(arguments: argparse.Namespace) -> None:
    """Print or write which tracks have no embedding, and why."""
    catalogue = open_catalogue(arguments)
    parts = _failures(catalogue, arguments.where)
    if arguments.out is not None:
        with table_file(arguments.out, pa.schema([catalogue.schema.field(name) for name in COLUMNS])) as write:
            for part in parts:
                write(part)
        return
    counts: Counter[str] = Counter()
    for row in (row for part in parts for row in part):
        counts[row[STATUS]] += 1
        if arguments.json:
            print(json_line(row))
        else:
            print(line(f"{row[STATUS]:{LONGEST_STATUS}}", row[ID], {ERROR: row[ERROR] or None, PATH: row[PATH]}))
    if not arguments.json:
        listed = ", ".join(f"{status} {count}" for status, count in counts.most_common())
        print(f"{number_of(counts.total(), 'track')} without an embedding" + (f": {listed}" if listed else ""))


def _failures(catalogue: Catalogue, where: str | None) -> Iterator[list[Row]]:
    wanted = both(catalogue.checked(where), f"{STATUS} != {sql_text(OK)}")
    return (batch.to_pylist() for batch in catalogue.batches(COLUMNS, wanted))
