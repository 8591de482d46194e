"""What has to change in a song's tags. What is ours in them is known by what the library notes as written by us.

A note is an attribute of the item, ``musrec_tag_NAME``, with the values as beets prints several. While a file is being
written it has two lines, the values before and after: so that after a kill both are known to be ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..attributes import fields
from .files import SEPARATOR, WHOLE, TagFile, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beets.library import Item


@dataclass(frozen=True)
class Change:
    """One tag of a song.

    Attributes
    ----------
    old, new : list of str
        What the file holds, and what it should.
    ours : list of str
        Those of ``new`` that we write; the others are the user's.
    is_users : bool
        The tag has a value of the user's, which excludes ours.
    """

    name: str
    old: list[str]
    new: list[str]
    ours: list[str]
    is_users: bool = False


def noted_names(item: Item) -> list[str]:
    """The tags that we have written."""
    keys = sorted(key for key in item.keys(with_album=False) if key.startswith(fields.TAG))
    return [key.removeprefix(fields.TAG) for key in keys if item.get(key, with_album=False)]


def noted(item: Item, name: str) -> list[str]:
    """What we have written into a tag: one text, and before a write that was cut short another."""
    return str(item.get(f"{fields.TAG}{name}", "", with_album=False) or "").split("\n")


def of_item(item: Item, file: TagFile, wanted: Mapping[str, list[str]]) -> list[Change]:
    """Every tag that we have written or should write; what was noted and is not wanted any more goes."""
    names = dict.fromkeys([*wanted, *noted_names(item)])
    return [(_whole if name in WHOLE else _shared)(item, file, name, wanted.get(name, [])) for name in names]


def _shared(item: Item, file: TagFile, name: str, wanted: list[str]) -> Change:
    """Of a tag that holds our values beside the user's; a word that the user has is the user's."""
    old = file.values(name)
    ours = {word for text in noted(item, name) for word in text.split(SEPARATOR) if word}
    kept = [value for value in old if value not in ours]
    added = _without(wanted, kept)
    new = old if set(old) == {*kept, *added} else [*kept, *added]
    return Change(name, old, new, added)


def _whole(item: Item, file: TagFile, name: str, wanted: list[str]) -> Change:
    """Of a field of beets: ours only where there is nothing, or what we wrote, in the file and in the library."""
    old = file.values(name)
    known = {"", *noted(item, name)}
    if text_of(old) in known and text_of(in_library(item, name)) in known:
        return Change(name, old, old if text_of(old) == text_of(wanted) else wanted, wanted)
    return Change(name, old, old, [], is_users=True)


def in_library(item: Item, name: str) -> list[str]:
    """A field of beets, as the library has it."""
    value = item.get(name, with_album=False)
    return list(value) if isinstance(value, list) else [value] if value else []


def _without(words: Iterable[str], others: Iterable[str]) -> list[str]:
    taken = {other.casefold() for other in others}
    return [word for word in words if word.casefold() not in taken]


def missing(item: Item, file: TagFile) -> list[Change]:
    """What another program took away of the tags that beets itself does not write."""
    found = []
    for name in noted_names(item):
        if name not in WHOLE:
            old, ours = file.values(name), noted(item, name)[-1].split(SEPARATOR)
            if gone := _without(filter(None, ours), old):
                found.append(Change(name, old, [*old, *gone], ours))
    return found
