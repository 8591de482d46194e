"""Beets' own ids for clients: whatever a client sends stands for a song or for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from beets.library import Item, Library

from beetsplug.musrec.serve.ids import BeetsIds

MUSICBRAINZ = "cc197bad-dc9c-440d-a5b5-d52ba2e14234"
SONGS: list[dict[str, Any]] = [
    {"title": "Clocks", "artist": "Coldplay", "mb_artistid": MUSICBRAINZ},
    {"title": "Help!", "artist": "The Beatles"},
    {"title": "Yesterday", "artist": "Beatles feat. Strings", "albumartist": "Beatles"},
    {"title": "Hidden", "artist": "Various Artists"},
]


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Library]:
    library = Library(str(tmp_path / "library.db"), str(tmp_path))
    for number, song in enumerate(SONGS):
        library.add(Item(path=str(tmp_path / f"{number}.flac").encode(), **song))
    yield library
    library._close()


def test_a_song_is_known_by_its_number(lib: Library) -> None:
    ids = BeetsIds(lib)
    assert ids.known is None
    assert [ids.item(str(number)) for number in (1, 4)] == [1, 4]
    assert ids.song(3) == "3"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "5",
        "-1",
        "+1",
        " 1",
        "1 ",
        "01",
        "1.0",
        "1e0",
        "NaN",
        "1\n",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "1" * 19,
        "9" * 100_000,
        "1; DROP TABLE items",
        "\ud800",
        "\0",
        "😀",
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_anything_else_stands_for_no_song(lib: Library, text: str) -> None:
    ids = BeetsIds(lib)
    assert ids.item(text) is None
    assert ids.items_of_artist(text) is None


def test_an_artist_is_known_by_the_name_in_any_spelling_and_by_the_musicbrainz_id(lib: Library) -> None:
    ids = BeetsIds(lib)
    assert ids.artist_of(2) == ("beatles", "The Beatles")
    for name in ("beatles", "The Beatles", "BEATLES", "the  beatles"):
        assert ids.items_of_artist(name) == [2, 3]
    assert ids.items_of_artist(MUSICBRAINZ) == ids.items_of_artist(MUSICBRAINZ.upper()) == [1]
    assert ids.items_of_artist(MUSICBRAINZ.replace("c", "d")) is None


def test_various_artists_are_none(lib: Library) -> None:
    ids = BeetsIds(lib)
    assert ids.artist_of(4) is None
    assert ids.items_of_artist("Various Artists") is None


def test_artists_follow_the_library(lib: Library) -> None:
    ids = BeetsIds(lib)
    assert ids.items_of_artist("Nina Simone") is None
    lib.add(Item(path=b"/5.flac", title="Sinnerman", artist="Nina Simone"))
    assert ids.items_of_artist("nina simone") == [5]
    assert ids.item("5") == 5
    song = lib.get_item(5)
    assert song is not None
    song.remove()
    assert ids.items_of_artist("nina simone") is None
    assert ids.item("5") is None


def test_many_threads_may_ask_at_once(lib: Library) -> None:
    ids = BeetsIds(lib)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: (ids.items_of_artist("Beatles"), ids.artist_of(1), ids.item("1")), range(200)))
    assert set(map(str, found)) == {str(([2, 3], ("coldplay", "Coldplay"), 1))}
