"""A row of the table of `beet similar`'s options: what an option is, and what it may apply to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, Literal


class Use(Flag):
    """What an option may apply to: the modes of `beet similar`, recipes, mixes, queries and players."""

    LIST = auto()  # the songs nearest to the seeds
    JOURNEY = auto()  # --to
    HUBS = auto()  # --hubs
    WORDS = auto()  # --words
    ARTISTS = auto()  # --artists
    ALBUMS = auto()  # --albums
    COPIES = auto()  # --copies
    REFRESH = auto()  # --refresh: it replaces what the recipe says
    EXTEND = auto()  # --extend: the same
    RECIPE = auto()  # it is kept in a playlist's recipe
    MIX = auto()  # a key of musrec.mixes
    QUERY = auto()  # a `similar:` query uses the setting of its name
    PLAYER = auto()  # a key of musrec.serve.options and musrec.radio.options


NOTHING = Use(0)

Check = Callable[[Any], str]  # a value -> what it has to be, empty where it is that
Type = Literal["flag", "string", "int", "float", "choice"]


@dataclass(frozen=True)
class Option:
    """A row of the table.

    Attributes
    ----------
    flags : tuple of str
        As they are typed, the long one last.
    applies_to : Use
        What it applies to; anything else refuses it.
    group : str
        Of the help.
    type : str
    help : str
    metavar : str, optional
        What stands for the value in the help.
    choices : tuple of str
        The values of a ``choice``.
    many : bool
        Whether it may be repeated.
    setting : bool
        Whether the setting of its name, below ``musrec.similar``, stands in for it; those of ``many`` are added up.
    needs : str
        The name of an option without which it does nothing, or `A_QUERY`.
    excludes : str
        The name of an option that can't be given with it.
    replaces : str
        The name of an option of a recipe that goes when this one is given.
    check : callable, optional
        Says what a value has to be where it is something else.
    is_path : bool
        Whether it names a file, which a recipe has to find from any folder.
    common : str
        The method of beets' parser that adds it, where beets declares it.
    name : str
        The attribute of `SimilarOptions`.
    """

    flags: tuple[str, ...]
    applies_to: Use = NOTHING
    group: str = ""
    type: Type = "string"
    help: str = ""
    metavar: str | None = None
    many: bool = False
    choices: tuple[str, ...] = ()
    setting: bool = False
    needs: str = ""
    excludes: str = ""
    replaces: str = ""
    check: Check | None = None
    is_path: bool = False
    common: str = ""
    name: str = ""

    @property
    def flag(self) -> str:
        """The long name."""
        return self.flags[-1]

    @property
    def key(self) -> str:
        """The name in ``musrec.mixes``."""
        return self.flag[2:].replace("-", "_")


def option(*flags: str, **attributes: Any) -> Any:
    """A field of `SimilarOptions`, with its row of the table: the attributes are those of `Option`."""
    row = Option(flags, **attributes)
    default = () if row.many else False if row.type == "flag" and not row.setting else None
    return field(default=default, metadata={"option": row})


def at_least(low: int) -> Check:
    return lambda value: "" if value >= low else f"{low} or more"


def share(value: float) -> str:
    return "" if 0 <= value <= 1 else "between 0 and 1"


def readable(parse: Callable[[str], float], wanted: str) -> Check:
    def check(value: str) -> str:
        try:
            parse(value)
        except ValueError:
            return f"{wanted}, not {value}"
        return ""

    return check
