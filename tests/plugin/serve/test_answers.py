"""What a library answers to a server's requests, in-process, on a made-up library."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from beets.library import Library

from beetsplug.musrec.console import stem
from beetsplug.musrec.library import sql
from beetsplug.musrec.library.sql import id_of
from beetsplug.musrec.serve import plans
from beetsplug.musrec.serve.answers import Answers, Song
from beetsplug.musrec.serve.errors import ServeError
from beetsplug.musrec.similar.option import Use
from beetsplug.musrec.similar.options import BY_NAME, SimilarOptions
from beetsplug.musrec.similar.request import Request
from benchmarks.synthetic_library import make_library
from musrec_core.card import Card

from ..similar.test_effects import Finder

SONGS = 600
T = TypeVar("T")


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(str(make_library(tmp_path_factory.mktemp("served") / "library.db", SONGS)), "/music")
    with library.transaction() as tx:
        tx.mutate("UPDATE items SET mb_trackid = 'r' || (id / 2)")  # every second one is a copy of the one before
        tx.mutate(
            "UPDATE item_attributes SET value = (SELECT value FROM item_attributes AS other "
            "WHERE other.entity_id = item_attributes.entity_id - 1 AND other.key = item_attributes.key) "
            "WHERE entity_id % 2 = 1 AND entity_id > 1"
        )
        tx.mutate("INSERT INTO item_attributes (entity_id, key, value) SELECT id, 'rating', id % 10 / 10.0 FROM items")
    yield library
    library._close()


def answers(lib: Library, exclude: str = "", **options: object) -> Answers:
    similar = Finder().similar
    similar.exclude = exclude
    return Answers(lib, similar, SimilarOptions(**options))  # type: ignore[arg-type]


def told(songs: Sequence[Song]) -> list[tuple[int, float]]:
    return [(song.id, round(song.distance or 0.0, 4)) for song in songs]


def listed(lib: Library, asked: Answers, args: str = "", **options: object) -> list[tuple[int, float]]:
    """What `beet similar` lists."""
    result = asked._search.find(lib, Request(SimilarOptions(**options), args.split()))  # type: ignore[arg-type]
    return [(id_of(item), round(result.distances[id_of(item)], 4)) for item in result.songs]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"unlike": ("id:1..15",)},
    {"more": ("rock:3",)},
    {"less": ("valence:3",)},
    {"sounds": "piano:3"},
    {"space": "genre"},
    {"metric": "euclidean"},
    {"candidates": "id:50.."},
    {"weigh": ("rating:3",)},
    {"max_per_artist": 2},
    {"max_per_album": 1},
    {"max_per_artist": 3, "max_per_album": 2},
    {"closer_than": "98%"},
    {"variety": 0.7},
    {"hub_correction": True},
    {"duplicates": True},
    {"hub_correction": True, "candidates": "id:50..", "weigh": ("rating:1",), "variety": 0.3, "max_per_album": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "none")
@pytest.mark.parametrize("seeds", [[20], [20, 90, 131]], ids=len)
def test_each_option_counts_as_in_beet_similar(lib: Library, options: dict[str, Any], seeds: list[int]) -> None:
    asked = answers(lib, **options)
    query = " , ".join(f"id:{seed}" for seed in seeds)
    wanted = listed(lib, asked, query, count=20, **options)
    found = told(asked.similar(seeds, 20))
    assert found == wanted
    assert len(found) == 20 or "closer_than" in options
    if options:
        assert found != told(answers(lib).similar(seeds, 20))


def test_songs_that_are_nearly_as_near_keep_their_order(lib: Library) -> None:
    for last in range(100, 110):
        asked = answers(lib, space="genre", duplicates=True)
        wanted = listed(lib, asked, f"id:20 , id:90 , id:{last}", count=SONGS, space="genre", duplicates=True)
        assert told(asked.similar([20, 90, last], SONGS)) == wanted


def test_every_option_of_a_player_is_tried() -> None:
    tried = {name for options in OPTIONS for name in options}
    assert tried == {row.name for row in BY_NAME.values() if Use.PLAYER in row.applies_to}


def test_a_request_may_have_options_of_its_own(lib: Library) -> None:
    asked = answers(lib, max_per_artist=1)
    own = asked.similar([20], 20, options=SimilarOptions(variety=0.5))
    assert told(own) == told(answers(lib, variety=0.5).similar([20], 20))


@pytest.mark.parametrize("exclude", ["id:1..60", "rating:0.3"])
def test_what_is_excluded_is_never_found(lib: Library, exclude: str) -> None:
    out = set(sql.matching_ids(lib, sql.parse(exclude)))
    found = {song.id for song in answers(lib, exclude, duplicates=True).similar([20], SONGS)}
    assert found == set(range(1, SONGS + 1)) - out - {20}
    assert len(out) == 60


@pytest.mark.parametrize("exclude", ["id:1..60", "rating:0.3"])
@pytest.mark.parametrize("seeds", [[81], [81, 190]], ids=len)
def test_what_is_excluded_counts_for_the_correction_of_hubs(lib: Library, exclude: str, seeds: list[int]) -> None:
    options: dict[str, Any] = {"hub_correction": True, "weigh": ("rating:1",), "max_per_artist": 2}  # copies differ
    asked = answers(lib, exclude, **options)
    query = " , ".join(f"id:{seed}" for seed in seeds)
    assert told(asked.similar(seeds, 30)) == listed(lib, asked, query, count=30, **options)


def test_a_date_relative_to_now_moves_on(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    state = answers(lib)._follower.current()
    moving, still = SimilarOptions(candidates="id:1.. added:-99y.."), SimilarOptions(candidates="added:1999..")
    clock = 1e9
    monkeypatch.setattr(plans, "time", SimpleNamespace(time=lambda: clock))
    before = [state.plan(lib, options) for options in (moving, still)]
    assert all(state.plan(lib, options) is old for options, old in zip((moving, still), before, strict=True))
    clock += plans.HOUR
    after = [state.plan(lib, options) for options in (moving, still)]
    assert [new is old for new, old in zip(after, before, strict=True)] == [False, True]


def test_among_gives_as_many_as_there_are(lib: Library) -> None:
    allowed = frozenset(id_ for id_ in range(1, 40, 2) if id_ != 21)
    asked = answers(lib)
    assert {song.id for song in asked.similar([20], 50, among=allowed)} == allowed
    assert {song.id for song in asked.similar([20], 50, among=[3, 5, 9999])} == {3, 5}
    assert asked.similar([20], 50, among=()) == []


def test_a_blend_keeps_away_from_what_is_subtracted(lib: Library) -> None:
    asked = answers(lib)
    wanted = listed(lib, asked, "id:20", count=20, unlike=("id:70", "id:71"))
    assert told(asked.blend([20], [70, 71], 20)) == wanted
    assert told(asked.blend([20], [], 20)) == told(asked.similar([20], 20))


def test_a_journey_is_that_of_beet_similar(lib: Library) -> None:
    asked = answers(lib, "id:30..33", max_per_artist=2, sounds="piano")
    path = asked.journey(20, 140, 8)
    assert told(path) == listed(lib, asked, "id:20", to=("id:140",), count=8, max_per_artist=2)
    assert [path[0].id, path[-1].id, len(path)] == [20, 140, 8]


@pytest.mark.parametrize("exclude", ["id:150..500", "rating:0.3"])
def test_a_journey_goes_round_what_is_excluded(lib: Library, exclude: str) -> None:
    asked = answers(lib, exclude)
    path = told(asked.journey(20, 140, 12))
    assert path == listed(lib, asked, "id:20", to=("id:140",), count=12)
    assert not {id_ for id_, _ in path} & set(sql.matching_ids(lib, sql.parse(exclude)))


def test_a_journey_stays_among_what_may_be_played(lib: Library) -> None:
    allowed = frozenset(range(2, 150, 2))
    path = answers(lib).journey(20, 140, 10, among=allowed)
    assert {song.id for song in path} <= allowed


@pytest.mark.parametrize("options", [{}, {"hub_correction": True, "metric": "euclidean"}, {"weigh": ("rating:2",)}])
def test_words_alone_find_what_beet_similar_finds(lib: Library, options: dict[str, Any]) -> None:
    asked = answers(lib, "id:30..33", max_per_artist=2, **options)
    kept = {name: value for name, value in options.items() if name == "weigh"}
    wanted = listed(lib, asked, sounds="calm piano", max_per_artist=2, count=12, **kept)
    assert told(asked.sounds("calm piano", 12)) == wanted
    allowed = frozenset(id_ for id_, _ in wanted[::2])
    assert {song.id for song in asked.sounds("calm piano", 20, among=allowed)} == allowed


def test_artists_are_those_of_beet_similar(lib: Library) -> None:
    asked = answers(lib, "id:30..33", max_per_artist=1)
    sets = asked._search.find(lib, Request(SimilarOptions(artists=True, count=4), ["id:20"])).sets
    assert sets is not None
    found = asked.artists([20], 4, with_matches=True)
    assert [(each.name, round(each.distance, 5)) for each in found] == [
        (each.name, round(each.distance, 5)) for each in sets.sets
    ]
    (seed,) = asked.songs([20])
    for each, wanted in zip(found, sets.sets, strict=True):
        assert [song.id for song in each.songs] == wanted.songs[:3]
        assert {song.artist for song in each.seed_songs} == {seed.artist}


def test_artists_keep_to_what_is_excluded(lib: Library) -> None:
    asked = answers(lib, "rating:0.3")  # which SQL can't tell
    out = set(sql.matching_ids(lib, sql.parse("rating:0.3")))
    found = asked.artists([20], 200, with_matches=True)
    assert len(found) > 5
    assert not {song.id for each in found for song in each.songs} & out


def test_hubs_among_artists_are_corrected_as_in_beet_similar(lib: Library) -> None:
    asked = answers(lib, hub_correction=True)
    for seed in (20, 90, 300):
        request = Request(SimilarOptions(artists=True, count=30, hub_correction=True), [f"id:{seed}"])
        sets = asked._search.find(lib, request).sets
        assert sets is not None
        assert [each.name for each in asked.artists([seed], 30)] == [each.name for each in sets.sets]


def test_artists_among_songs_that_can_be_played(lib: Library) -> None:
    asked = answers(lib)
    first = asked.artists([20], 1, with_matches=True)[0]
    allowed = frozenset(song.id for song in first.songs[:1])
    (only,) = asked.artists([20], 5, among=allowed, with_matches=True)
    assert (only.name, [song.id for song in only.songs]) == (first.name, list(allowed))


# What can't be answered.


def status_of(ask: Callable[[], object]) -> int:
    with pytest.raises(ServeError) as error:
        ask()
    assert "\n" not in error.value.sentence
    return error.value.status


def test_mistakes_of_a_request_are_told(lib: Library) -> None:
    asked = answers(lib)
    assert status_of(lambda: asked.similar([9999, -1, 2**62], 5)) == 404
    assert status_of(lambda: asked.similar([], 5)) == 404
    assert status_of(lambda: asked.journey(20, 9999, 5)) == 404
    assert status_of(lambda: asked.journey(20, 20, 5)) == 400
    assert status_of(lambda: asked.journey(20, 21, 1)) == 400
    assert status_of(lambda: asked.journey(20, 21, 5000)) == 404
    assert status_of(lambda: asked.artists([9999], 5)) == 404
    assert status_of(lambda: asked.sounds("no such thing", 5)) == 400
    assert status_of(lambda: asked.sounds("", 5)) == 400
    assert status_of(lambda: asked.matching("year:abc", 5)) == 400
    assert status_of(lambda: asked.matching("title::[", 5)) == 400
    assert status_of(lambda: asked.matching("nothing like it", 5)) == 404
    assert status_of(lambda: answers(lib, candidates="year:3000").similar([20], 5)) == 409
    assert asked.songs([9999, 3, 2**62]) == asked.songs([3])


def test_queries_list_as_beets_does(lib: Library) -> None:
    found = answers(lib).matching("id:5..9 title-", 3)
    assert [song.id for song in found] == [id_of(item) for item in lib.items("id:5..9 title-")][:3]


def in_a_thread(ask: Callable[[], T]) -> T:
    """What a thread of a server gets, which knows nothing of the thread that opened the library."""
    with ThreadPoolExecutor(1) as pool:
        return Context().run(pool.submit, ask).result(60)


def test_threads_of_a_server_know_the_folder_of_the_music(lib: Library) -> None:
    album = next(iter(lib.items("id:40")))
    query = f'"path:{os.path.dirname(os.fsdecode(album.path))}"'
    there = {id_of(item) for item in lib.items(query)}
    assert 1 < len(there) < SONGS
    asked = answers(lib, query, duplicates=True)
    seed = max(set(range(1, SONGS + 1)) - there)
    assert not {song.id for song in in_a_thread(lambda: asked.similar([seed], SONGS))} & there
    assert {song.id for song in in_a_thread(lambda: asked.matching(query, SONGS))} == there


def test_a_song_without_a_title_is_known_by_its_file(tmp_path: Path) -> None:
    lib = Library(str(make_library(tmp_path / "library.db", 30)), "/music")
    with lib.transaction() as tx:
        tx.mutate("UPDATE items SET title = ' ' WHERE id = 3")
        tx.mutate("UPDATE items SET title = NULL, path = ? WHERE id = 4", (b"/music/a/Caf\xc3\xa9 \xff.mp3",))
    titles = [song.title for song in answers(lib).songs([3, 4, 5])]
    assert titles[0] == stem(next(iter(lib.items("id:3"))).path)
    assert titles[1].startswith("Caf\u00e9 ")
    assert titles[2] == next(iter(lib.items("id:5"))).title
    lib._close()


def test_words_and_status(lib: Library) -> None:
    asked = answers(lib)
    assert ("piano", "instrument") in [(name, group) for name, group, _ in asked.words()]
    assert asked.status() == {"songs": SONGS, "embedded": SONGS, "failed": 0, "model": Card.load().model_id}
