"""The options that `import_beets` and `export_beets` have in common."""

from __future__ import annotations

import argparse

from ...errors import CatalogueError
from ..beets_exchange.ids import ItemIds
from ..beets_exchange.importing import library_name


def add_id_arguments(parser: argparse.ArgumentParser) -> None:
    """Which item is which track."""
    parser.add_argument(
        "--id-column",
        default="id",
        metavar="COLUMN",
        help="what a track's id is: a column of beets' items such as id (default), mb_trackid or path",
    )
    parser.add_argument("--prefix", default="", metavar="TEXT", help="before each id, to keep several libraries apart")
    parser.add_argument(
        "--name", metavar="NAME", help="of the library, in the dataset's column beets_library (default: its path)"
    )
    parser.add_argument(
        "--music", metavar="DIR", help="the folder of the music (beets' setting directory), for relative paths"
    )


def ids_from(arguments: argparse.Namespace) -> ItemIds:
    """The rule for ids; raises `CatalogueError`."""
    return ItemIds(arguments.id_column, _text(arguments.prefix, "--prefix"), arguments.music)


def checked_name(arguments: argparse.Namespace, path: str) -> str:
    """The name of the library; raises `CatalogueError`."""
    return library_name(path) if arguments.name is None else _text(arguments.name, "--name")


def _text(value: str, option: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CatalogueError(f"{option} has to be UTF-8") from None
    return value
