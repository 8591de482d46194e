"""``beet musicmap``: the library as a map, on a page or as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from beets.library import Item
from beets.ui import UserError
from beets.util import displayable_path, normpath

from musrec_core import attribute_text
from musrec_core._files import atomic_write
from musrec_core._text import one_line, printable
from musrec_core.map import colours, page, projection
from musrec_core.map.page import Song
from musrec_core.words import tables

from .. import option_checks, progress
from ..attributes import fields
from ..library import coverage, sql
from ..overwrite import check_page

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.dbcore.types import Type
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.map.colours import Colouring

    from ..components import Components
    from ..genres.vocabulary import Genres

NEEDS = {".html": ("plotly", "sklearn"), ".htm": ("plotly", "sklearn"), ".png": ("matplotlib", "sklearn")}
GENRE = "musrec_genre"
CHOICES = ("genres", "artist", "year", GENRE)  # what the page can always be coloured by
COLUMNS = ("path", "title", "artist", "album", "genres", "year", "length")
PATHS = ("path", "artpath")  # fields that are one
FEWEST = 3


class MusicmapCLIOpts(Protocol):
    color: str | None
    force: bool
    no_paths: bool
    output: str | None
    quiet: bool


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options] [QUERY] -o FILE"
    parser.description = (
        "Draw a map of the embedded songs, or of those that QUERY matches. FILE.html is a page for the browser: search "
        "it, colour it, draw around songs and take them away as a beets command or a playlist. FILE.png is a picture. "
        "Requires: pip install 'beets-musrec[map]'"
    )
    parser.add_option("-o", "--output", metavar="FILE", help="the file to write: .html or .png")
    parser.add_option("-c", "--color", "--colour", metavar="FIELD",
                      help="the field to colour by: artist, year or any other (default: genres)")  # fmt: skip
    parser.add_option("--no-paths", action="store_true", default=False,
                      help="make a page to share: without file paths, and so without playlists")  # fmt: skip
    parser.add_option("--force", action="store_true", default=False,
                      help="overwrite a file that another program made")  # fmt: skip
    parser.add_option("-q", "--quiet", action="store_true", default=False, help="no progress")


def run(components: Components, parser: OptionParser, lib: Library, opts: MusicmapCLIOpts, args: list[str]) -> None:
    option_checks.require_filled(parser, opts)
    if (opts.output or "").lower().endswith(".png"):
        option_checks.require(parser, opts, "a .png map", {"output", "color", "quiet", "force"})
    target = _target(opts.output)
    check_page(target, force=opts.force)
    field = (opts.color or components.settings.musicmap.color).lower()
    if opts.no_paths and field in PATHS:
        raise UserError(f"a map coloured by {field} shows paths: leave out --no-paths, or choose another --color")
    ids, vectors, card = _embedded(components, lib, args)
    is_page = target.suffix.lower() != ".png"
    names = list(dict.fromkeys([field, *(CHOICES if is_page else ())]))
    colourings = [
        _colouring(
            name, _predicted_genres(components.genres, lib, ids, vectors) if name == GENRE else _values(lib, ids, name)
        )
        for name in names
    ]
    places = _places(vectors, quiet=opts.quiet)

    if is_page:
        words = components.words.find(card)
        sounds = tables.typical_words(words, vectors) if words else [[]] * len(ids)
        songs = _songs(lib, ids, sounds)
        content = page.html(songs, places, colourings, paths=not opts.no_paths, words=words.names if words else ())
    else:
        content = page.png(places, colourings[0])
    try:
        with atomic_write(target) as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"{_shown(target)} can't be written: {error.strerror}") from None
    components.log.info("wrote a map of {} songs to {}", len(ids), _shown(target))


# The file.


def _target(output: str | None) -> Path:
    """Where the map goes; raises `UserError` where it can't, before the work and not after it."""
    if not output:
        raise UserError("name the file to write, as in: beet musicmap -o map.html")
    path = Path(os.fsdecode(normpath(output)))
    if path.suffix.lower() not in NEEDS:
        raise UserError(f"the map's file name has to end in .html or .png: {_shown(path)}")
    if missing := [name for name in NEEDS[path.suffix.lower()] if find_spec(name) is None]:
        raise UserError(f"a map needs {' and '.join(missing)}: pip install 'beets-musrec[map]'")
    if path.is_dir():
        raise UserError(f"{_shown(path)} is a folder")
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(f"{_shown(path)} can't be written: no permission in {_shown(folder)}" if folder.is_dir()
                        else f"{_shown(path)} can't be written: {_shown(folder)} is not a folder")  # fmt: skip
    return path


def _shown(path: Path) -> str:
    return printable(displayable_path(os.fsencode(path)))


# The songs.


def _embedded(components: Components, lib: Library, args: list[str]) -> tuple[list[int], NDArray[np.float32], Card]:
    """The songs that the query matches and that have a vector [shape=(n, d)], by import; the model."""
    snapshot = components.vectors.get(lib, "embedding")
    ids = np.array(sorted(_matching(lib, components.settings.library.exclude, args)), np.int64)
    if not len(ids):
        raise UserError("`musrec.exclude` leaves no song for the map")
    part = snapshot.index.among(ids.tolist())
    left = components.embedder_of(snapshot.card).needs_embedding(lib, set(ids.tolist()) - set(part.ids.tolist())).ids
    if len(part) < FEWEST:
        hint = "run `beet embed`" if left else "widen QUERY" if args else "run `beet import`"
        raise UserError(f"a map needs {FEWEST} embedded songs or more, but there are {len(part)}: {hint}")
    if snapshot.card is not components.vectors.models.configured:
        components.log.info(
            "{}", coverage.what_is_left(snapshot.counts, snapshot.card.model_id, components.card.model_id)
        )
    elif left:
        components.log.info(
            "{} of {} songs are not embedded yet and not on the map: run `beet embed`", len(left), len(ids)
        )
    order = np.argsort(part.ids)
    return part.ids[order].tolist(), part.vectors[order], snapshot.card


def _matching(lib: Library, exclude: str, args: list[str]) -> list[int]:
    """Without songs that ``musrec.exclude`` matches."""
    ids = sql.matching(lib, args)
    if not exclude:
        return ids
    excluded = set(sql.matching_ids(lib, sql.parse_option(exclude, "musrec.exclude"), among=ids))
    return [id_ for id_ in ids if id_ not in excluded]


def _songs(lib: Library, ids: Sequence[int], sounds: Sequence[Sequence[int]]) -> list[Song]:
    return [
        Song(
            id_,
            path,
            title or "",
            artist or "",
            album or "",
            "; ".join(_texts(genres)),
            str(year or ""),
            length or 0,
            words,
        )
        for id_, words, (path, title, artist, album, genres, year, length) in zip(
            ids, sounds, _columns(lib, ids, COLUMNS), strict=True
        )
    ]


def _columns(lib: Library, ids: Sequence[int], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Some columns of the songs, as beets gives them: absolute paths, lists of genres."""
    found = sql.columns(lib, ids, names)
    kinds = [Item._type(name) for name in names]
    empty = (None,) * len(names)  # gone since
    return [
        tuple(kind.from_sql(value) for kind, value in zip(kinds, found.get(id_, empty), strict=True)) for id_ in ids
    ]


def _texts(value: Any) -> list[str]:
    """A field's value or values as text."""
    values = value if isinstance(value, list) else [value]
    return [text for text in (one_line(str(one)) for one in values if one is not None) if text]


# Colours and places.


def _predicted_genres(
    genres: Genres, lib: Library, ids: Sequence[int], vectors: NDArray[np.float32]
) -> list[str | None]:
    """The likeliest genre of each song, by the vocabulary that was learnt, if any; or by the model."""
    if own := genres.in_use(lib.path):
        p = own.probabilities(vectors)
        best = zip(p.argmax(axis=1).tolist(), p.max(axis=1).tolist(), strict=True)
        return [own.labels[k] if sure >= genres.abstain else None for k, sure in best]
    stored = sql.attributes(lib, ids, fields.GENRES)
    return [next(iter(attribute_text.parse_pairs(stored.get(id_, ""))), None) for id_ in ids]


def _colouring(field: str, values: list[Any]) -> Colouring:
    kind = Item._type(field)
    if all(value is None for value in values):
        if field in CHOICES or field in Item._fields:
            return colours.by_text(field, [""] * len(values))
        raise UserError(f"no song on the map has the field {printable(field)}")
    if kind.model_type in (int, float) or all(value is None or _is_number(value) for value in values):
        numbers = [float(value) if _is_number(value) else None for value in values]
        if field in Item._fields:  # beets' columns hold 0 for what is not known
            numbers = [number or None for number in numbers]
        return colours.by_number(field, numbers, lambda number: _said(kind, number))
    return colours.by_text(field, [next(iter(_texts(value)), "") for value in values])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(kind: Type, number: float) -> str:
    """A number as beets prints the field: a length as 3:45, a time as a date."""
    return one_line(kind.format(int(number) if kind.model_type is int else number))


def _values(lib: Library, ids: Sequence[int], field: str) -> list[Any]:
    """One field of the songs: by SQL where it is a column; else of the whole items."""
    if field in Item._fields:
        return [row[0] for row in _columns(lib, ids, (field,))]
    found = {item.id: item.get(field) for item in sql.items_of(lib, ids)}
    return [found.get(id_) for id_ in ids]


def _places(vectors: NDArray[np.float32], *, quiet: bool) -> NDArray[np.float32]:
    form = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with progress.bar(1.0, desc="map", bar_format=form, quiet=quiet) as bar:

        def tell(share: float) -> None:
            bar.update(share - bar.n)

        return projection.project(vectors, progress=tell)
