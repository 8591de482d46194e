"""A dataset of embedded tracks: what is written is there once, and what is none of ours is told so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import lance
import pyarrow as pa

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.schema import ModelColumns, dataset_schema
from musrec_core.errors import CatalogueError

from .rows import COLUMNS, rows, unit_vectors


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "tracks.lance")


def years(catalogue: Catalogue) -> dict[str, int]:
    found = pa.Table.from_batches(catalogue.batches(["id", "year"]))
    return dict(zip(found["id"].to_pylist(), found["year"].to_pylist(), strict=True))


def test_a_track_written_twice_is_there_once_as_it_was_written_last(uri: str, rng: np.random.Generator) -> None:
    catalogue = Catalogue.create(uri, COLUMNS, pa.schema([("year", pa.int64())]))
    catalogue.merge(rows(["a", "b"], unit_vectors(rng, 2), {"year": [1, 2]}))
    catalogue.merge(rows(["b", "c"], unit_vectors(rng, 2), {"year": [3, 4]}))
    assert years(Catalogue.open(uri)) == {"a": 1, "b": 3, "c": 4}


def test_the_columns_are_those_that_are_promised(uri: str) -> None:
    Catalogue.create(uri, COLUMNS, pa.schema([("year", pa.int64())]))
    probability = pa.float32()
    assert {field.name: field.type for field in lance.dataset(uri).schema} == {
        **dict.fromkeys(("id", "path", "genre", "model", "heard", "status", "error"), pa.string()),
        "vector": pa.list_(pa.float16(), COLUMNS.dimensions),
        "genres": pa.struct([("jazz", probability), ("hip_hop", probability)]),
        "mood": pa.struct([("valence", probability), ("arousal", probability)]),
        "year": pa.int64(),
    }


def test_vectors_come_back_as_they_were_and_are_null_where_there_is_none(uri: str, rng: np.random.Generator) -> None:
    catalogue = Catalogue.create(uri, COLUMNS)
    vectors = unit_vectors(rng, 2)
    catalogue.merge(rows(["a", "b", "c"], [vectors[0], None, vectors[1]]))
    found = pa.Table.from_batches(catalogue.batches(["vector"], "vector IS NOT NULL"))["vector"].to_pylist()
    np.testing.assert_allclose(np.array(found, np.float32), vectors, atol=1e-3)
    assert catalogue.count("status = 'unreadable' AND vector IS NULL") == 1


def test_conditions_reach_further_columns_genres_and_mood(uri: str, rng: np.random.Generator) -> None:
    catalogue = Catalogue.create(uri, COLUMNS, pa.schema([("year", pa.int64())]))
    catalogue.merge(rows(["a", "b"], unit_vectors(rng, 2), {"year": [1988, 1999]}))
    assert catalogue.count("genre = 'jazz' and year < 1990") == 1
    assert catalogue.count("genres.hip_hop > 0.2 and mood.arousal < 0.6") == 2
    with pytest.raises(CatalogueError, match=r"the condition 'colour = 1' can't be used: .*colour"):
        catalogue.count("colour = 1")


def test_two_that_replace_one_index_at_once_are_told_to_try_again(uri: str, rng: np.random.Generator) -> None:
    first = Catalogue.create(uri, COLUMNS)
    first.merge(rows(["a"], unit_vectors(rng, 1)))
    second = Catalogue.open(uri)
    first.index_ids()
    with pytest.raises(CatalogueError, match="another process wrote to it at the same time: run the command again"):
        second.index_ids()


@pytest.mark.parametrize("name", ["_distance", "query_index", "_rowid"])
def test_columns_that_lance_adds_to_answers_are_refused(uri: str, name: str) -> None:
    with pytest.raises(CatalogueError, match=f"the manifest has a column {name}, a name that Lance keeps for itself"):
        Catalogue.create(uri, COLUMNS, pa.schema([(name, pa.int64())]))


def test_further_columns_change_without_the_rest(uri: str, rng: np.random.Generator) -> None:
    catalogue = Catalogue.create(uri, COLUMNS, pa.schema([("year", pa.int64())]))
    catalogue.merge(rows(["a", "b"], unit_vectors(rng, 2), {"year": [1, 2]}))
    catalogue.update(pa.table({"id": ["b", "unknown"], "year": [7, 8]}))
    assert years(catalogue) == {"a": 1, "b": 7}
    assert catalogue.count("vector IS NOT NULL") == 2


def test_compacting_keeps_the_rows_and_joins_the_files(uri: str, rng: np.random.Generator) -> None:
    catalogue = Catalogue.create(uri, COLUMNS)
    for n in range(4):
        catalogue.merge(rows([str(n)], unit_vectors(rng, 1)))
    assert len(catalogue.lance.get_fragments()) == 4
    catalogue.compact()
    assert (len(catalogue.lance.get_fragments()), len(catalogue)) == (1, 4)
    assert len(catalogue.lance.versions()) == 1


def test_a_model_whose_columns_fit_takes_over_and_another_does_not(uri: str) -> None:
    catalogue = Catalogue.create(uri, COLUMNS)
    newer = ModelColumns("made-2@89abcdef", COLUMNS.dimensions, COLUMNS.genres, COLUMNS.moods)
    catalogue.set_model(newer)
    assert Catalogue.open(uri).columns == newer
    wider = ModelColumns("wide-1@89abcdef", 2 * COLUMNS.dimensions, COLUMNS.genres, COLUMNS.moods)
    with pytest.raises(CatalogueError, match=r"is of the model made-2@89abcdef, .* wide-1@89abcdef"):
        catalogue.set_model(wider)


@pytest.mark.parametrize("name", ["tracks", "tracks.lance.bak", ".lance", ""])
def test_a_name_without_the_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogueError, match=r"has to end in \.lance"):
        Catalogue.open(f"{tmp_path}/{name}")


@pytest.mark.parametrize("url", ["s3://me:secret@bucket/tracks.lance", "https://host/tracks.lance?key=secret"])
def test_a_password_in_a_url_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(CatalogueError, match=r"credentials are not read|has to end in \.lance") as raised:
        Catalogue.open(url)
    assert "secret" not in str(raised.value)


def test_no_dataset_a_foreign_one_and_one_of_another_format_are_told(tmp_path: Path, uri: str) -> None:
    with pytest.raises(CatalogueError, match="there is no dataset"):
        Catalogue.open(uri)
    foreign = str(tmp_path / "foreign.lance")
    lance.write_dataset(pa.table({"id": ["a"]}), foreign)
    with pytest.raises(CatalogueError, match="none of embedded tracks"):
        Catalogue.open(foreign)
    schema = dataset_schema(COLUMNS)
    later = schema.with_metadata({**schema.metadata, b"musrec.format": b"9"})
    lance.write_dataset(later.empty_table(), uri, schema=later)
    with pytest.raises(CatalogueError, match="is of format 9, and this version reads 1"):
        Catalogue.open(uri)


def test_a_damaged_dataset_is_told_in_one_sentence(uri: str, rng: np.random.Generator) -> None:
    catalogue = Catalogue.create(uri, COLUMNS)
    catalogue.merge(rows(["a"], unit_vectors(rng, 1)))
    for file in Path(uri, "_versions").iterdir():
        file.write_bytes(b"nonsense")
    with pytest.raises(CatalogueError, match=r"tracks\.lance can't be read: [^\n]+$"):
        Catalogue.open(uri)


def test_a_further_column_can_not_be_named_as_one_of_ours() -> None:
    with pytest.raises(CatalogueError, match="has a column genre, which"):
        dataset_schema(COLUMNS, pa.schema([("genre", pa.string())]))
