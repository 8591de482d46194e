"""``similar DIR.lance ID ...``."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...errors import CatalogueError
from ..search.lookup import card_of, vectors_of, vectors_of_files
from ..search.match import Wanted
from ..search.scope import Scope
from ..search.search import IDS_AT_ONCE, Searcher, Vectors
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

NAMED = 3  # seeds of an answer to many together
MORE = "ids"  # where words behind an option belong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument("ids", nargs="*", metavar="ID", help="tracks of the dataset, each of which gets an answer")
    parser.add_argument("--file", action="append", default=[], metavar="PATH",
                        help="an audio file, in the dataset or not; may be repeated")  # fmt: skip
    parser.add_argument("--ids-from", metavar="FILE", help="a file of ids, one a line; - is standard input")
    parser.add_argument("--together", action="store_true", help="one answer for all of them, instead of one each")
    add_answers(parser)
    add_search(parser)
    parser.add_argument("--model", metavar="MODEL", help="the dataset's model, if it is not one of those installed")


def run(arguments: argparse.Namespace) -> None:
    """Answer, and print or write the answers."""
    if not (arguments.ids or arguments.file or arguments.ids_from):
        raise CatalogueError("name tracks by their ids, audio files with --file, or a list of ids with --ids-from")
    searcher = open_searcher(arguments)
    wanted = searcher.wanted(count_of(arguments), columns_of(arguments), limits_of(arguments))
    scope = searcher.scopes.of(arguments.where, exact=arguments.exact)
    seeds = Seeds(searcher, arguments)
    answers = _together(seeds, wanted, scope) if arguments.together else _each(seeds, wanted, scope)
    show(answers, searcher.catalogue, arguments)
    if len(seeds.missing) == seeds.asked == 1:
        raise CatalogueError(seeds.missing[0])
    if seeds.missing:
        print(*seeds.missing, sep="\n", file=sys.stderr)
        raise CatalogueError(f"{len(seeds.missing)} of {seeds.asked} tracks could not be searched by")


class Seeds:
    """The tracks and files that are asked about, and what is wrong with some of them."""

    def __init__(self, searcher: Searcher, arguments: argparse.Namespace) -> None:
        self.searcher, self._arguments = searcher, arguments
        self.missing: list[str] = []
        self.asked = 0

    def parts(self) -> Iterator[tuple[list[str], Vectors, bool]]:
        """Some names, their vectors [shape=(m, d)], and whether they are ids."""
        given, catalogue = self._arguments, self.searcher.catalogue
        for asked in in_parts(_ids(given), IDS_AT_ONCE):
            yield *self._usable(asked, *vectors_of(catalogue, asked)), True
        if given.file:
            card = card_of(catalogue, given.model)
            yield *self._usable(given.file, *vectors_of_files(card, given.file)), False

    def _usable(
        self, asked: Sequence[str], found: Mapping[str, Vectors], problems: Mapping[str, str]
    ) -> tuple[list[str], Vectors]:
        self.asked += len(asked)
        self.missing += problems.values()
        names = [name for name in asked if name in found]
        return names, np.array([found[name] for name in names], np.float32)


def _each(seeds: Seeds, wanted: Wanted, scope: Scope) -> Iterator[Answer]:
    """An answer for each seed."""
    for names, vectors, are_ids in seeds.parts():
        left_out: list[set[str]] = [{name} if are_ids else set() for name in names]
        yield from zip(names, seeds.searcher.each(vectors, left_out, wanted, scope), strict=True)


def _together(seeds: Seeds, wanted: Wanted, scope: Scope) -> Iterator[Answer]:
    """One answer for all seeds, if there are any."""
    named: list[str] = []
    ids: set[str] = set()
    vectors: list[Vectors] = []
    for names, part, are_ids in seeds.parts():
        named += names
        ids |= set(names) if are_ids else set()
        vectors += [part] if names else []
    if named:
        name = ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
        yield name, seeds.searcher.together(np.concatenate(vectors), ids, wanted, scope)
    elif not seeds.missing:
        raise CatalogueError("no track is named to search by")


def _ids(arguments: argparse.Namespace) -> Iterator[str]:
    return itertools.chain(arguments.ids, ids_from(arguments.ids_from) if arguments.ids_from is not None else ())
