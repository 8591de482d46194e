"""Building a playlist: from a request to the file with its recipe, and what was changed in the file by hand since."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beets.library import Item
from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import number_of, printable
from musrec_core.errors import PlaylistError
from musrec_core.playlist import recipe as recipes
from musrec_core.playlist.recipe import Recipe

from ..library import song_keys, sql
from ..library.song_keys import RemovedSongs
from ..playlist_paths import STDOUT
from ..similar import arguments
from ..similar.request import PlaylistContext, Request
from ..similar.times import parse_length
from .overwrite import check_playlist

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from musrec_core.playlist.entry import Entry, Kept
    from musrec_core.playlist.recipe import Document

    from ..similar.find import SimilarSearch
    from ..similar.options import SimilarOptions
    from ..similar.request import Result
    from .files import PlaylistWriter
    from .target_copies import TargetCopies

MAX_SEEDS = 5  # seeds that the file names for a reader
SEPARATOR = "; "  # between them


@dataclass(frozen=True)
class Source:
    """What a playlist is made from: a request, and the name of the mix in the configuration that makes it, if any."""

    request: Request
    mix: str | None = None


@dataclass(frozen=True)
class PlaylistState:
    """A playlist as it is, and what was changed in it by hand since it was written.

    Attributes
    ----------
    listed : frozenset of str
        The keys of all songs that it holds.
    removed : frozenset of str
        The keys of songs that were removed.
    added : tuple of Kept
        The entries that were added.
    added_keys : frozenset of str
        The keys of those of them that are songs of the library.
    has_foreign_paths : bool
        Whether a program changed every path, so that nothing can be said of the songs.
    """

    path: bytes
    document: Document
    recipe: Recipe
    listed: frozenset[str]
    removed: frozenset[str]
    added: tuple[Kept, ...]
    added_keys: frozenset[str]
    has_foreign_paths: bool

    @property
    def unwanted(self) -> RemovedSongs:
        """What must not be found: songs that were removed, and those that are there by hand."""
        return RemovedSongs(self.removed | self.added_keys, self.listed - self.added_keys)


@dataclass(frozen=True)
class Built:
    """A playlist that was written: what was found for it, and how many songs it holds, new ones, changes by hand."""

    result: Result
    songs: int
    new: int
    removed: int
    added: int


class PlaylistBuilder:
    """Builds playlists.

    Parameters
    ----------
    search : SimilarSearch
    writer : PlaylistWriter
    copies : TargetCopies
        For the targets of the configuration.
    log : BeetsLogger
    """

    def __init__(self, search: SimilarSearch, writer: PlaylistWriter, copies: TargetCopies, log: BeetsLogger) -> None:
        self.search, self.writer, self.copies, self._log = search, writer, copies, log

    def check_new(self, name: str, *, force: bool) -> None:
        """Raise `UserError` where a playlist can't be written, or may not be overwritten."""
        check_playlist(self.writer, name, force=force)
        self.copies.check(self.writer.path_of(name))

    def write_new(self, lib: Library, name: str, request: Request, result: Result) -> None:
        """Write what `beet similar -m` found."""
        path = self.writer.path_of(name)
        built = self.write(lib, path, Source(request), result, None, force=request.options.force)
        if name != STDOUT:
            self._log.info("wrote {} to {}", number_of(built.songs, "song"), displayable_path(path))

    def rebuild(
        self,
        lib: Library,
        path: bytes,
        source: Source,
        state: PlaylistState | None,
        *,
        force: bool = False,
        pretend: bool = False,
    ) -> Built:
        """Build a playlist, or build it again, without the songs that were removed and with those that were added."""
        request = source.request
        context = PlaylistContext(
            begins_with_seed=request.options.may_begin_with_seeds,
            begins_with_seeds=state is not None and SEPARATOR in state.recipe.seeds,
        )
        removed = state.unwanted if state else request.removed
        result = self.search.find(lib, replace(request, playlist=context, removed=removed))
        if not result.songs:
            raise UserError(f"no song was found for the playlist {displayable_path(path)}: it is left as it is")
        return self.write(lib, path, source, result, state, force=force, pretend=pretend)

    def read_state(self, lib: Library, path: bytes, *, advice: str = "") -> PlaylistState:
        """Read a playlist and what was changed in it by hand; raises `UserError` where it has no recipe.

        Parameters
        ----------
        advice : str
            What the message then tells to do.
        """
        shown = printable(displayable_path(path))
        try:
            document = recipes.read(path)
        except OSError as error:
            raise UserError(f"the playlist {shown} can't be read: {error.strerror}") from None
        except PlaylistError as error:
            raise UserError(printable(str(error))) from None
        except ValueError as error:
            raise UserError(f"the recipe in {shown} is damaged: {error}" + (advice and f": {advice}")) from None
        if document.recipe is None:
            advice = advice or "`beet similar -m` writes one, and a player that saves the file may drop it"
            raise UserError(f"{shown} has no recipe: {advice}")
        return self._state(lib, path, document, document.recipe)

    def _state(self, lib: Library, path: bytes, document: Document, recipe: Recipe) -> PlaylistState:
        document = self.copies.merged(lib, path, document, recipe, self.writer)
        marks = {recipes.mark(entry.location) for entry in document.entries}
        written = dict.fromkeys(key for key, _ in recipe.songs)
        known = {mark for _, mark in recipe.songs}
        listed = {key for key, mark in recipe.songs if mark in marks}
        added = tuple(entry for entry in document.entries if recipes.mark(entry.location) not in known)
        foreign = bool(written and document.entries and not listed)
        if foreign:
            self._log.warning(
                "another program changed all paths in {}: songs that you removed are not recognised",
                printable(displayable_path(path)),
            )
            listed, added = set(written), ()
        added_keys = {song_keys.of_item(item) for item in self.items_of(lib, path, added)}
        return PlaylistState(
            path=path,
            document=document,
            recipe=recipe,
            listed=frozenset(listed | added_keys),
            removed=frozenset(song_keys.without((written.keys() | {*recipe.without}) - listed, added_keys)),
            added=added,
            added_keys=frozenset(added_keys),
            has_foreign_paths=foreign,
        )

    def items_of(self, lib: Library, path: bytes, entries: tuple[Kept, ...]) -> list[Item]:
        """The songs of the library that some entries of a playlist name."""
        found = self.writer.located(lib, path, entries).values()
        return list({item.id: item for item in found if isinstance(item, Item)}.values())

    def write(
        self,
        lib: Library,
        path: bytes,
        source: Source,
        result: Result,
        state: PlaylistState | None,
        *,
        extend: bool = False,
        force: bool = False,
        pretend: bool = False,
    ) -> Built:
        """Write the seeds and the songs with the recipe; with ``extend`` the songs alone, after what is there."""
        old = state.document if state else None
        removed, added = (state.removed, state.added) if state else (frozenset(), ())
        entries = self._entries(lib, path, result, state.unwanted if state else RemovedSongs(), with_seeds=not extend)
        before = [song for song in state.recipe.songs if song[0] in state.listed] if state else []
        songs = [(key, self.writer.mark(path, entry)) for key, entry in entries]
        options = settled(source.request.options, result, extend=extend)
        recipe = self._recipe(source, options, result, [*(before if extend else ()), *songs], removed)
        lines: list[Entry | Kept] = [entry for _, entry in entries]
        lines = [*old.entries, *lines] if old and extend else [*lines, *added]
        if not pretend:
            self.writer.save(path, lines, recipe, old)
            self.copies.write(
                lib, path, lines, recipe, self.writer,
                force=force, is_merged=state is not None, is_mix=source.mix is not None,
            )  # fmt: skip
        new = Counter(song_keys.name_of(key) for key, _ in songs) - Counter(song_keys.name_of(key) for key, _ in before)
        return Built(result, len(lines), new.total(), len(removed), len(added))

    def _entries(
        self, lib: Library, path: bytes, result: Result, unwanted: RemovedSongs, *, with_seeds: bool
    ) -> list[tuple[str, Entry]]:
        """The entries of the seeds, where the playlist begins with them, and of the songs, each after its key."""
        with_seeds = with_seeds and result.begins_with_seeds
        files = [file for file in result.seed_files if with_seeds and song_keys.of_file(file) not in unwanted.keys]
        items = [*(result.seed_items if with_seeds else []), *result.songs]
        removed = song_keys.removed_namesakes(lib, [sql.id_of(item) for item in items], unwanted)
        return self.writer.entries(
            path, files, [item for item in items if item.id not in removed.get(sql.id_of(item), ())]
        )

    def _recipe(
        self,
        source: Source,
        options: SimilarOptions,
        result: Result,
        songs: list[tuple[str, str]],
        removed: frozenset[str],
    ) -> Recipe:
        words = tuple(arguments.to_words(options, source.request.args))
        names = result.seed_names()
        more = f"; and {len(names) - MAX_SEEDS} more" if len(names) > MAX_SEEDS else ""
        return Recipe(
            words=("similar", *words) if source.mix is None else ("mixes", source.mix),
            options=() if source.mix is None else words,
            model=result.model_id,
            seeds=SEPARATOR.join(names[:MAX_SEEDS]) + more,
            songs=tuple(songs),
            without=tuple(sorted(removed)),
        )


# The options of a recipe.


def settled(options: SimilarOptions, result: Result, *, extend: bool) -> SimilarOptions:
    """The options, and what the configuration and chance decided."""
    options = replace(options, shuffle=False, seed=result.random_seed)
    if options.length is None:
        options = replace(options, count=result.count)
    many = len(result.seed_items) + len(result.seed_files) > 1
    if options.may_begin_with_seeds and many and not result.begins_with_seeds and not extend:
        # a recipe that does not say so is an earlier version's, and begins with all of them
        options = replace(options, no_seeds=True)
    return options


def lengthened(options: SimilarOptions, before: SimilarOptions, count: int, songs: list[Item]) -> SimilarOptions:
    """The options that ask for the whole list, once songs were added to what ``before`` (``count`` songs) asked for."""
    if before.length is None:
        return replace(options, count=count + len(songs), length=None)
    seconds = parse_length(before.length) + sum(item.length for item in songs)
    return replace(options, count=None, length=f"{round(seconds)}s")
