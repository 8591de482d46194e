"""``export-beets DIR.lance LIBRARY.db``: the embeddings of a dataset into the items of a beets library."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import textwrap
from typing import Any

from tqdm import tqdm

from ..._text import number_of
from ...card import Card
from ...errors import CatalogueError
from ..beets_exchange.exporting import ExportCounts, ExportOptions, export_library, exported
from ..beets_exchange.library import BeetsLibrary, open_library, shown_path
from .item_ids import add_id_arguments, checked_name, ids_from
from .options import add_dataset, open_catalogue

WIDTH = 80
_MODEL_ID = re.compile(r"[^@\s]+@[0-9a-f]{8}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_dataset(parser)
    parser.add_argument("library", metavar="LIBRARY.db", help="the library of beets; only items' musrec_* change")
    parser.add_argument("-p", "--pretend", action="store_true", help="write nothing, and say what would be")
    parser.add_argument("-f", "--force", action="store_true", help="replace other embeddings that items have")
    parser.add_argument("--where", metavar="SQL", help="only the tracks that fulfil a condition")
    parser.add_argument("--model", metavar="MODEL", help="the model whose embeddings are written (the dataset's)")
    parser.add_argument(
        "--match", choices=("id", "path"), default="id", help="find a track's item by its id (default) or its path"
    )
    add_id_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Export, and print what there was."""
    catalogue = open_catalogue(arguments)
    options = ExportOptions(
        ids_from(arguments),
        arguments.match == "path",
        checked_name(arguments, arguments.library),
        _model_id(arguments.model) or catalogue.columns.model,
        arguments.where,
        arguments.force,
        arguments.pretend,
    )
    if options.where is not None:
        catalogue.count(options.where)  # a condition that can't be understood is told as it was typed
    total = catalogue.count(exported(options.model, options.where))
    if not total:
        raise CatalogueError(f"{catalogue.uri} has no embedding of {options.model}{_that(options)}")
    bar: tqdm[Any]
    with open_library(arguments.library, write=not options.pretend) as library:
        with tqdm(total=total, unit=" tracks", disable=None, leave=False) as bar:
            counts = export_library(catalogue, library, options, done=bar.update)
        if arguments.json:
            print(json.dumps(dataclasses.asdict(counts)))
        else:
            print("\n".join(_lines(counts, options)))
            for note in _notes(library, options):
                print(textwrap.fill(note, WIDTH, break_on_hyphens=False, break_long_words=False))


def _model_id(text: str | None) -> str | None:
    """``NAME@sha256[:8]`` of a model that is named so, or by its name or file; raises `ModelError`."""
    return text if text is None or _MODEL_ID.fullmatch(text) else Card.load(text).model_id


def _that(options: ExportOptions) -> str:
    return "" if options.where is None else f" that fulfils {options.where!r}"


def _lines(counts: ExportCounts, options: ExportOptions) -> list[str]:
    verb = "would be written" if options.pretend else "written"
    found = "path" if options.by_path else "id"
    lines = [
        f"{number_of(counts.tracks, 'track')}: {number_of(counts.written, 'item')} {verb}, {counts.unchanged} unchanged"
    ]
    keep = "is kept: --force replaces it"
    said = [
        (counts.replaced, "item", "of those had another embedding"),
        (counts.differing, "item", f"with another embedding of this model, which {keep}"),
        *((count, "item", f"with an embedding of {model or 'no known model'}, which {keep}")
          for model, count in counts.other_models.items()),
        (counts.unmatched, "track", f"whose {found} no item has"),
        (counts.ambiguous, "track", f"whose {found} is that of several items or tracks"),
        (counts.elsewhere, "track", "of another library with an item's number: see --name and --match path"),
        (counts.damaged, "track", "with a damaged vector"),
    ]  # fmt: skip
    return lines + [f"{number_of(count, noun)} {what}" for count, noun, what in said if count]


def _notes(library: BeetsLibrary, options: ExportOptions) -> list[str]:
    """What the user's plugin makes of embeddings of this model."""
    notes = []
    shipped = Card.load().model_id
    if options.model != shipped:
        notes.append(
            f"note: beets embeds with {shipped} unless `musrec.model` names another; `beet embed` embeds songs of "
            f"{options.model} anew where it does not name that"
        )
    models = library.models()
    most = max(models, key=models.__getitem__, default=options.model)
    if most != options.model:
        notes.append(f"note: `beet similar` compares the songs of {most}, which most of {shown_path(library.path)} are")
    return notes
