"""Options and checks that several commands share."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Iterator, Sequence

from ...errors import CatalogueError
from ..dataset import Catalogue
from ..search.search import COUNT, MOST, Searcher

STANDARD_INPUT = "-"


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """The dataset, and how to reach it."""
    parser.add_argument("dataset", metavar="DIR.lance", help="the dataset: a folder, or a URL such as s3://...")
    add_storage_option(parser)


def add_storage_option(parser: argparse.ArgumentParser) -> None:
    """What object storage needs; `storage_options` reads it."""
    parser.add_argument("--storage-option", action="append", default=[], metavar="KEY=VALUE",
                        help="for object storage, such as aws_endpoint=URL; may be repeated")  # fmt: skip


def add_cluster(parser: argparse.ArgumentParser) -> None:
    """Where Ray runs the tasks, and how many at a time; `workers_of` reads the latter."""
    parser.add_argument("--address", metavar="ADDRESS",
                        help="of a Ray cluster: HOST:PORT, or auto (default: RAY_ADDRESS, or none)")  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N", help="tasks at a time (default: one a CPU)")


def add_answers(
    parser: argparse.ArgumentParser, *, count_help: str = f"how many tracks to find (default: {COUNT})"
) -> None:
    """Which tracks are answers, and how they are shown."""
    parser.add_argument("-n", "--count", type=int, metavar="N", help=f"{count_help}; at most {MOST}")
    parser.add_argument("--where", metavar="SQL", help="only tracks that fulfil this condition: \"genre = 'jazz'\"")
    parser.add_argument("--columns", default="", metavar="NAME,...", help="columns to show with each track")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON object a line")
    form.add_argument("--out", metavar="FILE", help="write a table: FILE ends in .parquet, .csv or .jsonl")


def add_search(parser: argparse.ArgumentParser) -> None:
    """How the dataset is searched."""
    parser.add_argument("--exact", action="store_true", help="compare all tracks, without the index")
    parser.add_argument("--max-per", action="append", default=[], metavar="COLUMN=N",
                        help="at most N tracks that share a value, as in artist=1; may be repeated")  # fmt: skip


def open_catalogue(arguments: argparse.Namespace) -> Catalogue:
    """The dataset that the arguments name; raises `CatalogueError`."""
    return Catalogue.open(arguments.dataset, storage_options=storage_options(arguments))


def storage_options(arguments: argparse.Namespace) -> dict[str, str]:
    """The key and the value of each ``--storage-option``."""
    return dict(_pair("--storage-option", text, "KEY=VALUE") for text in arguments.storage_option)


def columns_by_kind(arguments: argparse.Namespace) -> dict[str, str]:
    """The kind and the column's name of each ``--column``."""
    return dict(_pair("--column", text, "KIND=NAME") for text in arguments.column)


def _pair(option: str, text: str, form: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key.strip() and sign):
        raise CatalogueError(f"{option} takes {form}, and not {text!r}")
    return key.strip(), value


def workers_of(arguments: argparse.Namespace) -> int | None:
    """``--workers``; raises `CatalogueError` unless it is a number of tasks."""
    workers: int | None = arguments.workers
    if workers is not None and workers < 1:
        raise CatalogueError(f"--workers has to be 1 or more, and {workers} is not")
    return workers


def open_searcher(arguments: argparse.Namespace) -> Searcher:
    """The same, ready to be searched; says on standard error where an index is wanting."""
    searcher = Searcher(open_catalogue(arguments))
    if note := searcher.scopes.note():
        print(note, file=sys.stderr)
    return searcher


def count_of(arguments: argparse.Namespace) -> int:
    """``--count``, or how many answers are usual."""
    return COUNT if arguments.count is None else int(arguments.count)


def columns_of(arguments: argparse.Namespace) -> list[str]:
    """The names in ``--columns``."""
    return [name.strip() for name in arguments.columns.split(",") if name.strip()]


def limits_of(arguments: argparse.Namespace) -> dict[str, int]:
    """The column and the number of each ``--max-per``."""
    return dict(map(limit_of, arguments.max_per))


def limit_of(text: str) -> tuple[str, int]:
    """``artist=1`` -> column and number; raises `CatalogueError`."""
    name, _, number = text.rpartition("=")
    if not name or not re.fullmatch(r"0*[1-9][0-9]{0,5}", number):
        raise CatalogueError(f"--max-per takes a column and a number, as in artist=1, and not {text!r}")
    return name, int(number)


def ids_from(place: str) -> Iterator[str]:
    """The ids of a text file, or of standard input (``-``), one a line; raises `CatalogueError`."""
    try:
        if place == STANDARD_INPUT:
            yield from _lines(sys.stdin.buffer)
        else:
            with open(place, "rb") as file:
                yield from _lines(file)
    except OSError as error:
        raise CatalogueError(f"{place} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"{place} is no text in UTF-8") from None


def _lines(file: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(file):
        text = line.rstrip(b"\r\n").decode("utf-8-sig" if number == 0 else "utf-8")
        if text:
            yield text


def in_parts(ids: Iterator[str], size: int) -> Iterator[Sequence[str]]:
    """Ids, so many at a time."""
    while part := list(itertools.islice(ids, size)):
        yield part
