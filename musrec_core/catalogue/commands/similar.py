"""``similar DIR.lance ID ...``."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator

import numpy as np

from ...errors import CatalogueError
from ..search.lookup import card_of, require_vectors, vectors_of, vectors_of_files
from ..search.search import Searcher
from .options import (
    add_answers,
    add_dataset,
    add_search,
    columns_of,
    count_of,
    ids_from,
    in_parts,
    limits_of,
    open_searcher,
)
from .showing import Answer, show

IDS_AT_ONCE = 1_000
NAMED = 3  # seeds of an answer to many together
MORE = "ids"  # where words behind an option belong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument("ids", nargs="*", metavar="ID", help="tracks of the dataset, each of which gets an answer")
    parser.add_argument("--file", action="append", default=[], metavar="PATH",
                        help="an audio file, which need not be in the dataset; may be repeated")  # fmt: skip
    parser.add_argument("--ids-from", metavar="FILE", help="ids, one a line; - is standard input")
    parser.add_argument("--together", action="store_true", help="find what is near to all of them, in one answer")
    add_answers(parser)
    add_search(parser)
    parser.add_argument("--model", metavar="MODEL", help="the dataset's model, if it is not one of those installed")


def run(arguments: argparse.Namespace) -> None:
    """Answer, and print or write the answers."""
    if not (arguments.ids or arguments.file or arguments.ids_from):
        raise CatalogueError("name tracks by their ids, audio files with --file, or a list of ids with --ids-from")
    searcher = open_searcher(arguments)
    missing: list[str] = []
    answers = _together(searcher, arguments) if arguments.together else _each(searcher, arguments, missing)
    asked = show(answers, searcher.catalogue, arguments)
    if missing and asked + len(missing) == 1:
        raise CatalogueError(missing[0])
    if missing:
        raise CatalogueError(f"{len(missing)} of {asked + len(missing)} tracks have no answer")


def _each(searcher: Searcher, arguments: argparse.Namespace, missing: list[str]) -> Iterator[Answer]:
    """An answer for each seed; sentences about those that have none go to standard error, and to ``missing``."""
    wanted = searcher.wanted(count_of(arguments), columns_of(arguments), limits_of(arguments))
    scope = searcher.scopes.of(arguments.where, exact=arguments.exact)
    is_list = len(arguments.ids) > 1 or arguments.file or arguments.ids_from
    for asked in in_parts(_ids(arguments), IDS_AT_ONCE):
        found, problems = vectors_of(searcher.catalogue, asked)
        missing += problems.values()
        if is_list:
            print(*problems.values(), sep="\n", end="\n" * bool(problems), file=sys.stderr)
        ids = [id_ for id_ in asked if id_ in found]
        vectors = np.array([found[id_] for id_ in ids], np.float32)
        yield from zip(ids, searcher.each(vectors, [{id_} for id_ in ids], wanted, scope), strict=True)
    if arguments.file:
        vectors = vectors_of_files(card_of(searcher.catalogue, arguments.model), arguments.file)
        yield from zip(arguments.file, searcher.each(vectors, [()] * len(vectors), wanted, scope), strict=True)


def _together(searcher: Searcher, arguments: argparse.Namespace) -> Iterator[Answer]:
    """One answer for all seeds."""
    wanted = searcher.wanted(count_of(arguments), columns_of(arguments), limits_of(arguments))
    scope = searcher.scopes.of(arguments.where, exact=arguments.exact)
    ids = list(_ids(arguments))
    vectors = require_vectors(searcher.catalogue, ids)
    if arguments.file:
        files = vectors_of_files(card_of(searcher.catalogue, arguments.model), arguments.file)
        vectors = np.concatenate([vectors, files])
    named = [*ids, *arguments.file]
    name = ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
    yield name, searcher.together(vectors, set(ids), wanted, scope)


def _ids(arguments: argparse.Namespace) -> Iterator[str]:
    return itertools.chain(arguments.ids, ids_from(arguments.ids_from) if arguments.ids_from is not None else ())
