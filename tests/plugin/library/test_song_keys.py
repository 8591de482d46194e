"""What was taken out of a playlist is known again among songs of one artist and title."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from beets.library import Item, Library

from beetsplug.musrec.library import song_keys
from beetsplug.musrec.library.song_keys import RemovedSongs
from beetsplug.musrec.library.sql import id_of


@pytest.fixture
def lib(tmp_path: Path) -> Library:
    return Library(str(tmp_path / "library.db"), directory="/music")


def add(lib: Library, name: str, **fields: Any) -> Item:
    item = Item(path=f"/music/{name}".encode(), **{"artist": "Sigur", "title": "Untitled", "length": 10.0, **fields})
    lib.add(item)
    return item


def taken(lib: Library, *keys: str, kept: tuple[str, ...] = ()) -> set[int]:
    """The ids that some keys mean."""
    ids = [id_of(item) for item in lib.items()]
    found = song_keys.removed_namesakes(lib, ids, RemovedSongs(frozenset(keys), frozenset(kept)))
    return {id_ for id_, meant in found.items() if id_ in meant}


@pytest.mark.parametrize(
    "differ",
    [
        [{"album": "One"}, {"album": "Two"}, {"album": "Three"}],
        [{"track": 1}, {"track": 2}, {"track": 3}],
        [{"disc": 1}, {"disc": 2}, {"disc": 3}],
        [{"length": 10.0}, {"length": 20.0}, {"length": 30.0}],
        [{}, {}, {}],  # by the file
        [{"title": "Untitled"}, {"title": "UNTITLED"}, {"title": "untitled"}],
    ],
)
def test_songs_of_one_name_are_told_apart(lib: Library, differ: list[dict[str, Any]]) -> None:
    items = [add(lib, f"{n}.mp3", **fields) for n, fields in enumerate(differ)]
    keys = [song_keys.of_item(item) for item in items]
    assert len(set(keys)) == 3
    assert len({song_keys.name_of(key) for key in keys}) == 1
    assert song_keys.of_ids(lib, [id_of(item) for item in items]) == {
        item.id: key for item, key in zip(items, keys, strict=True)
    }
    assert [taken(lib, key) for key in keys] == [{item.id} for item in items]


def test_a_song_that_moved_or_was_retagged_is_known_again(lib: Library) -> None:
    one, other = add(lib, "1.mp3", album="A", track=1), add(lib, "2.mp3", album="A", track=2)
    key, kept = song_keys.of_item(one), song_keys.of_item(other)
    one.path = b"/music/elsewhere.mp3"
    one.store()
    assert taken(lib, key, kept=(kept,)) == {one.id}
    one.album, one.track, one.length = "B", 7, 70.0  # nothing is left of it but its name
    one.store()
    assert taken(lib, key, kept=(kept,)) == {one.id}
    one.remove()
    assert taken(lib, key, kept=(kept,)) == set()  # the other is in the list


def test_keys_of_earlier_versions_mean_every_song_of_the_name(lib: Library) -> None:
    items = [add(lib, "1.mp3", album="A"), add(lib, "2.mp3", album="B")]
    key = song_keys.of_item(items[0])
    assert re.fullmatch(r"[0-9a-f]{12}\.[0-9a-f]{10}", key)
    assert taken(lib, song_keys.name_of(key)) == {item.id for item in items}


def test_a_recording_is_one_song_on_every_album(lib: Library) -> None:
    songs = [add(lib, f"{n}.mp3", mb_trackid="r", title=f"T{n}", album=f"{n}") for n in range(2)]
    key = song_keys.of_item(songs[0])
    assert re.fullmatch("[0-9a-f]{12}", key)
    assert taken(lib, key) == {song.id for song in songs}


def test_songs_without_a_name_are_known_by_their_files(lib: Library) -> None:
    items = [add(lib, f"{n}.mp3", artist="", title="") for n in range(2)]
    key = song_keys.of_item(items[1])
    assert key == song_keys.of_file(b"/music/1.mp3")
    assert taken(lib, key) == {items[1].id}


def test_empty_columns(lib: Library) -> None:
    item = add(lib, "1.mp3")
    with lib.transaction() as tx:
        tx.mutate("UPDATE items SET artist=NULL, title=NULL, album=NULL, disc=NULL, length=NULL, mb_trackid=NULL")
    assert song_keys.of_ids(lib, [id_of(item)]) == {item.id: song_keys.of_file(item.path)}
    with lib.transaction() as tx:
        tx.mutate("UPDATE items SET title='x'")
    item.load()
    assert song_keys.of_ids(lib, [id_of(item)]) == {item.id: song_keys.of_item(item)}


def test_put_back_is_the_likest() -> None:
    a, b = "0" * 12 + "." + "aaaa" + "10" + "1111", "0" * 12 + "." + "aaaa" + "10" + "2222"
    assert song_keys.without({a, b}, [b]) == {a}
    assert song_keys.without({a}, ["0" * 12 + ".bbbb11" + "3333"]) == set()  # it moved before it was put back
    assert song_keys.without({"0" * 12, "1" * 12}, [a]) == {"1" * 12}
