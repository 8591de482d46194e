"""``import-beets LIBRARY.db --out DIR.lance``: the embeddings of a beets library into a dataset."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from tqdm import tqdm

from ..._text import number_of, one_line
from ..beets_exchange.importing import ImportCounts, ImportOptions, import_library
from ..beets_exchange.library import BeetsItem, open_library
from .item_ids import add_id_arguments, checked_name, ids_from
from .options import add_storage_option, storage_options

TOLD = 10  # damaged embeddings, in a line each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("library", metavar="LIBRARY.db", help="the library of beets; it is only read")
    parser.add_argument("--out", required=True, metavar="DIR.lance", help="the dataset, new or there already")
    parser.add_argument(
        "--model", metavar="MODEL", help="the model whose embeddings are taken (the dataset's, else the shipped one)"
    )
    add_id_arguments(parser)
    parser.add_argument("--prune", action="store_true", help="delete this library's tracks that it has no more")
    parser.add_argument("-f", "--force", action="store_true", help="replace tracks of the same ids from elsewhere")
    add_storage_option(parser)
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Import, and print what there was."""
    options = ImportOptions(
        ids_from(arguments),
        checked_name(arguments, arguments.library),
        arguments.force,
        arguments.prune,
        arguments.model,
        storage_options(arguments),
    )
    bar: tqdm[Any]
    with (
        open_library(arguments.library) as library,
        tqdm(total=len(library), unit=" songs", disable=None, leave=False) as bar,
    ):
        counts = import_library(library, arguments.out, options, damaged=_Damaged(bar), done=bar.update)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(counts)))
    else:
        print("\n".join(_lines(counts)))


class _Damaged:
    """Tells the first damaged embeddings, in a line each."""

    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar, self._count = bar, 0

    def __call__(self, item: BeetsItem) -> None:
        self._count += 1
        if self._count <= TOLD:
            name = one_line((item.path or b"").decode("utf-8", "replace"))
            with self._bar.external_write_mode():
                print(f"a damaged embedding: item {item.id}, {name}", file=sys.stderr)


def _lines(counts: ImportCounts) -> list[str]:
    lines = [
        f"{number_of(counts.items, 'song')}: {counts.new} new, {counts.changed} changed, {counts.unchanged} unchanged"
    ]
    said = [
        (counts.failed, "song", "of those could not be embedded: see `status`"),
        (counts.not_embedded, "song", "not embedded: run `beet embed`"),
        (counts.damaged, "song", "with a damaged embedding: run `beet embed`"),
        *((count, "song", f"of {model or 'no model'}, and not of {counts.model}")
          for model, count in counts.other_models.items()),
        (counts.without_id, "song", "without an id"),
        (counts.repeated, "song", "with the id of an earlier one"),
        (counts.elsewhere, "song", "with the id of a track from elsewhere: --force replaces that"),
        (counts.gone - counts.deleted, "track", "not in the library any more: see --prune"),
        (counts.deleted, "track", "deleted, not in the library any more"),
    ]  # fmt: skip
    return lines + [f"{number_of(count, noun)} {what}" for count, noun, what in said if count]
