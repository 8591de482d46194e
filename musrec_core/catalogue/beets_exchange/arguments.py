"""The options that import and export have in common."""

from __future__ import annotations

import argparse

from ...errors import CatalogueError
from .ids import ItemIds
from .importing import library_name


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


def add_storage_argument(parser: argparse.ArgumentParser) -> None:
    """What the dataset's object storage needs."""
    parser.add_argument(
        "--storage-option",
        action="append",
        default=[],
        type=_pair,
        metavar="KEY=VALUE",
        help="of the dataset's object storage, such as aws_endpoint=URL; may be repeated",
    )


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form KEY=VALUE")
    return name.strip(), value


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
