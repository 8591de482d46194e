"""The nearest tracks of a dataset: what `musrec_core.search` finds, whatever the size, the condition and the ids."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq

from musrec_core.card import Card
from musrec_core.catalogue import Catalogue, cli
from musrec_core.catalogue.schema import ModelColumns
from musrec_core.catalogue.search import search
from musrec_core.catalogue.search.index import build
from musrec_core.catalogue.search.lookup import vectors_of_files
from musrec_core.catalogue.search.match import Match
from musrec_core.catalogue.search.scope import Scope
from musrec_core.catalogue.search.search import Searcher
from musrec_core.errors import CatalogueError
from musrec_core.search.index import VectorIndex
from musrec_core.search.ranking import nearest

from .made import clustered, made_catalogue, track
from .rows import COLUMNS, DIMENSIONS, rows, unit_vectors

TRACKS = 4_000


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return clustered(np.random.default_rng(17), TRACKS, DIMENSIONS)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, vectors: NDArray[np.float32]) -> Catalogue:
    made = made_catalogue(str(tmp_path_factory.mktemp("made") / "tracks.lance"), vectors)
    build(made, exact_rows=0, partitions=64)  # of which a search looks at a third
    return made


@pytest.fixture(scope="module")
def exact(catalogue: Catalogue) -> Searcher:
    return Searcher(catalogue)


@pytest.fixture(scope="module")
def by_index(catalogue: Catalogue) -> Searcher:
    searcher = Searcher(catalogue, exact_rows=0)
    assert searcher.scopes.of(None).built is not None
    return searcher


def ids(matches: list[Match]) -> list[str]:
    return [match.id for match in matches]


def expected(vectors: NDArray[np.float32], seeds: list[int], count: int, among: list[int] | None = None) -> list[Match]:
    """What the library for households finds among the same vectors."""
    index = VectorIndex(np.arange(len(vectors)), vectors)
    found = nearest(index, vectors[seeds], count, exclude=seeds, candidates=among)
    return [Match(track(neighbour.id), neighbour.distance) for neighbour in found]


# What is found.


def test_exact_answers_are_those_of_the_vector_index(exact: Searcher, vectors: NDArray[np.float32]) -> None:
    answers = list(exact.similar_each([track(n) for n in range(0, 300, 10)], count=15))
    for n, found in zip(range(0, 300, 10), answers, strict=True):
        wanted = expected(vectors, [n], 15)
        assert ids(found) == ids(wanted)
        np.testing.assert_allclose([m.distance for m in found], [m.distance for m in wanted], atol=1e-7)


def test_answers_of_the_index_have_true_distances_and_nearly_all_the_nearest(
    by_index: Searcher, vectors: NDArray[np.float32]
) -> None:
    seeds = list(range(0, TRACKS, 50))
    shares = []
    for n, found in zip(seeds, by_index.similar_each([track(n) for n in seeds], count=20), strict=True):
        wanted = {m.id: m.distance for m in expected(vectors, [n], 20)}
        shares.append(sum(m.id in wanted for m in found) / 20)
        assert [m.distance for m in found] == sorted(m.distance for m in found)
        for match in found:
            assert match.distance == pytest.approx(wanted.get(match.id, match.distance), abs=1e-7)
    assert np.mean(shares) > 0.95


def test_one_question_and_many_at_once_are_answered_alike(by_index: Searcher) -> None:
    seeds = [track(n) for n in (5, 3_000, 5, 77)]
    assert list(by_index.similar_each(seeds, count=7)) == [by_index.similar([seed], count=7) for seed in seeds]


@pytest.mark.parametrize("searcher", ["exact", "by_index"])
def test_many_seeds_together_are_ranked_as_by_the_recommender(
    searcher: str, vectors: NDArray[np.float32], request: pytest.FixtureRequest
) -> None:
    seeds = [3, 900, 2_500]
    found = request.getfixturevalue(searcher).similar([track(n) for n in seeds], count=15)
    wanted = expected(vectors, seeds, 15)
    if searcher == "exact":
        assert ids(found) == ids(wanted)
    assert len(set(ids(found)) & set(ids(wanted))) >= 14
    known = {m.id: m.distance for m in wanted}
    assert all(m.distance == pytest.approx(known.get(m.id, m.distance), abs=1e-9) for m in found)


def test_equal_distances_are_in_the_order_of_ids_and_copies_of_the_seed_come_first(tmp_path: Path) -> None:
    made = Catalogue.create(str(tmp_path / "copies.lance"), COLUMNS)
    vectors = unit_vectors(np.random.default_rng(3), 5)
    made.merge(rows(["c", "a", "seed", "b", "z"], [vectors[0], vectors[0], vectors[0], vectors[0], vectors[1]]))
    assert ids(Searcher(made).similar(["seed"], count=4)) == ["a", "b", "c", "z"]


@pytest.mark.parametrize("searcher", ["exact", "by_index"])
def test_a_limit_that_few_fulfil_reads_no_more_than_fits_in_memory(
    searcher: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching: Searcher = request.getfixturevalue(searcher)
    read: list[int] = []
    nearest_rows = Searcher.nearest_rows

    def watched(self: Searcher, queries: NDArray[np.float32], k: int, *rest: Any) -> Any:
        read.append(len(queries) * k)
        return nearest_rows(self, queries, k, *rest)

    monkeypatch.setattr(Searcher, "nearest_rows", watched)
    monkeypatch.setattr(search, "ROWS_AT_ONCE", 600)
    answers = list(searching.similar_each([track(n) for n in range(20)], count=5, max_per={"genre": 1}))
    assert [len(found) for found in answers] == [1] * 20  # all are jazz
    assert max(read) <= 600


def test_a_track_asked_about_twice_and_vectors_leave_nothing_out(exact: Searcher, vectors: NDArray[np.float32]) -> None:
    (match,) = exact.similar(vectors[:1], count=1)
    assert match.id == track(0)
    assert match.distance == pytest.approx(0.0, abs=1e-6)


# Conditions.


@pytest.mark.parametrize("searcher", ["exact", "by_index"])
@pytest.mark.parametrize(
    ("where", "years"),
    [
        ("year = 1960", {1960}),
        ("year < 1952 or year = 2019", {1950, 1951, 2019}),
        ("year > 1949", set(range(1950, 2020))),
    ],
)
def test_a_condition_leaves_the_nearest_that_fulfil_it(
    searcher: str, where: str, years: set[int], vectors: NDArray[np.float32], request: pytest.FixtureRequest
) -> None:
    among = [n for n in range(TRACKS) if 1950 + n % 70 in years]
    found = request.getfixturevalue(searcher).similar([track(1)], count=20, where=where, columns=["year"])
    wanted = ids(expected(vectors, [1], 20, among))
    assert len(set(ids(found)) & set(wanted)) >= (20 if searcher == "exact" else 19)
    assert {match.columns["year"] for match in found} <= years


@pytest.mark.parametrize("searcher", ["exact", "by_index"])
def test_a_condition_that_leaves_three_rows_or_none_finds_them(searcher: str, request: pytest.FixtureRequest) -> None:
    search: Searcher = request.getfixturevalue(searcher)
    where = "id IN ('t00001', 't02000', 't03999', 't01000')"
    assert set(ids(search.similar([track(1)], count=10, where=where))) == {track(1_000), track(2_000), track(3_999)}
    assert search.similar([track(1)], where="year = 1066") == []
    assert search.similar([track(1), track(2)], where="year = 1066") == []


def test_few_rows_of_a_large_dataset_are_all_compared(catalogue: Catalogue) -> None:
    scopes = Searcher(catalogue, exact_rows=1_000).scopes
    assert scopes.of(None).built is not None
    assert scopes.of("year < 1955").built is None
    assert scopes.of(None, exact=True).built is None


@pytest.mark.parametrize("searcher", ["exact", "by_index"])
def test_at_most_so_many_tracks_share_a_value(searcher: str, request: pytest.FixtureRequest) -> None:
    search: Searcher = request.getfixturevalue(searcher)
    for seeds in ([track(1)], [track(1), track(2_000)]):
        found = search.similar(seeds, count=50, max_per={"artist": 1, "year": 2})
        assert len(found) == 50
        found = search.similar(seeds, count=50, columns=["artist", "year"], max_per={"artist": 1, "year": 2})
        assert max(Counter(match.columns["artist"] for match in found).values()) == 1
        assert max(Counter(match.columns["year"] for match in found).values()) == 2
    assert len(search.similar([track(1)], count=50, where="year = 1950", max_per={"year": 2})) == 2


def test_rows_of_an_older_model_are_never_an_answer(tmp_path: Path, rng: np.random.Generator) -> None:
    vectors = clustered(rng, 300, DIMENSIONS)
    made = made_catalogue(str(tmp_path / "tracks.lance"), vectors)
    newer = ModelColumns("made-2@89abcdef", DIMENSIONS, COLUMNS.genres, COLUMNS.moods)
    made.set_model(newer)
    new = [track(n) for n in range(100)]
    made.merge(rows(new, vectors[:100], {"artist": new, "year": [2000] * 100}, newer))
    searcher = Searcher(made)
    assert set(ids(searcher.similar([track(0)], count=300))) == set(new[1:])
    assert set(ids(searcher.similar([track(0)], count=300, where="year = 2000 or year = 1999"))) == set(new[1:])
    with pytest.raises(CatalogueError, match=r"t00200 has an embedding of the model made-1@0123abcd"):
        searcher.similar([track(200)])


def test_a_few_seeds_together_are_compared_with_a_thousand_candidates_of_each(
    catalogue: Catalogue, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = Searcher(catalogue, exact_rows=0)
    asked: list[int] = []

    def gathered(queries: NDArray[np.float32], k: int, scope: Scope) -> dict[str, NDArray[np.float32]]:
        asked.append(k)
        return {}

    monkeypatch.setattr(searcher, "gathered", gathered)
    for seeds in (2, 500):  # of many seeds, fewer of each: 100,000 of all
        searcher.similar(unit_vectors(rng, seeds), count=1)
    assert (asked[0], 200 in asked) == (1_000, True)


# What can't be asked.


def test_ids_without_a_vector_are_told_and_near_ones_named(tmp_path: Path, rng: np.random.Generator) -> None:
    made = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS)
    made.merge(rows(["song-1", "song-2", "bad\x1b[31m"], [*unit_vectors(rng, 2), None]))
    searcher = Searcher(made)
    with pytest.raises(CatalogueError, match=r"there is no track song-9 in .*tracks.lance; there are song-1, song-2"):
        searcher.similar(["song-1", "song-9"])
    with pytest.raises(CatalogueError, match=r"the track bad \[31m has no embedding: .* unreadable \(no decoder\)"):
        list(searcher.similar_each(["bad\x1b[31m"]))
    with pytest.raises(CatalogueError, match="there is no track '' in"):
        searcher.similar([""])
    with pytest.raises(CatalogueError, match=r"there is no track x{79}… in"):
        searcher.similar(["x" * 10_000])


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"count": 0}, "from 1 to 10000, and not 0"),
        ({"count": -3}, "from 1 to 10000"),
        ({"count": 10**9}, "from 1 to 10000"),
        ({"where": "colour = 1"}, "there is no column colour; there are id, path, vector"),
        ({"where": "1/0 = 1"}, "the condition '1/0 = 1' can't be used: .*zero"),
        ({"columns": ["colour"]}, "has no column colour; it has id, path, genre"),
        ({"max_per": {"colour": 1}}, "has no column colour"),
        ({"max_per": {"artist": 0}}, "has to be 1 or more"),
        ({"max_per": {"genres": 1}}, "the column genres holds several values a track"),
        ({"where": "year = 'abc'"}, "convert to literal of type 'Int64'"),
        ({"where": "year"}, "does not return a boolean"),
    ],
)
def test_what_can_not_be_asked_is_told_in_one_sentence(exact: Searcher, options: dict[str, object], why: str) -> None:
    with pytest.raises(CatalogueError, match=why) as raised:
        exact.similar([track(1)], **options)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_vectors_of_another_width_or_not_finite_are_refused(exact: Searcher) -> None:
    with pytest.raises(ValueError, match=r"wanted \(m, 16\)"):
        exact.similar(np.ones((1, 8), np.float32))
    with pytest.raises(ValueError, match="not finite"):
        exact.similar(np.full((1, DIMENSIONS), np.nan, np.float32))
    with pytest.raises(CatalogueError, match="name a track"):
        exact.similar([])


def test_a_row_whose_vector_is_not_finite_is_never_an_answer(tmp_path: Path, rng: np.random.Generator) -> None:
    made = made_catalogue(str(tmp_path / "tracks.lance"), clustered(rng, 500, DIMENSIONS))
    broken = np.full(DIMENSIONS, np.nan, np.float32)
    made.merge(rows(["broken"], [broken], {"artist": ["x"], "year": [1]}))
    build(made, exact_rows=0)
    for searcher in (Searcher(made), Searcher(made, exact_rows=0)):
        for seeds in ([track(1)], [track(1), track(2)]):
            found = ids(searcher.similar(seeds, count=600))
            assert len(found) == 500 - len(seeds)
            assert "broken" not in found


# The command.


def run(*words: str) -> int:
    return cli.main(["similar", *words])


def test_the_command_prints_an_answer_and_its_columns(
    catalogue: Catalogue, exact: Searcher, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(catalogue.uri, track(1), "-n", "2", "--columns", "artist,year") == 0
    first, second = exact.similar([track(1)], count=2, columns=["artist", "year"])
    lines = [f"{m.distance:.3f}  {m.id}  {m.columns['artist']}  {m.columns['year']}" for m in (first, second)]
    assert capsys.readouterr().out.splitlines() == lines


def test_the_command_answers_what_it_can_and_tells_the_rest(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_bytes("\ufefft00001\r\nunknown\n\nt00002\n".encode())
    assert run(catalogue.uri, "--ids-from", str(listed), "--json", "-n", "3") == 1
    told = capsys.readouterr()
    assert [json.loads(line)["query"] for line in told.out.splitlines()] == [track(1)] * 3 + [track(2)] * 3
    assert "there is no track unknown" in told.err
    assert told.err.endswith("error: 1 of 3 tracks could not be searched by\n")


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_answers_are_written_as_a_table(
    catalogue: Catalogue, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"answers.{ending}"
    assert run(catalogue.uri, track(1), track(2), "-n", "2", "--columns", "year,genres", "--out", str(out)) == 0
    assert capsys.readouterr().out == f"4 rows in {out}\n"
    if ending == "parquet":
        table = pq.read_table(out).to_pylist()
    elif ending == "csv":
        table = [{**row, "genres": json.loads(row["genres"]), "year": int(row["year"]), "rank": int(row["rank"])}
                 for row in csv.DictReader(io.StringIO(out.read_text()))]  # fmt: skip
    else:
        table = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["query"], row["rank"]) for row in table] == [
        (track(1), 1),
        (track(1), 2),
        (track(2), 1),
        (track(2), 2),
    ]
    assert table[0]["genres"]["jazz"] == 0.75
    assert isinstance(table[0]["year"], int)


def test_a_table_that_can_not_be_made_leaves_the_old_one(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers.csv"
    out.write_text("old")
    assert run(catalogue.uri, "unknown", "--out", str(out), "--where", "colour = 1") == 1
    assert out.read_text() == "old"
    assert run(catalogue.uri, track(1), "--out", str(tmp_path / "answers.txt")) == 1
    assert "ends in .parquet, .csv or .jsonl" in capsys.readouterr().err


def test_control_characters_do_not_reach_the_terminal(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS)
    made.merge(rows(["a\x1b[31m\n\u202e", "b\x9b"], unit_vectors(rng, 2)))
    assert run(made.uri, "a\x1b[31m\n\u202e", "b\x9b", "--columns", "path") == 0
    assert run(made.uri, "b\x9b", "--json") == 0
    shown = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    assert json.loads(shown.splitlines()[-1])["id"] == "a\x1b[31m\n\u202e"


def test_ids_are_printed_as_they_can_be_asked_for_again(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS)
    made.merge(rows(["-dash", "two  spaces"], unit_vectors(rng, 2)))
    assert run(made.uri, "-n", "1", "--", "-dash") == 0
    shown = capsys.readouterr().out.rstrip("\n").split("  ", 1)[1]
    assert run(made.uri, shown) == 0
    assert capsys.readouterr().out.endswith("  -dash\n")


def test_together_answers_with_the_tracks_that_are_there(
    catalogue: Catalogue, exact: Searcher, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(catalogue.uri, "t00001", "--together", "t00099999", "t00002", "-n", "1") == 1
    told = capsys.readouterr()
    (best,) = exact.similar([track(1), track(2)], count=1)
    assert told.out == f"{best.distance:.3f}  {best.id}\n"
    assert "there is no track t00099999" in told.err
    assert told.err.endswith("error: 1 of 3 tracks could not be searched by\n")


def test_columns_are_neither_dropped_nor_no_json(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    table = rows(["a", "b"], unit_vectors(rng, 2), {"rank": [1, 2], "gain": [float("nan"), float("nan")]})
    made = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS, pa.schema([*table.schema][-2:]))
    made.merge(table)
    assert run(made.uri, "a", "--columns", "rank,gain", "--json") == 1
    assert capsys.readouterr().err == "error: an answer has a column rank of its own: leave rank out of --columns\n"
    assert run(made.uri, "a", "--columns", "gain", "--json") == 0
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["gain"] is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "name tracks by their ids"),
        (["t00001", "--max-per", "artist"], "as in artist=1"),
        (["t00001", "--storage-option", "x"], "takes KEY=VALUE"),
        (["--ids-from", "/nowhere/ids"], "can't be read: No such file"),
        (["--file", "/nowhere/song.flac"], "is of the model made-1@0123abcd, which is not known here"),
        (["--together", "--ids-from", os.devnull], "no track is named to search by"),
        (["t00001", "--json", "--columns", "year,rank"], "has no column rank"),
    ],
)
def test_a_mistake_is_one_sentence(
    catalogue: Catalogue, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(catalogue.uri, *words) == 1
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


def test_a_file_is_embedded_on_the_spot_and_found(
    tmp_path: Path, quick: Path, waltz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = Card.load(quick)
    columns = ModelColumns.of_card(card)
    made = Catalogue.create(str(tmp_path / "tracks.lance"), columns)
    own, _ = vectors_of_files(card, [str(waltz)])
    others = unit_vectors(np.random.default_rng(5), 4, columns.dimensions)
    made.merge(rows(["itself", *"abcd"], [own[str(waltz)], *others], columns=columns))
    missing = str(tmp_path / "missing.flac")
    assert run(made.uri, "--file", str(waltz), "-n", "1", "--model", str(quick)) == 0
    assert capsys.readouterr().out == "0.000  itself\n"
    assert run(made.uri, "--file", missing, "--model", str(quick)) == 1
    assert capsys.readouterr().err == f"error: {missing}: missing\n"
    assert run(made.uri, "--file", missing, "--file", str(waltz), "-n", "1", "--model", str(quick)) == 1
    told = capsys.readouterr()
    assert told.out == f"{waltz}\n  0.000  itself\n"
    assert told.err == f"{missing}: missing\nerror: 1 of 2 tracks could not be searched by\n"
