"""Mixes: playlists that the configuration names, each made as `beet similar` makes one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from beets.dbcore.query import InvalidQueryError
from beets.ui import UserError
from beets.util import displayable_path
from confuse import ConfigError

from musrec_core._text import one_line

from ..attributes import fields
from ..library import sql
from ..similar import arguments, option_map, words_alone
from ..similar.option import Use
from ..similar.request import Request, check
from .build import Source
from .file_names import playlist_name
from .overwrite import has_recipe

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from ..config import MixSettings, SimilarSettings
    from ..similar.options import SimilarOptions
    from .build import Built, PlaylistBuilder

FORCE = "add --force to overwrite it"
OWN_KEYS = ("name", "seeds", "at_most")
KEYS = option_map.keys(Use.MIX)  # which are options


@dataclass(frozen=True)
class Mix:
    """One entry of ``musrec.mixes``."""

    name: str  # a template of beets: one playlist for each value that it takes among the seeds
    seeds: str  # a query
    options: SimilarOptions
    at_most: int  # playlists; 0: no limit

    @property
    def is_template(self) -> bool:
        """Whether the name depends on the song."""
        return "$" in self.name or "%" in self.name

    @property
    def is_single(self) -> bool:
        """Whether it makes one playlist, for its seeds are not just the songs of a query."""
        options = self.options
        return bool(
            options.to or options.at or options.files or options.from_playlist or options.recent or self.is_words_alone
        )

    @property
    def is_words_alone(self) -> bool:
        """Whether it has no seeds but words."""
        return words_alone.is_asked(self.options, [self.seeds] if self.seeds else [])


@dataclass(frozen=True)
class MixOutcome:
    """A playlist of a mix: what was built, or why nothing was."""

    name: str
    built: Built | None
    problem: str = ""


# The configuration.


def parse_mixes(entries: Sequence[Mapping[str, Any]], settings: SimilarSettings) -> list[Mix]:
    """The mixes of the configuration, checked; raises `UserError`."""
    found = [_parse_mix(entry, settings) for entry in entries]
    names = [mix.name for mix in found]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two mixes have the name {double}")
    return found


def _parse_mix(entry: Mapping[str, Any], settings: SimilarSettings) -> Mix:
    name = str(entry.get("name") or "").strip()
    if not name:
        raise UserError("a mix has no name")
    if unknown := [str(key) for key in entry if key not in KEYS and key not in OWN_KEYS]:
        known = ", ".join(sorted([*KEYS, *OWN_KEYS]))
        raise UserError(f"the mix {name} has the unknown setting {unknown[0]}; the known ones are {known}")
    try:
        options = option_map.parse({key: value for key, value in entry.items() if key in KEYS}, Use.MIX)
        seeds = _query(entry.get("seeds", ""))
        check(options, settings)
        arguments.require_companions(options, [seeds] if seeds else [], "seeds")
        if words_alone.is_asked(options, [seeds] if seeds else []):
            words_alone.check(options)
    except UserError as error:
        raise UserError(f"the mix {name}: {error}") from None
    at_most = entry.get("at_most", 0)
    if not isinstance(at_most, int) or isinstance(at_most, bool) or at_most < 0:
        raise UserError(f"the mix {name}: at_most has to be a number of playlists")
    mix = Mix(name, seeds, options, at_most)
    if not (options.to or options.with_seeds or mix.is_words_alone):
        mix = replace(mix, options=replace(options, no_seeds=True))
    if mix.is_template and mix.is_single:
        named = "sounds and no seeds" if mix.is_words_alone else "to, at, file, from_playlist or recent"
        raise UserError(f"the mix {name}: with {named}, its name can't contain a field")
    if at_most and not mix.is_template:
        raise UserError(f"the mix {name}: at_most needs a name with a field, such as `Like $artist`")
    if not seeds and not mix.is_single:
        raise UserError(f"the mix {name} has no seeds, a query such as `artist:Coldplay`, and no sounds")
    return mix


def _query(value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise UserError("seeds has to be a query, in quotes where it contains a colon and a space")
    text = str(value)
    sql.parse_option(text, "seeds")
    return text


# The playlists.


class Mixes:
    """The playlists that the configuration's mixes make.

    Parameters
    ----------
    settings : MixSettings
    builder : PlaylistBuilder
    log : BeetsLogger
    """

    def __init__(self, settings: MixSettings, builder: PlaylistBuilder, log: BeetsLogger) -> None:
        self._entries, self._builder, self._log = settings.mixes, builder, log

    def build(
        self, lib: Library, names: Sequence[str] = (), *, force: bool = False, pretend: bool = False
    ) -> Iterator[MixOutcome]:
        """Write the playlists of all mixes, or of those with some names (the mix's own, or a playlist's).

        What can't be built is told, and the others are built. Raises `UserError` where none can be.
        """
        if not self._builder.writer.settings.dir:
            raise UserError("set `musrec.playlist.dir` in the configuration: mixes are written to that folder")
        self._builder.copies.check(self._builder.writer.settings.dir)
        wanted, known = {name.casefold() for name in names}, set()
        for mix in self._parsed():
            groups = self._groups(lib, mix)
            known.add(mix.name.casefold())
            if not groups and (not wanted or mix.name.casefold() in wanted):
                yield MixOutcome(mix.name, None, self._why_none(lib, mix))
            for name, items in groups:
                known.add(name.casefold())
                if not wanted or wanted & {mix.name.casefold(), name.casefold()}:
                    yield self._build_one(lib, name, _source(mix, name, items), force=force, pretend=pretend)
        if missing := sorted(wanted - known):
            raise UserError(f"no mix in the configuration makes {one_line(missing[0])}")

    def source(self, lib: Library, name: str) -> Source:
        """What makes the playlist of this name; raises `UserError` where no mix makes it any more."""
        for mix in self._parsed():
            for group, items in self._groups(lib, mix):
                if group == name:
                    return _source(mix, group, items)
        raise UserError(f"no mix in the configuration makes {one_line(name)} any more")

    def _parsed(self) -> list[Mix]:
        return parse_mixes(self._entries, self._builder.search.settings)

    def _groups(self, lib: Library, mix: Mix) -> list[tuple[str, list[Item] | None]]:
        """The playlists of a mix: the name and the seeds of each, those with most seeds first."""
        if mix.is_single:
            return [(playlist_name(lib, mix.name), None)]
        found: dict[str, tuple[str, list[Item]]] = {}
        model_id = self._builder.search.card(lib).model_id
        for item in _matching(lib, mix):
            if fields.is_current(item, model_id):
                template = item.evaluate_template(mix.name, for_path=True) if mix.is_template else mix.name
                if name := playlist_name(lib, template):
                    found.setdefault(name.casefold(), (name, []))[1].append(item)
        ranked = sorted(found.values(), key=lambda group: (-len(group[1]), group[0]))
        return [(name, items) for name, items in ranked[: mix.at_most or None]]

    def _why_none(self, lib: Library, mix: Mix) -> str:
        """Why a mix makes no playlist."""
        if not (matched := _matching(lib, mix)):
            return f"no {'album' if mix.options.album else 'song'} matches its seeds: {mix.seeds}"
        model_id = self._builder.search.card(lib).model_id
        if not any(fields.is_current(item, model_id) for item in matched):
            return f"none of the {len(matched)} songs that its seeds match is embedded: run `beet embed`"
        return "its name is empty for each of its seeds"

    def _build_one(self, lib: Library, name: str, source: Source, *, force: bool, pretend: bool) -> MixOutcome:
        writer = self._builder.writer
        path = writer.path_of(name)
        try:
            writer.check_target(name)
            is_there = not force and os.path.exists(path) and os.path.getsize(path) > 0
            if is_there and not writer.settings.recipe and not has_recipe(path):
                is_there = False  # ours can't be told from others then
            state = self._builder.read_state(lib, os.path.realpath(path), advice=FORCE) if is_there else None
            if state and state.recipe.words != ("mixes", name):
                raise UserError(f"{displayable_path(path)} is another playlist: {FORCE}")
            built = self._builder.rebuild(lib, path, source, state, force=force, pretend=pretend)
        except UserError as error:
            return MixOutcome(name, None, str(error))
        return MixOutcome(name, built)


def _matching(lib: Library, mix: Mix) -> list[Item]:
    """The songs that the seeds of a mix match."""
    try:
        if mix.options.album:
            items = [item for album in lib.albums(mix.seeds) for item in album.items()]
        else:
            items = list(sql.items_of(lib, sql.matching_ids(lib, sql.parse(mix.seeds))))
    except InvalidQueryError as error:
        raise UserError(f"the mix {mix.name}: {error}") from None
    return items[: 1 if mix.options.first else None]


def _source(mix: Mix, name: str, items: list[Item] | None) -> Source:
    return Source(Request(mix.options, sql.words(mix.seeds) if items is None else [], items), name)


def build_after_import(mixes: Callable[[], Mixes], lib: Library, log: BeetsLogger) -> None:
    """Write all mixes; what can't be written is a line in the log, and never stops an import."""
    try:
        outcomes = list(mixes().build(lib))
    except (UserError, ConfigError) as error:
        log.warning("no mixes: {}", error)
        return
    for outcome in outcomes:
        if outcome.problem:
            log.warning("the mix {}: {}", outcome.name, outcome.problem)
    written = [outcome.built for outcome in outcomes if outcome.built]
    log.info("wrote {} mixes with {} new songs", len(written), sum(built.new for built in written))
