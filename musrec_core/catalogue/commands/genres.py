"""``genres DIR.lance [ID ...]``."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator

import pyarrow as pa

from ..._text import one_line
from ...errors import CatalogueError
from ..search.answers import json_line, line, table_file
from ..search.genres import Guess, distribution, genres_of, surest
from ..search.match import Match
from ..search.search import COUNT, IDS_AT_ONCE, MOST
from .options import add_answers, add_dataset, columns_of, count_of, ids_from, in_parts, open_catalogue, open_searcher
from .showing import show

SHOWN = 3  # genres of a track
LABEL = 18  # columns of a genre's name
MORE = "ids"  # where words behind an option belong


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add_dataset(parser)
    parser.add_argument("ids", nargs="*", metavar="ID", help="tracks; without any, the number of tracks of each genre")
    parser.add_argument("--ids-from", metavar="FILE", help="ids, one a line; - is standard input")
    parser.add_argument("--genre", metavar="GENRE", help="the tracks that are likeliest of this genre")
    add_answers(
        parser,
        count_help=f"how many tracks with --genre (default: {COUNT}), or how many genres of each ID (default: {SHOWN})",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print or write what was asked for."""
    has_ids = bool(arguments.ids or arguments.ids_from is not None)
    if has_ids and (arguments.genre or arguments.where):
        raise CatalogueError("--genre and --where choose among all tracks, so they can't be used with ids")
    if arguments.genre is not None:
        _show_surest(arguments)
    elif has_ids:
        _show_tracks(arguments)
    else:
        _show_distribution(arguments)


def _show_surest(arguments: argparse.Namespace) -> None:
    searcher = open_searcher(arguments)
    columns = columns_of(arguments)
    found = surest(searcher, arguments.genre, count=count_of(arguments), where=arguments.where, columns=columns)
    matches = [Match(guess.id, 1 - probability, guess.columns) for probability, guess in found]
    show([(arguments.genre, matches)], searcher.catalogue, arguments, score="probability")


def _show_tracks(arguments: argparse.Namespace) -> None:
    catalogue, columns = open_catalogue(arguments), columns_of(arguments)
    most = SHOWN if arguments.count is None else arguments.count
    if not 1 <= most <= MOST:
        raise CatalogueError(f"the count has to be a number from 1 to {MOST}, and not {most}")
    ids: Iterator[str] = itertools.chain(
        arguments.ids, ids_from(arguments.ids_from) if arguments.ids_from is not None else ()
    )
    missing: list[str] = []
    asked = 0

    def guesses() -> Iterator[list[Guess]]:
        nonlocal asked
        for part in in_parts(ids, IDS_AT_ONCE):
            found, problems = genres_of(catalogue, part, columns)
            asked += len(part)
            missing.extend(problems.values())
            yield [found[id_] for id_ in part if id_ in found]

    if arguments.out is not None:
        own = [("id", pa.string()), *((name, pa.map_(pa.string(), pa.float64())) for name in ("genres", "mood"))]
        further = [catalogue.schema.field(name) for name in columns if name not in ("id", "genres", "mood")]
        with table_file(arguments.out, pa.schema([*own, *((each.name, each.type) for each in further)])) as write:
            for part in guesses():
                write([_row(guess, most, as_pairs=arguments.out.lower().endswith(".parquet")) for guess in part])
    else:
        for guess in itertools.chain.from_iterable(guesses()):
            print(json_line(_row(guess, most)) if arguments.json else _text(guess, most))
    if missing and asked == 1:
        raise CatalogueError(missing[0])
    if missing:
        print(*missing, sep="\n", file=sys.stderr)
        raise CatalogueError(f"no genres for {len(missing)} of {asked} tracks")


def _row(guess: Guess, most: int, *, as_pairs: bool = False) -> dict[str, object]:
    """A track's row; Arrow takes a map as pairs."""
    genres, mood = dict(itertools.islice(guess.genres.items(), most)), guess.mood
    heard = (
        {"genres": list(genres.items()), "mood": list(mood.items())} if as_pairs else {"genres": genres, "mood": mood}
    )
    own: dict[str, object] = {"id": guess.id, **heard}
    return own | {name: value for name, value in guess.columns.items() if name not in own}


def _text(guess: Guess, most: int) -> str:
    """A track: its id, then a line of genres and one of the mood."""
    listed = [f"{label} {p:.2f}" for label, p in itertools.islice(guess.genres.items(), most)]
    mood = [f"{axis} {value:.2f}" for axis, value in guess.mood.items()]
    parts = [", ".join(part) for part in (listed, mood) if part]
    return "\n".join([line("", guess.id, guess.columns).lstrip(), *(f"  {part}" for part in parts)])


def _show_distribution(arguments: argparse.Namespace) -> None:
    catalogue = open_catalogue(arguments)
    shares = distribution(catalogue, arguments.where)
    rows = [{"genre": each.genre, "tracks": each.tracks, "share": each.share, "mean": each.mean} for each in shares]
    if arguments.out is not None:
        schema = pa.schema(
            [("genre", pa.string()), ("tracks", pa.int64()), ("share", pa.float64()), ("mean", pa.float64())]
        )
        with table_file(arguments.out, schema) as write:
            write(rows)
    elif arguments.json:
        print(*map(json_line, rows), sep="\n")
    elif not any(each.tracks for each in shares):
        print("no track")
    else:
        print(f"{'genre':{LABEL}}  {'tracks':>12}  {'share':>6}  mean probability")
        for each in shares:
            print(f"{one_line(each.genre)[:LABEL]:{LABEL}}  {each.tracks:12,}  {each.share:6.1%}  {each.mean:.3f}")
