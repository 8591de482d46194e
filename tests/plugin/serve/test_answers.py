"""What a library answers to a server's requests, in-process, on a made-up library."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from beets.library import Library

from beetsplug.musrec.serve.answers import Answers
from beetsplug.musrec.serve.errors import ServeError
from beetsplug.musrec.similar.options import SimilarOptions
from benchmarks.synthetic_library import make_library

from ..similar.test_effects import Finder

SONGS = 150


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(str(make_library(tmp_path_factory.mktemp("served") / "library.db", SONGS)), "/music")
    with library.transaction() as tx:
        tx.mutate("UPDATE items SET mb_trackid = 'r' || (id / 2)")
    yield library
    library._close()


def answers(lib: Library, **options: object) -> Answers:
    return Answers(lib, Finder().similar, SimilarOptions(**options))  # type: ignore[arg-type]


def test_similar_songs_come_nearest_first_with_their_distances(lib: Library) -> None:
    found = answers(lib).similar([20], 10)
    distances = [song.distance for song in found]
    assert len(found) == 10
    assert distances == sorted(distances)  # type: ignore[type-var]
    assert None not in distances
    assert 20 not in [song.id for song in found]


def test_among_gives_as_many_as_there_are(lib: Library) -> None:
    allowed = {id_ for id_ in range(1, 40, 2) if id_ != 21}
    found = answers(lib).similar([20], 50, among=allowed)
    assert {song.id for song in found} == allowed


def test_a_journey_begins_and_ends_with_its_stops(lib: Library) -> None:
    path = answers(lib).journey(20, 140, 8)
    assert [path[0].id, path[-1].id, len(path)] == [20, 140, 8]
    assert path[0].distance == 0


def test_words_alone_find_songs(lib: Library) -> None:
    assert len(answers(lib, hub_correction=True).sounds("calm piano", 5)) == 5


def test_artists_come_with_songs_that_match(lib: Library) -> None:
    first, *_ = answers(lib).artists([20], 3, with_matches=True)
    (seed,) = answers(lib).songs([20])
    assert first.name != seed.artist
    assert {song.artist for song in first.songs} == {first.name}
    assert {song.artist for song in first.seed_songs} == {seed.artist}


@pytest.mark.parametrize("ids", [[9999], []])
def test_an_unknown_song_is_not_found(lib: Library, ids: list[int]) -> None:
    with pytest.raises(ServeError) as error:
        answers(lib).similar(ids, 5)
    assert error.value.status == 404


def test_a_malformed_query_is_a_mistake_of_the_request(lib: Library) -> None:
    with pytest.raises(ServeError) as error:
        answers(lib).matching("year:abc", 5)
    assert error.value.status == 400
