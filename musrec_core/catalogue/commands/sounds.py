"""``sounds DIR.lance WORDS``."""

from __future__ import annotations

import argparse

from ..search.lookup import card_of
from ..search.words import sounds, words_of
from .options import add_answers, add_dataset, add_search, columns_of, count_of, limits_of, open_searcher
from .showing import show

MORE = "words"  # where words behind an option belong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument(
        "words", nargs="+", metavar="WORDS", help="what tracks should sound like: calm piano, no vocals"
    )
    add_answers(parser)
    add_search(parser)
    parser.add_argument("--model", metavar="MODEL", help="the dataset's model, if it is not one of those installed")


def run(arguments: argparse.Namespace) -> None:
    """Find them, and print or write them with their scores."""
    searcher, text = open_searcher(arguments), " ".join(arguments.words)
    matches = sounds(
        searcher,
        text,
        words_of(card_of(searcher.catalogue, arguments.model)),
        count=count_of(arguments),
        where=arguments.where,
        exact=arguments.exact,
        columns=columns_of(arguments),
        max_per=limits_of(arguments),
    )
    show([(text, matches)], searcher.catalogue, arguments, score="score")
