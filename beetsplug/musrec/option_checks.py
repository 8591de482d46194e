"""Options that a command would ignore are refused, each by its name, and so are options that are given empty."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from beets.ui import UserError

if TYPE_CHECKING:
    from optparse import Option, OptionParser


def given(parser: OptionParser, opts: Any) -> dict[str, str]:
    """The options that were given: attribute of ``opts`` -> the option as it is typed."""
    return {
        option.dest: option.get_opt_string()
        for option in _options(parser)
        if option.dest and _is_given(getattr(opts, option.dest, None))
    }


def require(parser: OptionParser, opts: Any, mode: str, applicable: Collection[str]) -> None:
    """Raise `UserError` for options that do not apply to a mode; ``applicable`` are attributes of ``opts``."""
    if ignored := [flag for name, flag in given(parser, opts).items() if name not in applicable]:
        raise UserError(f"{mode} can't be combined with {listed(ignored)}")


def require_companion(parser: OptionParser, opts: Any, names: Collection[str], companions: str) -> None:
    """Raise `UserError` for options that do nothing without one of others, which were not given."""
    if ignored := [flag for name, flag in given(parser, opts).items() if name in names]:
        raise UserError(needing(ignored, companions))


def needing(flags: Sequence[str], companions: str) -> str:
    """``--a needs COMPANIONS``, ``--a and --b need COMPANIONS``."""
    return f"{listed(flags)} {'needs' if len(flags) == 1 else 'need'} {companions}"


def require_filled(parser: OptionParser, opts: Any) -> None:
    """Raise `UserError` for a name or a query that is empty, such as a script's variable that is not set."""
    for option in _options(parser):
        value = getattr(opts, option.dest, None) if option.dest and option.type == "string" else None
        if any(not str(text).strip() for text in (value if isinstance(value, list) else [value])):
            raise UserError(f"{option.get_opt_string()} is empty: give it a value, or leave it out")


def listed(names: Iterable[str]) -> str:
    """``--a``, ``--a and --b``, ``--a, --b and --c``."""
    *rest, last = names
    return f"{', '.join(rest)} and {last}" if rest else last


def _options(parser: OptionParser) -> list[Option]:
    return [*parser.option_list, *(option for group in parser.option_groups for option in group.option_list)]


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != []  # 0 is a choice
