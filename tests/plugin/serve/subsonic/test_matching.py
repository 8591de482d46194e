"""Songs of a server are matched to items, and never to a wrong one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from beetsplug.musrec.serve.subsonic.matching import MAX_PAIRS, Matching, Reason, match
from beetsplug.musrec.serve.subsonic.songs import LibrarySong, ServerSong, Tags

from .made_up import ROOT, SERVER_ROOT, Ways, library, listed

A, B = "5b11f4ce-a62d-471e-81fc-a69a8278c7da", "0be8ff9f-3d6c-4f0e-8e2b-d1ab6bd0a6e3"
TAGS = Tags(
    "Clocks", "Coldplay", "Coldplay", "A Rush of Blood", 307.4, "", 1, 5, "/srv/music/Coldplay/Rush/05 Clocks.mp3"
)


def song(id_: str = "s", **tags: Any) -> ServerSong:
    return ServerSong(id_, "artist", replace(TAGS, **{"path": "", "length": 307.0, **tags}))


def item(id_: int = 1, **tags: Any) -> LibrarySong:
    return LibrarySong(id_, replace(TAGS, **tags))


def matched(
    songs: list[ServerSong], items: list[LibrarySong], folders: Mapping[str, str] | None = None
) -> dict[str, int]:
    return match(songs, items, folders or {}, ROOT).items


def reasons(matching: Matching) -> tuple[dict[str, Reason], dict[int, Reason]]:
    return (
        {id_: left.reason for id_, left in matching.songs_left.items()},
        {id_: left.reason for id_, left in matching.items_left.items()},
    )


# By what.


def test_one_recording_id_is_one_song_whatever_the_album_is_called() -> None:
    assert matched([song(recording=A, album="Best of")], [item(recording=A)]) == {"s": 1}


def test_a_wrong_recording_id_is_not_believed() -> None:
    wrong = song(recording=A, title="Shiver", album="Parachutes", length=299.0, track=2)
    assert matched([wrong], [item(recording=A)]) == {}
    assert reasons(match([wrong], [item(recording=A)], {}, ROOT)) == ({"s": Reason.DOUBTFUL}, {1: Reason.DOUBTFUL})


def test_a_song_with_a_wrong_recording_id_is_still_found_by_its_file_and_by_its_names() -> None:
    other = item(2, title="Shiver", album="Parachutes", length=299.2, track=2, path="/srv/music/x/02.mp3")
    wrong = song(recording=A, title="Shiver", album="Parachutes", length=299.0, track=2)
    assert matched([wrong], [item(recording=A), other]) == {"s": 2}
    filed = replace(wrong, tags=replace(wrong.tags, path="/srv/music/x/02.mp3", album="?"))
    assert matched([filed], [item(recording=A), other]) == {"s": 2}


def test_artist_album_title_and_length_are_enough_in_any_spelling() -> None:
    assert matched([song(title="CLOCKS", artist="The Coldplay", album="A rush of blood!")], [item()]) == {"s": 1}


@pytest.mark.parametrize(
    "tags",
    [
        {"title": "Clocks (Live)"},
        {"title": "Clocks - 2011 Remaster"},
        {"artist": "Coldplay Tribute"},
        {"album": "Live 2003"},
        {"length": 312.0},
        {"track": 6},
        {"title": ""},
    ],
    ids=str,
)
def test_another_version_is_no_match(tags: dict[str, Any]) -> None:
    assert matched([song(**tags)], [item()]) == {}


def test_guests_after_the_artist_do_not_matter_if_the_rest_agrees() -> None:
    assert matched([song(artist="Coldplay feat. Jay-Z")], [item()]) == {"s": 1}


@pytest.mark.parametrize("album", ["[non-album tracks]", "[Unknown Album]", "Unknown Album", ""])
def test_a_song_without_an_album_is_one_of_a_server_that_calls_that_by_a_name(album: str) -> None:
    assert matched([song(album=album)], [item(album="")]) == {"s": 1}


def test_where_the_server_gives_no_length_the_place_on_the_album_has_to_agree() -> None:
    assert matched([song(length=0)], [item()]) == {"s": 1}
    assert matched([song(length=0, track=0)], [item()]) == {}


# Paths.


@pytest.mark.parametrize(
    ("path", "folders"),
    [
        ("/srv/music/Coldplay/Rush/05 Clocks.mp3", {}),
        ("Coldplay/Rush/05 Clocks.mp3", {}),
        ("COLDPLAY/rush/05 clocks.mp3", {}),
        ("/music/Coldplay/Rush/05 Clocks.mp3", {"/music": "/srv/music"}),
        ("/music/Coldplay/Rush/05 Clocks.mp3", {"/music/": "/srv/music/"}),
        ("/music/Coldplay/Rush/05 Clocks.mp3", {"/music": "/elsewhere", "/music/Coldplay": "/srv/music/Coldplay"}),
        ("D:\\Music\\Coldplay\\Rush\\05 Clocks.mp3", {"D:\\Music": "/srv/music"}),
        ("d:\\music\\Coldplay\\Rush\\05 Clocks.mp3", {"D:\\Music\\": "/srv/music"}),
        ("Rush/05 Clocks.mp3", {"": "/srv/music/Coldplay"}),
    ],
)
def test_a_file_is_found_as_the_server_names_it(path: str, folders: dict[str, str]) -> None:
    renamed = song(path=path, title="Horloges", album="?", artist="?")
    assert matched([renamed], [item(), item(2, path="/srv/music/Coldplay/Rush/06.mp3")], folders) == {"s": 1}


def test_a_folder_is_no_beginning_of_another_name() -> None:
    renamed = song(path="/music2/05 Clocks.mp3", title="?", album="?", artist="?")
    assert matched([renamed], [item(path="/srv/music2/05 Clocks.mp3")], {"/music": "/srv/music"}) == {}


def test_the_unicode_form_of_a_path_does_not_matter() -> None:
    there = item(path="/srv/music/Bjo\u0308rk/Post/01 Jo\u0301ga.mp3")
    assert matched([song(path="Bj\u00f6rk/Post/01 J\u00f3ga.mp3", title="?", album="?")], [there]) == {"s": 1}


def test_a_file_that_is_another_song_now_is_no_match() -> None:
    replaced = song(path=TAGS.path, title="Shiver", length=299.0)
    assert reasons(match([replaced], [item()], {}, ROOT)) == ({"s": Reason.DOUBTFUL}, {1: Reason.DOUBTFUL})


def test_a_path_that_the_server_made_up_does_not_overrule_the_recording_id() -> None:
    """Navidrome's paths are made of tags: one may be that of another file."""
    invented = song(recording=A, path=TAGS.path, length=307.0)
    items = [item(recording=B, length=309.0), item(2, recording=A, path="/srv/music/b/05.mp3")]
    assert matched([invented], items) == {"s": 2}


def test_a_file_whose_item_was_given_another_recording_is_left_out() -> None:
    """Of two that speak for different items neither is believed."""
    items = [item(recording=B, title="Shiver"), item(2, recording=A, path="/srv/music/b/05.mp3")]
    assert matched([song(recording=A, path=TAGS.path)], items) == {}


# Several.


COPIES = [
    item(1, recording=A, album="Parachutes", path="/srv/music/a/Parachutes/1.mp3"),
    item(2, recording=A, album="Hits", path="/srv/music/b/Hits/1.mp3"),
]


def test_copies_of_a_recording_are_told_apart_by_album_or_path() -> None:
    assert matched([song("p", recording=A, album="Parachutes"), song("h", recording=A, album="Hits")], COPIES) == {
        "p": 1,
        "h": 2,
    }
    by_path = [
        song("h", recording=A, album="?", path="b/Hits/1.mp3"),
        song("p", recording=A, path="a/Parachutes/1.mp3"),
    ]
    assert matched(by_path, COPIES) == {"p": 1, "h": 2}


def test_a_copy_of_an_album_that_the_library_lacks_is_left_out() -> None:
    matching = match([song(recording=A, album="Other")], COPIES, {}, ROOT)
    assert reasons(matching) == ({"s": Reason.SEVERAL}, {1: Reason.SEVERAL, 2: Reason.SEVERAL})
    assert matching.songs_left["s"].items == (1, 2)
    assert matching.items_left[1].songs == ("s",)


def test_songs_that_nothing_tells_apart_are_left_out() -> None:
    assert matched([song("a"), song("b")], [item()]) == {}
    assert matched([song("a")], [item(1), item(2, path="/srv/music/other/x.mp3")]) == {}


def test_disc_and_track_tell_songs_of_one_name_apart() -> None:
    songs = [song("a", title="Intro", track=1), song("b", title="Intro", track=9)]
    items = [item(1, title="Intro", track=9), item(2, title="Intro", track=1, path="/x.mp3")]
    assert matched(songs, items) == {"a": 2, "b": 1}


def test_a_file_that_the_server_lists_twice_is_one_item_under_both_ids() -> None:
    twice = [song("a", path=TAGS.path), song("b", path=TAGS.path)]
    assert matched(twice, [item()]) == {"a": 1, "b": 1}
    copy = item(2, path="/srv/music/copy/05 Clocks.mp3")
    assert matched(twice, [item(), copy]) == {}  # the path may be made up, and stand for both


def test_tags_that_say_nothing_take_no_time() -> None:
    many = 3 * int(MAX_PAIRS**0.5)
    songs = [song(str(n), recording=A, title="Track", album="") for n in range(many)]
    items = [item(n, recording=A, title="Track", album="", path=f"/{n}.mp3") for n in range(many)]
    matching = match(songs, items, {}, ROOT)
    assert not matching.items
    assert {left.reason for left in matching.songs_left.values()} == {Reason.SEVERAL}


def test_every_song_and_item_is_matched_or_explained() -> None:
    rng = random.Random(0)
    songs, items = listed(library(rng), Ways("fake", ids=True, wrong_ids=0.1, changed=0.1, absent=0.2), rng)
    matching = match(songs, items, {}, ROOT)
    assert matching.items.keys() | matching.songs_left.keys() == {song.id for song in songs}
    assert not matching.items.keys() & matching.songs_left.keys()
    assert set(matching.items.values()) | matching.items_left.keys() == {item.id for item in items}
    assert len(set(matching.items.values())) == len(matching.items)


# A whole library: how many are found; none is wrong.


@pytest.mark.parametrize(
    ("ways", "least"),
    [
        (Ways("real", ids=True, wrong_ids=0.1), 0.99),
        (Ways("real", ids=False, changed=0.2), 0.99),
        (Ways("relative", ids=False), 0.99),
        (Ways("fake", ids=True), 0.99),
        (Ways("fake", ids=True, wrong_ids=0.1), 0.9),
        (Ways("fake", ids=False), 0.99),
        (Ways("fake", ids=False, changed=0.2), 0.75),
        (Ways("none", ids=True, wrong_ids=0.1), 0.65),
        (Ways("none", ids=False), 0.65),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_song_of_a_whole_library_is_matched_to_another(ways: Ways, least: float, seed: int) -> None:
    rng = random.Random(seed)
    songs, items = listed(library(rng), ways, rng)
    found = matched(songs, items, {SERVER_ROOT: ROOT})
    assert [(song, item) for song, item in found.items() if song != str(item)] == []
    assert len(found) >= least * len(items)


@pytest.mark.parametrize("paths", ["real", "relative", "fake", "none"])
@pytest.mark.parametrize("ids", [True, False])
def test_where_each_side_lacks_songs_no_recording_is_taken_for_another(paths: str, ids: bool) -> None:
    rng = random.Random(paths + str(ids))
    all_items = library(rng)
    songs, items = listed(all_items, Ways(paths, ids, wrong_ids=0.05, changed=0.1, absent=0.2), rng)
    recordings = {item.id: item.tags.recording for item in all_items}
    found = matched(songs, items, {SERVER_ROOT: ROOT})
    assert len(found) > len(items) / 3
    assert [pair for pair in found.items() if recordings[int(pair[0])] != recordings[pair[1]]] == []
