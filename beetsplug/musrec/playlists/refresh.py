"""A playlist knows its recipe: written into the file, made anew from there, continued."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path, normpath

from musrec_core._text import number_of, printable
from musrec_core.errors import PlaylistError

from ..library import song_keys, sql
from ..similar import options, request
from . import files as files_module

if TYPE_CHECKING:
    from beets.library import Item, Library

    from musrec_core.playlist.m3u import Entry
    from musrec_core.playlist.recipe import Document, Kept, Recipe

    from ..commands.similar import SimilarCLIOpts
    from ..components import Components
    from ..similar.request import Request, Result

TITLES = 5  # seeds that the file names for a reader
SEPARATOR = "; "  # between them


@dataclass(frozen=True)
class Source:
    """What makes a playlist: a question, and the name of the mix in the configuration that asks it, if one does."""

    asked: Request
    mix: str | None = None


@dataclass(frozen=True)
class PlaylistState:
    """A playlist as it is, beside what was written: keys of songs that were taken out, and entries that were added."""

    path: bytes
    document: Document
    recipe: Recipe
    listed: frozenset[str]  # the keys of all that it holds
    gone: frozenset[str]
    added: tuple[Kept, ...]
    added_keys: frozenset[str]
    foreign: bool  # a program has changed every path

    @property
    def out(self) -> song_keys.RemovedSongs:
        """What must not come: it was taken out, or is there by hand."""
        return song_keys.RemovedSongs(self.gone | self.added_keys, self.listed - self.added_keys)


@dataclass(frozen=True)
class Built:
    """What became of a playlist."""

    answer: Result
    songs: int  # in the file
    new: int
    gone: int
    added: int


# The commands.


def write_new(
    plugin: Components, lib: Library, name: str, opts: SimilarCLIOpts, args: list[str], answer: Result
) -> None:
    """Write what `beet similar -m` found."""
    path = os.fsencode(name) if name == files_module.STDOUT else files_module.target(plugin, name)
    made = _write(plugin, lib, path, Source(request.Request(opts, args)), answer, None)
    if name != files_module.STDOUT:
        plugin._log.info("wrote {} to {}", number_of(made.songs, "song"), displayable_path(path))


def refresh(plugin: Components, lib: Library, name: str, own: SimilarCLIOpts) -> list[Item]:
    """Make a playlist anew; returns what it holds now of the songs that were found."""
    standing = read_state(plugin, lib, _existing(plugin, name))
    source = source_of(plugin, lib, standing)
    if source.mix is None:
        source = replace(source, asked=replace(source.asked, opts=options.merged(source.asked.opts, own)))
    elif options.given(own):
        raise UserError(f"{printable(name)} is a mix: its options are in the configuration")
    made = rebuild(plugin, lib, standing.path, source, standing)
    shown = displayable_path(standing.path)
    plugin._log.info("refreshed {}: {}, {} new", shown, number_of(made.songs, "song"), made.new)
    if made.gone or made.added:
        plugin._log.info("your changes are kept: {} removed, {} added", made.gone, made.added)
    return made.answer.songs


def extend(plugin: Components, lib: Library, name: str, own: SimilarCLIOpts) -> list[Item]:
    """Continue a playlist; returns the songs that were added."""
    standing = read_state(plugin, lib, _existing(plugin, name))
    source = source_of(plugin, lib, standing)
    before = source.asked.opts
    if before.to:
        raise UserError("a journey can't be extended: use --refresh with a larger --count")
    if standing.foreign:
        raise UserError(f"{printable(name)} has had all its paths changed by another program: --refresh it first")
    opts = options.merged(before, own)
    opts.count, opts.length = own.count, own.length
    last = _items(plugin, lib, standing.path, standing.document.entries[-1:])
    listing = request.Listing(keys=standing.listed, last=last[0] if last else None)
    answer = request.find_similar(plugin, lib, replace(source.asked, opts=opts, without=standing.out), listing)
    if answer.songs:
        options.lengthen(opts, request.how_many(plugin, before), before.length, answer)
        whole = replace(source, asked=replace(source.asked, opts=opts))
        _write(plugin, lib, standing.path, whole, replace(answer, count=opts.count or 0), standing, further=True)
        plugin._log.info("added {} to {}", number_of(len(answer.songs), "song"), displayable_path(standing.path))
    return answer.songs


def rebuild(
    plugin: Components,
    lib: Library,
    path: bytes,
    source: Source,
    standing: PlaylistState | None,
    *,
    memory: request.Memory | None = None,
    pretend: bool = False,
) -> Built:
    """Make a playlist, or make it anew without what was taken out and with what was added by hand."""
    asked = source.asked
    if standing:
        asked = replace(asked, without=standing.out)
    many = standing is not None and SEPARATOR in standing.recipe.seeds
    listing = request.Listing(seeds=options.leads(asked.opts), many=many)
    answer = request.find_similar(plugin, lib, asked, listing, memory)
    if not answer.songs:
        raise UserError(f"no song was found for the playlist {displayable_path(path)}: it is left as it is")
    return _write(plugin, lib, path, source, answer, standing, pretend=pretend)


# What stands in the file.


def read_state(plugin: Components, lib: Library, path: bytes, *, otherwise: str = "") -> PlaylistState:
    """Read a playlist and what was done to it by hand; raises `UserError` where it has no recipe.

    ``otherwise`` is what the message then advises.
    """
    from musrec_core.playlist import recipe as recipe_module

    shown = printable(displayable_path(path))
    try:
        document = recipe_module.read(path)
    except OSError as error:
        raise UserError(f"the playlist {shown} can't be read: {error.strerror}") from None
    except PlaylistError as error:
        raise UserError(printable(str(error))) from None
    except ValueError as error:
        raise UserError(f"the recipe in {shown} is damaged: {error}" + (otherwise and f": {otherwise}")) from None
    if document.recipe is None:
        otherwise = otherwise or "`beet similar -m` writes one, and a player that saves the file may drop it"
        raise UserError(f"{shown} holds no recipe: {otherwise}")
    marks = {recipe_module.mark(entry.location) for entry in document.entries}
    written = dict.fromkeys(key for key, _ in document.recipe.songs)
    known = {mark for _, mark in document.recipe.songs}
    listed = {key for key, mark in document.recipe.songs if mark in marks}
    added = tuple(entry for entry in document.entries if recipe_module.mark(entry.location) not in known)
    foreign = bool(written and document.entries and not listed)
    if foreign:
        plugin._log.warning("another program changed all paths in {}: songs that you removed are not recognised", shown)
        listed, added = set(written), ()
    added_keys = {song_keys.of_item(item) for item in _items(plugin, lib, path, added)}
    return PlaylistState(
        path=path,
        document=document,
        recipe=document.recipe,
        listed=frozenset(listed | added_keys),
        gone=frozenset(song_keys.without((written.keys() | {*document.recipe.without}) - listed, added_keys)),
        added=added,
        added_keys=frozenset(added_keys),
        foreign=foreign,
    )


def _existing(plugin: Components, name: str) -> bytes:
    """The playlist of this name, here or where playlists go."""
    paths = (normpath(name), files_module.target(plugin, name))
    for is_there in (os.path.isfile, os.path.lexists):  # of what is no file the reader says what it is
        if found := next(filter(is_there, paths), None):
            return os.path.realpath(found)
    raise UserError(f"there is no playlist {printable(name)}")


def _items(plugin: Components, lib: Library, path: bytes, entries: tuple[Kept, ...]) -> list[Item]:
    """The songs of the library that some entries name."""
    from musrec_core.playlist.reading import Locator

    bases = [os.path.dirname(path), *filter(None, [files_module.relative_to(plugin)])]
    locator = Locator(bases)
    files = [file for entry in entries if (file := locator.find(entry.location)) is not None]
    return list(sql.items_at(lib, files).values())


def source_of(plugin: Components, lib: Library, standing: PlaylistState) -> Source:
    """The question that a playlist's recipe asks; raises `UserError`."""
    from ..commands.similar import question_parser
    from . import mixes

    command, *rest = standing.recipe.words
    shown = printable(displayable_path(standing.path))
    if standing.recipe.model not in ("", plugin.card.model_id):
        plugin._log.info(
            "{} was made with model {}; now it is made with {}", shown, standing.recipe.model, plugin.card.model_id
        )
    if command == "mixes" and len(rest) == 1:
        return mixes.source(plugin, lib, rest[0])
    if command != "similar":
        raise UserError(f"the recipe in {shown} is for another command: {command}")
    try:
        opts, args = question_parser().parse_args(rest)
    except UserError as error:
        raise UserError(f"the recipe in {shown} is damaged: {error}") from None
    return Source(request.Request(options.complete(opts), args))


# Writing.


def _write(
    plugin: Components,
    lib: Library,
    path: bytes,
    source: Source,
    answer: Result,
    standing: PlaylistState | None,
    *,
    further: bool = False,
    pretend: bool = False,
) -> Built:
    """Write the seeds and the songs with the recipe; with ``further`` the songs alone, after what is there."""
    from musrec_core.playlist.recipe import Recipe

    old = standing.document if standing else None
    gone, added = (standing.gone, standing.added) if standing else (frozenset(), ())
    out = standing.out if standing else song_keys.RemovedSongs()
    with_seeds = answer.leads and not further
    files = [file for file in answer.files if with_seeds and song_keys.of_file(file) not in out.keys]
    items = [*(answer.items if with_seeds else []), *answer.songs]
    taken_out = song_keys.removed_namesakes(lib, [sql.id_of(item) for item in items], out)
    items = [item for item in items if item.id not in taken_out.get(sql.id_of(item), ())]
    entries = files_module.entries(plugin, files, items)
    before = [song for song in standing.recipe.songs if song[0] in standing.listed] if standing else []
    songs = [(key, files_module.mark(plugin, entry)) for key, entry in entries]

    opts = options.settled(source.asked.opts, answer, further=further)
    said = options.words(opts, source.asked.args)
    names = answer.names()
    recipe = Recipe(
        words=("similar", *said) if source.mix is None else ("mixes", source.mix),
        options=() if source.mix is None else tuple(said),
        model=plugin.card.model_id,
        seeds=SEPARATOR.join(names[:TITLES]) + (f"; and {len(names) - TITLES} more" if len(names) > TITLES else ""),
        songs=(*(before if further else ()), *songs),
        without=tuple(sorted(gone)),
    )
    lines: list[Entry | Kept] = [entry for _, entry in entries]
    kept = [*old.entries, *lines] if old and further else [*lines, *added]
    if not pretend:
        files_module.save(plugin, path, kept, recipe, old)
    new = Counter(song_keys.name_of(key) for key, _ in songs) - Counter(song_keys.name_of(key) for key, _ in before)
    return Built(answer, len(kept), new.total(), len(gone), len(added))
