"""The genres of tracks and of a catalogue."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq

from musrec_core.catalogue import Catalogue, cli
from musrec_core.catalogue.schema import ModelColumns
from musrec_core.catalogue.search.genres import distribution, genres_of, surest
from musrec_core.catalogue.search.search import Searcher
from musrec_core.errors import CatalogueError

from .rows import COLUMNS, DIMENSIONS, rows, unit_vectors

JAZZ = [0.9, 0.2, 0.6, 0.7]  # of the tracks a to d; the rest is hip hop


@pytest.fixture
def catalogue(tmp_path: Path, rng: np.random.Generator) -> Catalogue:
    made = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS, pa.schema([("year", pa.int64())]))
    table = rows([*"abcd", "failed"], [*unit_vectors(rng, 4), None], {"year": [1, 2, 3, 4, 5]})
    genres = [{"jazz": p, "hip_hop": 1 - p} for p in JAZZ]
    place = table.schema.get_field_index("genres")
    field = table.schema.field("genres")
    made.merge(table.set_column(place, field, pa.array([*genres, None], field.type)))
    return made


def test_a_track_has_its_genres_the_likeliest_first_and_its_mood(catalogue: Catalogue) -> None:
    found, problems = genres_of(catalogue, ["b", "failed", "nobody"], ["year"])
    assert found["b"].genres == {"hip hop": pytest.approx(0.8), "jazz": pytest.approx(0.2)}
    assert list(found["b"].genres) == ["hip hop", "jazz"]
    assert found["b"].mood == {"valence": 0.5, "arousal": 0.5}
    assert found["b"].columns == {"year": 2}
    assert problems["failed"] == "the track failed has no embedding: its status is unreadable (no decoder)"
    assert problems["nobody"].startswith("there is no track nobody")


def test_the_distribution_counts_the_likeliest_and_averages_probabilities(catalogue: Catalogue) -> None:
    jazz, hip_hop = distribution(catalogue)
    assert (jazz.genre, jazz.tracks, jazz.share) == ("jazz", 3, 0.75)
    assert jazz.mean == pytest.approx(sum(JAZZ) / 4)
    assert (hip_hop.genre, hip_hop.tracks) == ("hip hop", 1)
    assert hip_hop.mean == pytest.approx(1 - sum(JAZZ) / 4)
    assert [each.tracks for each in distribution(catalogue, "year > 2")] == [2, 0]
    assert [(each.tracks, each.share) for each in distribution(catalogue, "year > 9")] == [(0, 0.0), (0, 0.0)]
    with pytest.raises(CatalogueError, match="there is no column colour"):
        distribution(catalogue, "colour = 1")


def test_the_surest_tracks_of_a_genre_come_first(catalogue: Catalogue) -> None:
    searcher = Searcher(catalogue)
    assert [(guess.id, round(p, 3)) for p, guess in surest(searcher, "Jazz", count=2)] == [("a", 0.9), ("d", 0.7)]
    assert [guess.id for _, guess in surest(searcher, "hip_hop", where="year > 1")] == ["b", "c", "d"]
    with pytest.raises(CatalogueError, match="the model knows no genre 'jaz'; there are jazz"):
        surest(searcher, "jaz")
    with pytest.raises(CatalogueError, match="from 1 to 10000"):
        surest(searcher, "jazz", count=0)


def test_tracks_of_an_older_model_do_not_count(catalogue: Catalogue) -> None:
    catalogue.set_model(ModelColumns("made-2@89abcdef", DIMENSIONS, COLUMNS.genres, COLUMNS.moods))
    assert [each.tracks for each in distribution(catalogue)] == [0, 0]
    assert surest(Searcher(catalogue), "jazz") == []
    assert "has an embedding of the model made-1@0123abcd" in genres_of(catalogue, ["a"])[1]["a"]


def test_the_command_prints_tracks_a_distribution_and_the_surest(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["genres", catalogue.uri, "a", "-n", "1", "--columns", "year"]) == 0
    assert capsys.readouterr().out == "a  1\n  jazz 0.90\n  valence 0.50, arousal 0.50\n"
    assert cli.main(["genres", catalogue.uri]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["jazz", "3", "75.0%", "0.600"]
    assert cli.main(["genres", catalogue.uri, "--where", "year > 9"]) == 0
    assert capsys.readouterr().out == "no track\n"
    assert cli.main(["genres", catalogue.uri, "--genre", "hip hop", "-n", "1"]) == 0
    assert capsys.readouterr().out == "0.800  b\n"
    assert cli.main(["genres", catalogue.uri, "a", "--where", "year = 1"]) == 1
    assert "can't be used with ids" in capsys.readouterr().err


def test_the_command_answers_what_it_can(catalogue: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["genres", catalogue.uri, "nobody", "--json", "b"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["genres"] == {"hip hop": pytest.approx(0.8), "jazz": pytest.approx(0.2)}
    assert "there is no track nobody" in told.err
    assert told.err.endswith("error: no genres for 1 of 2 tracks\n")


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_genres_are_written_as_a_table(catalogue: Catalogue, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"genres.{ending}"
    assert cli.main(["genres", catalogue.uri, "a", "b", "--out", str(out)]) == 0
    if ending == "parquet":
        genres = dict(pq.read_table(out)["genres"].to_pylist()[1])
    elif ending == "csv":
        genres = json.loads(list(csv.DictReader(out.read_text().splitlines()))[1]["genres"])
    else:
        genres = json.loads(out.read_text().splitlines()[1])["genres"]
    assert genres == {"hip hop": pytest.approx(0.8), "jazz": pytest.approx(0.2)}
