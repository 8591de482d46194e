"""Playlists that are there already: built again from their recipes, or extended."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import number_of, printable

from .. import playlist_paths
from ..similar import arguments
from ..similar.request import PlaylistContext, Request
from .build import Source, lengthened
from .target_copies import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from beets.library import Library
    from beets.logging import BeetsLogger

    from ..similar.options import SimilarOptions
    from ..similar.request import Result
    from .build import PlaylistBuilder, PlaylistState
    from .mixes import Mixes


class PlaylistRefresher:
    """Refreshes and extends playlists.

    Parameters
    ----------
    builder : PlaylistBuilder
    mixes : callable
        Gives those of the configuration, whose playlists may be refreshed, too.
    log : BeetsLogger
    """

    def __init__(self, builder: PlaylistBuilder, mixes: Callable[[], Mixes], log: BeetsLogger) -> None:
        self._builder, self._mixes, self._log = builder, mixes, log

    def refresh(self, lib: Library, name: str, own: SimilarOptions) -> Result:
        """Build a playlist again; ``own`` are the options that replace its recipe's.

        Returns
        -------
        result : Result
            What was found for it.
        """
        state = self._read(lib, name)
        source = self._source(lib, state)
        if source.mix is None:
            options = arguments.merged(source.request.options, own)
            arguments.require_applicable(replace(options, why=own.why), options.mode)  # the rest is checked with all
            source = replace(source, request=replace(source.request, options=options))
        elif arguments.asks_for_songs(own):
            raise UserError(f"{printable(name)} is a mix: its options are in the configuration")
        built = self._builder.rebuild(lib, state.path, source, state)
        shown = displayable_path(state.path)
        self._log.info("refreshed {}: {}, {} new", shown, number_of(built.songs, "song"), built.new)
        if built.removed or built.added:
            self._log.info("your changes are kept: {} removed, {} added", built.removed, built.added)
        return built.result

    def extend(self, lib: Library, name: str, own: SimilarOptions) -> Result:
        """Add songs to the end of a playlist; returns what was found for it."""
        state = self._read(lib, name)
        source = self._source(lib, state)
        before = source.request.options
        if before.to or before.artists or before.albums:
            what = "a journey" if before.to else "a playlist of artists or albums"
            raise UserError(f"{what} can't be extended: use --refresh with a larger --count")
        if state.has_foreign_paths:
            raise UserError(f"{printable(name)} has paths that another program changed: use --refresh first")
        options = replace(arguments.merged(before, own), count=own.count, length=own.length)
        last = self._builder.items_of(lib, state.path, state.document.entries[-1:])
        context = PlaylistContext(listed=state.listed, last=last[0] if last else None)
        request = replace(source.request, options=options, removed=state.unwanted, playlist=context)
        result = self._builder.search.find(lib, request)
        if result.songs:
            count = before.count or self._builder.search.settings.count
            options = lengthened(options, before, count, result.songs)
            whole = replace(source, request=replace(source.request, options=options))
            result = replace(result, count=options.count or 0)
            self._builder.write(lib, state.path, whole, result, state, extend=True)
            self._log.info("added {} to {}", number_of(len(result.songs), "song"), displayable_path(state.path))
        return result

    def _read(self, lib: Library, name: str) -> PlaylistState:
        path = playlist_paths.existing(self._builder.writer.settings, name)
        return self._builder.read_state(lib, os.path.realpath(path))

    def _source(self, lib: Library, state: PlaylistState) -> Source:
        """The request that a playlist's recipe makes; raises `UserError`."""
        command, *words = state.recipe.words
        shown, model = printable(displayable_path(state.path)), self._builder.search.card(lib).model_id
        if state.recipe.model not in ("", model):
            self._log.info("{} was made with model {}; now it is made with {}", shown, state.recipe.model, model)
        if command == "mixes" and len(words) == 1:
            return self._mixes().source(lib, words[0])
        if command == COMMAND:
            raise UserError(f"{shown} is a copy for one of musrec.playlist.targets: refresh the playlist itself")
        if command != "similar":
            raise UserError(f"the recipe in {shown} is for another command: {command}")
        try:
            options, args = arguments.parse(words)
        except UserError as error:
            raise UserError(f"the recipe in {shown} is damaged: {error}") from None
        if options.to:  # earlier versions took these, to no effect
            options = replace(options, with_seeds=False, no_seeds=False)
        return Source(Request(options, args))
