"""Mixes: playlists that the configuration names, each a question of `beet similar`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beets.dbcore.query import InvalidQueryError
from beets.ui import UserError
from beets.util import displayable_path, sanitize_path
from confuse import ConfigError

from musrec_core._text import one_line

from .. import option_checks
from ..attributes import fields
from ..library import sql
from ..similar import options, request
from . import files, overwrite, refresh

if TYPE_CHECKING:
    from beets.library import Item, Library

    from ..commands.similar import SimilarCLIOpts
    from ..components import Components
    from .refresh import Built, Source

FORCE = "add --force to write over it"
OWN = ("name", "seeds", "with_seeds", "at_most")
LIMIT = 200  # bytes of a file's name
_NEVER = re.compile(r"[\x00-\x1f\x7f\\]" if os.name != "nt" else r'[\x00-\x1f\x7f\\<>:"|?*]')
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])( *\..*)?", re.IGNORECASE
)  # Windows'


@dataclass(frozen=True)
class Mix:
    """One entry of ``musrec.mixes``."""

    name: str  # a template of beets: one playlist for each value that it takes among the seeds
    seeds: str  # a query
    opts: SimilarCLIOpts
    at_most: int  # playlists; 0: no limit

    @property
    def many(self) -> bool:
        """Whether the name depends on the song."""
        return "$" in self.name or "%" in self.name


@dataclass(frozen=True)
class MixOutcome:
    """A playlist of a mix, and what became of it: it was made, or could not be."""

    name: str
    made: Built | None
    problem: str = ""


# The configuration.


def configured(plugin: Components) -> list[Mix]:
    """The mixes, checked; raises `UserError`."""
    entries = plugin.config["mixes"].get()
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError("musrec.mixes has to be a list of mixes, each with a name and seeds")
    found = [_mix(plugin, entry) for entry in entries]
    names = [mix.name for mix in found]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two mixes have the name {double}")
    return found


def _mix(plugin: Components, entry: dict[str, Any]) -> Mix:
    from ..commands.similar import question_parser

    name = str(entry.get("name") or "").strip()
    if not name:
        raise UserError("a mix has no name")
    parser = question_parser()
    flags = {option.get_opt_string()[2:].replace("-", "_"): option for option in parser.option_list}
    del flags["no_seeds"], flags["with_seeds"]
    if unknown := [str(key) for key in entry if key not in flags and key not in OWN]:
        known = ", ".join(sorted([*flags, *OWN]))
        raise UserError(f"the mix {name} has the unknown setting {unknown[0]}; the known ones are {known}")
    with_seeds = entry.get("with_seeds", False)
    if not isinstance(with_seeds, bool):
        raise UserError(f"the mix {name}: with_seeds has to be yes or no")
    words = ["--with-seeds" if with_seeds else "--no-seeds"]
    for key, value in entry.items():
        if key not in OWN:
            words += _words(name, key, flags[key], value)
    try:
        opts, _ = parser.parse_args(words)
        option_checks.require_filled(parser, opts)
        seeds = _query(name, entry.get("seeds", ""))
        request.check(plugin, options.complete(opts))
    except UserError as error:
        raise UserError(f"the mix {name}: {error}") from None
    at_most = entry.get("at_most", 0)
    if not isinstance(at_most, int) or at_most < 0:
        raise UserError(f"the mix {name}: at_most has to be a number of playlists")
    mix = Mix(name, seeds, options.complete(opts), at_most)
    if mix.many and _single(mix.opts):
        raise UserError(f"the mix {name}: with to, at, file or from_playlist, its name can't contain a field")
    if not seeds and not _single(mix.opts):
        raise UserError(f"the mix {name} has no seeds, a query such as `artist:Coldplay`")
    return mix


def _words(name: str, key: str, option: Any, value: Any) -> list[str]:
    """One setting as words of the command line."""
    flag = option.get_opt_string()
    if option.action == "store_true":
        if not isinstance(value, bool):
            raise UserError(f"the mix {name}: {key} has to be yes or no")
        return [flag] if value else []
    if isinstance(value, dict):  # weigh: {rating: 0.2}
        value = [f"{field}:{weight}" for field, weight in value.items()]
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, bool | dict | list) or each is None for each in values):
        raise UserError(f"the mix {name}: {key} has to be a text or a number")
    if len(values) > 1 and option.action != "append":
        raise UserError(f"the mix {name}: {key} takes one value")
    return [word for each in values for word in (flag, str(each))]


def _query(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise UserError("seeds has to be a query, in quotes where it contains a colon and a space")
    text = str(value)
    sql.parse_option(text, "seeds")
    return text


def _single(opts: SimilarCLIOpts) -> bool:
    """Whether the seeds are no songs of a query alone."""
    return bool(opts.to or opts.at or opts.files or opts.from_playlist)


# The playlists.


def groups(plugin: Components, lib: Library, mix: Mix) -> list[tuple[str, list[Item] | None]]:
    """The playlists of a mix: the name and the seeds of each, those with most seeds first."""
    if _single(mix.opts):
        return [(_file_name(lib, mix.name), None)]
    found: dict[str, tuple[str, list[Item]]] = {}
    for item in _seeds(plugin, lib, mix):
        name = _file_name(lib, item.evaluate_template(mix.name, for_path=True) if mix.many else mix.name)
        if name:
            found.setdefault(name.casefold(), (name, []))[1].append(item)
    ranked = sorted(found.values(), key=lambda group: (-len(group[1]), group[0]))
    return [(name, items) for name, items in ranked[: mix.at_most or None]]


def _seeds(plugin: Components, lib: Library, mix: Mix) -> Iterator[Item]:
    """The songs that a mix starts from, as far as they are embedded."""
    for item in _matching(lib, mix):
        if fields.is_current(item, plugin.card.model_id):
            yield item


def _matching(lib: Library, mix: Mix) -> list[Item]:
    """The songs that the seeds of a mix match."""
    try:
        if mix.opts.album:
            items = [item for album in lib.albums(mix.seeds) for item in album.items()]
        else:
            items = list(sql.items_of(lib, sql.matching_ids(lib, sql.parse(mix.seeds))))
    except InvalidQueryError as error:
        raise UserError(f"the mix {mix.name}: {error}") from None
    return items[: 1 if mix.opts.first else None]


def _why_none(plugin: Components, lib: Library, mix: Mix) -> str:
    """Why a mix makes no playlist."""
    if not (matched := _matching(lib, mix)):
        return f"no {'album' if mix.opts.album else 'song'} matches its seeds: {mix.seeds}"
    if not any(fields.is_current(item, plugin.card.model_id) for item in matched):
        return f"none of the {len(matched)} songs that its seeds match is embedded: run `beet embed`"
    return "its name is empty for each of its seeds"


def _file_name(lib: Library, name: str) -> str:
    """A name that a file may have everywhere, below folders if the mix names some; empty where nothing is left of it.

    Whatever the song's tags hold, and whatever a `replace` of the user's own leaves of them, it stays below the folder
    that it is put in. A long one is cut, but keeps its ending.
    """
    ending = next((ending for ending in files.ENDINGS if name.lower().endswith(ending)), "")
    *folders, stem = name[: len(name) - len(ending)].split("/")
    if not stem.strip(" ."):
        return ""
    *deeper, stem = [part for each in (*folders, stem) for part in _parts(lib, each)] or [""]
    return os.path.join(*deeper, stem + ending) if stem else ""


def _parts(lib: Library, name: str) -> list[str]:
    """One name of a path after the user's replacements, made safe; those may bring in a separator, or leave nothing."""
    clean = sanitize_path(_NEVER.sub("_", name), lib.replacements) if name else ""
    parts = [_NEVER.sub("_", part) for part in clean.split("/")]
    return [_harmless(part) for part in parts if part.strip(" .")]


def _harmless(part: str) -> str:
    """A file's name that no system takes for another: `~`, `CON`, `name.`, one that is too long."""
    cut = part.encode("utf-8", "ignore")[:LIMIT].decode("utf-8", "ignore").strip(" .")
    return "_" + cut if cut.startswith("~") or _RESERVED.fullmatch(cut) else cut


def source(plugin: Components, lib: Library, name: str) -> Source:
    """The question that a playlist of this name asks; raises `UserError` where no mix makes it any more."""
    for mix in configured(plugin):
        for group, items in groups(plugin, lib, mix):
            if group == name:
                return _source(mix, group, items)
    raise UserError(f"no mix in the configuration makes {one_line(name)} any more")


def _source(mix: Mix, name: str, items: list[Item] | None) -> Source:
    args = sql.words(mix.seeds) if items is None else []
    return refresh.Source(request.Request(mix.opts, args, items), name)


def make(
    plugin: Components, lib: Library, names: Sequence[str] = (), *, force: bool = False, pretend: bool = False
) -> Iterator[MixOutcome]:
    """Write the playlists of all mixes, or of those with some names (the mix's own, or a playlist's).

    What can't be made is told, and the others are made. Raises `UserError` where none can be.
    """
    if not plugin.config["playlist"]["dir"].get():
        raise UserError("set `musrec.playlist.dir` in the configuration: mixes are written to that folder")
    wanted, known = {name.casefold() for name in names}, set()
    memory: request.Memory = {}
    for mix in configured(plugin):
        playlists_of_it = groups(plugin, lib, mix)
        known.add(mix.name.casefold())
        if not playlists_of_it and (not wanted or mix.name.casefold() in wanted):
            yield MixOutcome(mix.name, None, _why_none(plugin, lib, mix))
        for name, items in playlists_of_it:
            known |= {mix.name.casefold(), name.casefold()}
            if not wanted or wanted & {mix.name.casefold(), name.casefold()}:
                yield _made(plugin, lib, _source(mix, name, items), memory, force=force, pretend=pretend)
    if missing := sorted(wanted - known):
        raise UserError(f"no mix in the configuration makes {one_line(missing[0])}")


def _made(
    plugin: Components, lib: Library, source: Source, memory: request.Memory, *, force: bool, pretend: bool
) -> MixOutcome:
    name = source.mix or ""
    path = files.target(plugin, name)
    try:
        files.check_target(plugin, name)
        there = not force and os.path.exists(path) and os.path.getsize(path) > 0
        if there and not plugin.config["playlist"]["recipe"].get(bool) and not overwrite.has_recipe(path):
            there = False  # ours can't be told from others then
        standing = refresh.read_state(plugin, lib, os.path.realpath(path), otherwise=FORCE) if there else None
        if standing and standing.recipe.words != ("mixes", name):
            raise UserError(f"{displayable_path(path)} is another playlist: {FORCE}")
        made = refresh.rebuild(plugin, lib, path, source, standing, memory=memory, pretend=pretend)
    except UserError as error:
        return MixOutcome(name, None, str(error))
    return MixOutcome(name, made)


def after_import(plugin: Components, lib: Library) -> None:
    """Make all mixes; what can't be made is a line in the log, and never stops an import."""
    try:
        outcomes = list(make(plugin, lib))
    except (UserError, ConfigError) as error:
        plugin._log.warning("no mixes: {}", error)
        return
    for outcome in outcomes:
        if outcome.problem:
            plugin._log.warning("the mix {}: {}", outcome.name, outcome.problem)
    written = [outcome.made for outcome in outcomes if outcome.made]
    plugin._log.info("wrote {} mixes with {} new songs", len(written), sum(made.new for made in written))
