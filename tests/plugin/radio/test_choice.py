"""Artists apart, as far as there are other ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from beets.library import Item, Library

from beetsplug.musrec.library import sql
from beetsplug.musrec.radio.choice import APART, Spacing
from beetsplug.musrec.radio.song_lookup import named

Add = Callable[[str], list[Item]]


@pytest.fixture
def add(lib: Library) -> Add:
    def songs(letters: str) -> list[Item]:
        found = []
        for letter in letters:
            item = Item(title=letter, artist="" if letter == "-" else letter, path=f"/{letter}".encode())
            lib.add(item)
            found.append(item)
        return found

    return songs


def order(lib: Library, latest: list[Item], found: list[Item]) -> str:
    spacing = Spacing(lib, [sql.id_of(item) for item in latest])
    order = []
    while found:
        item = spacing.next(found)
        found.remove(item)
        spacing.taken(item)
        order.append(item)
    return "".join(item.title for item in order)


@pytest.mark.parametrize(
    ("latest", "found", "expected"),
    [
        ("", "abc", "abc"),
        ("", "aaabbc", "abcaba"),
        ("a", "abc", "bca"),
        ("ab", "abcdef", "cdabef"),
        ("abc", "cba", "abc"),  # the one that was heard longest ago
        ("a" + "x" * APART, "ab", "ab"),  # long enough ago
        ("a", "Aab", "bAa"),  # case does not matter
        ("-", "--a", "--a"),  # no artist is no artist's
    ],
)
def test_no_artist_comes_twice_within_a_few_songs(
    lib: Library, add: Add, latest: str, found: str, expected: str
) -> None:
    assert order(lib, add(latest), add(found)) == expected


def test_names_are_safe_for_a_terminal() -> None:
    assert named(Item(artist="a\x1b[31m", title="b\n{c}")) == "a [31m - b {c}"
