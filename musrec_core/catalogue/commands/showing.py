"""Prints answers, or writes them to a file, as the options of a command say."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from ..._text import number_of, one_line
from ...errors import CatalogueError
from ..dataset import Catalogue
from ..search.answers import json_line, line, table_file
from ..search.match import Match
from .options import columns_of

ROWS_AT_ONCE = 10_000  # written to a table

Answer = tuple[str, list[Match]]  # what was asked, and the tracks that answer it


def show(answers: Iterable[Answer], catalogue: Catalogue, arguments: argparse.Namespace, *, score: str = "") -> None:
    """Print answers or write them to ``--out``.

    Parameters
    ----------
    score : str
        What one minus the distance is called, where that is shown; else the distance is.
    """
    if arguments.out is not None or arguments.json:
        _require_names_free(columns_of(arguments), score)
    if arguments.out is not None:
        _write(answers, catalogue, arguments, score)
        return
    for number, (query, matches) in enumerate(answers):
        if arguments.json:
            for row in _rows(query, matches, score):
                print(json_line(row))
        else:
            if number:
                print()
            if _has_many(arguments):
                print(one_line(query))
            indent = "  " * _has_many(arguments)
            print("".join(f"{line(_number(match, score), match.id, match.columns, indent=indent)}\n"
                          for match in matches), end="")  # fmt: skip
            if not matches:
                print(f"{indent}no track")


def _require_names_free(columns: Sequence[str], score: str) -> None:
    """Raise `CatalogueError` where a further column has the name of one of the answer's."""
    for name in columns:
        if name in ("query", "rank", score or "distance"):
            raise CatalogueError(f"an answer has a column {name} of its own: leave {name} out of --columns")


def _has_many(arguments: argparse.Namespace) -> bool:
    """Whether each answer needs a heading."""
    given = vars(arguments)
    seeds = len(given.get("ids") or ()) + len(given.get("file") or ())
    return (seeds > 1 or given.get("ids_from") is not None) and not given.get("together")


def _number(match: Match, score: str) -> str:
    return f"{1 - match.distance if score else match.distance:.3f}"


def _rows(query: str, matches: Iterable[Match], score: str) -> Iterator[dict[str, Any]]:
    for rank, match in enumerate(matches, 1):
        number = {score: 1 - match.distance} if score else {"distance": match.distance}
        own = {"query": query, "rank": rank, "id": match.id, **number}
        yield own | {name: value for name, value in match.columns.items() if name not in own}


def _write(answers: Iterable[Answer], catalogue: Catalogue, arguments: argparse.Namespace, score: str) -> None:
    own = [("query", pa.string()), ("rank", pa.int32()), ("id", pa.string()), (score or "distance", pa.float64())]
    taken = {name for name, _ in own}
    further = [catalogue.schema.field(name) for name in columns_of(arguments) if name not in taken]
    schema = pa.schema([*own, *((each.name, each.type) for each in further)])
    rows = 0
    waiting: list[dict[str, Any]] = []
    with table_file(arguments.out, schema) as write:
        for query, matches in answers:
            waiting += _rows(query, matches, score)
            if len(waiting) >= ROWS_AT_ONCE:
                write(waiting)
                rows += len(waiting)
                waiting = []
        write(waiting)
    print(f"{number_of(rows + len(waiting), 'row')} in {one_line(arguments.out)}")
