"""How near a song is in its library: `$musrec_nearness`, `--closer-than` and `similar:SEEDS|99%`."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from beets.dbcore.query import InvalidQueryArgumentValueError
from beets.library import Library
from beets.ui import UserError

from beetsplug.musrec.attributes.fields import LastResult
from beetsplug.musrec.attributes.types import Percentage
from beetsplug.musrec.library import song_keys
from beetsplug.musrec.similar import percentages
from beetsplug.musrec.similar.nearness import LibraryNearness
from beetsplug.musrec.similar.options import BY_NAME
from beetsplug.musrec.similar.query_results import _nearest, parse
from beetsplug.musrec.similar.request import PlaylistContext, Request
from benchmarks.synthetic_library import make_library
from musrec_core.search.index import Neighbour, VectorIndex

from ..conftest import Beet
from .test_effects import Finder, parsed

SONGS = 150


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(str(make_library(tmp_path_factory.mktemp("made-up") / "library.db", SONGS)), "/music")
    yield library
    library._close()


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder()


def nearness_of(finder: Finder, lib: Library, line: str) -> list[float | None]:
    """Of each song that a command line finds."""
    return [finder.last_result.nearness(id_) for id_, _ in finder.find(lib, line)]


def index_of(finder: Finder, lib: Library) -> VectorIndex:
    return finder.similar.query_snapshot(lib).index


# The field.


@pytest.mark.parametrize("line", ["id:20", "id:20 --metric euclidean", "id:20 --space genre", "id:1..30",
                                  "id:20 --hub-correction", "id:20 --unlike id:1..5"])  # fmt: skip
def test_a_nearer_song_is_nearer_than_more_pairs(line: str, finder: Finder, lib: Library) -> None:
    found = finder.find(lib, f"{line} -n 40")
    shares = [finder.last_result.nearness(id_) or 0.0 for id_, _ in sorted(found, key=lambda pair: pair[1])]
    assert shares == sorted(shares, reverse=True)
    assert 0.9 < shares[0] <= 1
    assert len(set(shares)) > 30
    assert finder.last_result.nearness(20) is None  # the seed is not in the list


def test_it_counts_the_pairs_of_the_library(finder: Finder, lib: Library) -> None:
    vectors = index_of(finder, lib)
    [(id_, _)] = finder.find(lib, "id:20 -n 1")
    distance = finder.last_result.distance(id_) or 0.0
    every = [d for row in range(SONGS) for d in vectors.distances(vectors.vectors[row])[:row]]
    farther = sum(d > distance + 1e-5 for d in every) / len(every)
    assert finder.last_result.nearness(id_) == pytest.approx(farther, abs=2 / len(every))


def test_a_journey_tells_of_each_step(finder: Finder, lib: Library) -> None:
    first, *others = nearness_of(finder, lib, "id:20 --to id:140 -n 6")
    assert first == 1  # the song itself
    assert all(share is not None and 0.3 < share < 1 for share in others)


def test_copies_do_not_count_as_pairs(finder: Finder, lib: Library) -> None:
    index = index_of(finder, lib)
    half = VectorIndex(index.ids[:70], index.vectors[:70])
    copied = VectorIndex(index.ids[:140], [*index.vectors[:70], *index.vectors[:70]])
    with lib.transaction() as tx:
        before = tx.query("SELECT id, title, artist FROM items WHERE id BETWEEN 71 AND 140")
        tx.mutate("UPDATE items SET (title, artist) = (SELECT title, artist FROM items AS o WHERE o.id = items.id - 70)"
                  " WHERE id BETWEEN 71 AND 140")  # fmt: skip
    try:
        for distance in (0.05, 0.1, 0.3, 0.6):
            assert LibraryNearness(lib, copied, "cosine")(distance) == LibraryNearness(lib, half, "cosine")(distance)
    finally:
        with lib.transaction() as tx:
            for id_, title, artist in before:
                tx.mutate("UPDATE items SET title = ?, artist = ? WHERE id = ?", (title, artist, id_))


@pytest.mark.parametrize("n", [0, 2, 9])
def test_a_few_songs_tell_nothing(n: int, finder: Finder, lib: Library) -> None:
    index = index_of(finder, lib)
    few = LibraryNearness(lib, VectorIndex(index.ids[:n], index.vectors[:n]), "cosine")
    assert few(0.1) is None
    with pytest.raises(UserError, match="a percentage of pairs needs 10 different songs that are embedded, or more"):
        few.distance(0.9)


def test_a_result_without_distances_between_songs_has_none() -> None:
    result = LastResult()
    result.set([(3, 0.2)])
    assert (result.distance(3), result.nearness(3)) == (0.2, None)
    assert (result.distance(None), result.nearness(4)) == (None, None)
    result.set([(3, 0.2)], lambda distance: 1 - distance)
    assert result.nearness(3) == 0.8


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, ""), (1.0, "100.0%"), (0.99999, "99.99%"), (0.9999, "99.99%"), (0.998, "99.80%"), (0.9, "90.00%"),
        (0.54129, "54.12%"), (0.1, "10.00%"), (0.09999, "9.999%"), (0.0, "0.000%"),
    ],
)  # fmt: skip
def test_it_prints_as_a_percentage(value: float | None, printed: str) -> None:
    kind = Percentage()
    assert kind.format(value) == printed
    assert kind.parse(printed) == (None if value is None else pytest.approx(value, abs=1e-4))


def test_what_is_typed_for_a_percentage() -> None:
    kind = Percentage()
    assert [kind.parse(text) for text in ("0.5", "50 %", "x", "x%", "")] == [0.5, 0.5, None, None, None]


# Songs that are nearer than a share of pairs.


def test_only_songs_nearer_than_a_share_of_pairs(finder: Finder, lib: Library) -> None:
    everything = finder.find(lib, f"id:20 -n {SONGS}")
    for share in ("60%", "90.5%", "98%"):
        wanted = [pair for pair in everything if (finder.last_result.nearness(pair[0]) or 0) >= float(share[:-1]) / 100]
        found = finder.find(lib, f"id:20 -n {SONGS} --closer-than {share}")
        assert found == wanted
        assert 0 < len(found) < len(everything)
        assert finder.find(lib, f"id:20 -n {SONGS}") == everything
    assert finder.find(lib, "id:20 -n 3 --closer-than 60%") == everything[:3]
    among = finder.find(lib, f"id:20 -n {SONGS} --closer-than 60% --in id:1..70")
    assert len(among) > 0
    assert {id_ for id_, _ in among} <= {*range(1, 71)}
    assert len(finder.find(lib, f"id:20 -n {SONGS} --closer-than 90% --more rock:2 --hub-correction")) > 0


@pytest.mark.parametrize("leaning", ["", "--more rock:5 --variety 0.9", "--hub-correction", "--unlike id:{nearest}"])
def test_none_is_so_near(leaning: str, finder: Finder, lib: Library, caplog: pytest.LogCaptureFixture) -> None:
    (nearest, _), (second, _) = finder.find(lib, "id:20 -n 2")
    leaning, nearest = leaning.format(nearest=nearest), second if "unlike" in leaning else nearest
    finder.find(lib, "id:20 -n 2")
    printed = Percentage().format(finder.last_result.nearness(nearest))
    item = lib.get_item(nearest)
    assert item is not None
    with caplog.at_level(logging.WARNING, "beets"):
        assert finder.find(lib, f"id:20 --closer-than 99.999% {leaning}") == []
    assert caplog.messages[-1] == (
        f"no other song is nearer than 99.999% of pairs: "
        f"the nearest, {item.artist} - {item.title}, is nearer than {printed}"
    )


def test_none_that_is_not_in_the_playlist_yet_is_so_near(
    finder: Finder, lib: Library, caplog: pytest.LogCaptureFixture
) -> None:
    (nearest, _), (second, _) = finder.find(lib, "id:20 -n 2")
    item = lib.get_item(second)
    assert item is not None
    options, args = parsed("id:20 --closer-than 99.999%")
    listed = PlaylistContext(listed=frozenset(song_keys.of_ids(lib, [nearest]).values()))
    with caplog.at_level(logging.WARNING, "beets"):
        assert finder.similar.find(lib, Request(options, args, playlist=listed)).songs == []
    assert f"the nearest, {item.artist} - {item.title}, is nearer than" in caplog.messages[-1]


@pytest.mark.parametrize("text", ["99", "0.99", "0%", "100%", "-1%", "1e1%", "99,5%", "nan%", "%", "99%%", "99% ; ls",
                                  "\u0669\u0669", "\U0001f600%", "9" * 10_000 + "%"])  # fmt: skip
def test_what_is_no_percentage(text: str) -> None:
    check = BY_NAME["closer_than"].check
    assert check is not None
    assert check(text).startswith("a percentage between 0% and 100%, such as 99% or 99.5%, not ")
    assert percentages.percentage_of(text) is None


def test_percentages() -> None:
    assert [percentages.parse_percentage(text) for text in ("99%", " 99.5 % ", ".5%", "7%")] == pytest.approx(
        [0.99, 0.995, 0.005, 0.07]
    )


# Queries.


def test_patterns() -> None:
    found = parse("id:1|99.5%|7")
    assert (found.closer_than, found.count, found.within) == (0.995, 7, None)
    alone = parse("id:1|99%")
    assert (alone.closer_than, alone.count, alone.within) == (0.99, None, None)
    assert parse("id:1").count == 25
    for pattern in ("id:1|99%|98%", "id:1|99%|0.2", "id:1|100%", "id:1|0%", "id:1|101 %", "id:1|-5%", "id:1|9,5%"):
        with pytest.raises(InvalidQueryArgumentValueError):
            parse(pattern)
    assert parse("id:1|title:99%").candidates == "title:99%"


@pytest.mark.parametrize("most", [None, 3, 60])
def test_a_query_finds_what_is_near_in_whatever_order_it_is_ranked(most: int | None) -> None:
    distances = [0.1 if n % 7 == 3 else 0.9 for n in range(450)] + [0.9] * 2_000
    ranked = [Neighbour(n, distance) for n, distance in enumerate(distances)]
    asked: list[int] = []

    def ranker(count: int) -> list[Neighbour]:
        asked.append(count)
        return ranked[:count]

    near = [neighbour for neighbour in ranked if neighbour.distance < 0.5]
    assert _nearest(ranker, most, 0.5) == near[:most]
    asked.clear()
    ranked.sort(key=lambda neighbour: neighbour.distance)
    assert _nearest(ranker, most, 0.5) == near[:most]
    assert asked == [100]


def test_the_list_and_the_query_agree(library: Beet) -> None:
    said = library("similar", "title:Harbour", "-n", "4")
    assert all(line.split("  ")[1].endswith("%") for line in said.lines)
    shares = [float(line.split("  ")[1].rstrip("%")) for line in said.lines]
    assert shares == sorted(shares, reverse=True)
    near = [line for line, share in zip(said.lines, shares, strict=True) if share >= 80]
    assert 0 < len(near) < 4
    assert library("similar", "title:Harbour", "--closer-than", "80%").lines == near
    form = ["musrec_distance+", "-f", "$musrec_distance  $musrec_nearness  $artist - $title"]
    assert library("ls", "similar:title:Harbour|80%", *form).lines == near
    assert library("ls", "similar:title:Harbour|80%|1", *form).lines == near[:1]
    assert library("ls", "title:Harbour", "-f", "<$musrec_nearness>").lines == ["<>"]
    library.sql("DELETE FROM item_attributes WHERE entity_id = (SELECT id FROM items WHERE title LIKE '%Drone%')")
    few = library("similar", "title:Harbour", "-n", "1")
    assert few.lines == [said.lines[0].replace(f"  {said.lines[0].split('  ')[1]}  ", "  ")]
    needed = "a percentage of pairs needs 10 different songs that are embedded, or more"
    assert library.error("similar", "Harbour", "--closer-than", "9%") == f"error: {needed}"
    assert needed in library("ls", "similar:Harbour|99%").err
