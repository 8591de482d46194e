"""The options of `beet similar` as words: of the command line, of a playlist's recipe, of a mix."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from beets.ui import CommonOptionsParser, UserError
from beets.util import normpath

from ..option_checks import listed, needing
from . import words_alone
from .option import Option, Use
from .options import A_QUERY, AGAIN, BY_NAME, GROUPS, OPTIONS, SimilarOptions, check_values, given, is_given

if TYPE_CHECKING:
    from ..config import SimilarSettings

MODE_NAMES = {
    Use.LIST: "a list of similar songs",
    Use.JOURNEY: "--to",
    Use.HUBS: "--hubs",
    Use.WORDS: "--words",
    Use.ARTISTS: "--artists",
    Use.ALBUMS: "--albums",
    Use.COPIES: "--copies",
    Use.REFRESH: "--refresh",
    Use.EXTEND: "--extend",
}


# The command line.


def add_options(parser: CommonOptionsParser) -> None:
    """Add all options, in the groups that the help shows."""
    for row in OPTIONS:
        if row.common:
            getattr(parser, row.common)()
    for title in GROUPS:
        group = parser.add_option_group(title)
        for row in OPTIONS:
            if row.group == title:
                _add(group.add_option, row)


def _add(add: Callable[..., object], row: Option) -> None:
    if row.type == "flag":
        add(*row.flags, dest=row.name, action="store_true", default=None, help=row.help)
        return
    how = {"choices": row.choices} if row.choices else {}
    action = "append" if row.many else "store"
    add(*row.flags, dest=row.name, action=action, type=row.type, metavar=row.metavar, help=row.help, **how)


def options_from(values: Any) -> SimilarOptions:
    """What a parser of optparse found."""
    return SimilarOptions(**{row.name: _typed(row, getattr(values, row.name, None)) for row in OPTIONS})


def _typed(row: Option, value: Any) -> Any:
    if row.many:
        return tuple(value or ())
    return bool(value) if row.type == "flag" and not row.setting else value


def check_command_line(options: SimilarOptions, args: Sequence[str]) -> None:
    """Raise `UserError` for an option that is empty or wrong, or that would do nothing."""
    require_filled(options)
    mode = options.mode
    if mode in AGAIN and args:
        raise UserError(f"{MODE_NAMES[mode]} uses the playlist's own seeds: leave out the QUERY")
    require_applicable(options, mode)
    check_values(options)
    require_companions(options, args)
    if words_alone.is_asked(options, args):
        words_alone.check(options, "no_seeds")


def require_filled(options: SimilarOptions) -> None:
    """Raise `UserError` for a name or a query that is empty, such as a script's variable that is not set."""
    for row in OPTIONS:
        value = getattr(options, row.name)
        texts = value if row.many else [] if value is None or row.type != "string" else [value]
        if not all(text.strip() for text in texts):
            raise UserError(f"{row.flag} is empty: give it a value, or leave it out")


def require_applicable(options: SimilarOptions, mode: Use) -> None:
    """Raise `UserError` for options that do not apply to a mode."""
    ignored = [row.flag for row in given(options) if mode not in row.applies_to]
    if options.path and "--format" in ignored:  # beets gives --path a format
        ignored.remove("--format")
    if ignored:
        raise UserError(f"{MODE_NAMES[mode]} can't be combined with {listed(ignored)}")


def require_companions(options: SimilarOptions, args: Sequence[str], query: str = A_QUERY) -> None:
    """Raise `UserError` for options that do nothing without another one, as far as the mode takes that one."""
    lacking: dict[str, list[str]] = {}
    for row in given(options):
        if row.needs == A_QUERY:
            if options.mode in Use.LIST | Use.ARTISTS | Use.ALBUMS and not args:
                lacking.setdefault(query, []).append(row.flag)
        elif row.needs and options.mode in BY_NAME[row.needs].applies_to and not is_given(getattr(options, row.needs)):
            lacking.setdefault(BY_NAME[row.needs].flag, []).append(row.flag)
    for companion, flags in lacking.items():
        raise UserError(needing(flags, companion))


# Settings.


def resolved(options: SimilarOptions, settings: SimilarSettings, use: Use) -> SimilarOptions:
    """The options, and for those that were not given the settings, as far as they apply to ``use``."""
    changes: dict[str, Any] = {}
    for row in OPTIONS:
        if row.setting and use in row.applies_to:
            value, configured = getattr(options, row.name), getattr(settings, row.name)
            if row.many:
                changes[row.name] = (*(f"{key}:{each}" for key, each in configured.items()), *value)
            elif not is_given(value):
                changes[row.name] = configured
    return replace(options, **changes)


# Recipes and mixes.


class _RecipeParser(CommonOptionsParser):
    """Raises `UserError` where optparse would print the usage and end the program."""

    def error(self, msg: str) -> NoReturn:
        raise UserError(msg)


def parse(words: Sequence[str], use: Use = Use.RECIPE) -> tuple[SimilarOptions, list[str]]:
    """The options and the query that some words say; only those options exist that apply to ``use``.

    Raises
    ------
    UserError
        There is no such option, or its value is not of its type.
    """
    parser = _RecipeParser(add_help_option=False)
    for row in OPTIONS:
        if use in row.applies_to:
            if row.common:
                getattr(parser, row.common)()
            else:
                _add(parser.add_option, row)
    values, args = parser.parse_args(list(words))
    return options_from(values), args


def to_words(options: SimilarOptions, args: Sequence[str]) -> list[str]:
    """The words of a recipe that `parse` reads as these options and this query."""
    words: list[str] = []
    for row in given(options):
        if Use.RECIPE not in row.applies_to:
            continue
        value = getattr(options, row.name)
        if row.type == "flag":
            words.append(row.flag)
            continue
        for each in value if row.many else [value]:
            words += [row.flag, os.fsdecode(normpath(each)) if row.is_path else str(each)]
    return [*words, *(["--"] if any(arg.startswith("-") for arg in args) else []), *args]


def merged(kept: SimilarOptions, own: SimilarOptions) -> SimilarOptions:
    """A recipe's options, and over them those of the command line."""
    changes: dict[str, Any] = {}
    for row in given(own):
        if Use.RECIPE not in row.applies_to:
            continue
        for other in filter(None, (row.excludes, row.replaces)):
            changes.setdefault(other, getattr(SimilarOptions(), other))
        value = getattr(own, row.name)
        changes[row.name] = (*getattr(kept, row.name), *value) if row.many else value
    if own.order not in (None, "smooth") and not own.mix:  # `--mix` of the recipe needs a smooth order
        changes["mix"] = False
    return replace(kept, **changes)


def asks_for_songs(options: SimilarOptions) -> bool:
    """Whether any option was given that a recipe would keep."""
    return any(Use.RECIPE in row.applies_to for row in given(options))
