"""The index of a dataset: when there is one, and that it stays usable whatever is written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")
pytest.importorskip("lancedb", reason="the extra dev-catalogue is not installed")

import lancedb

from musrec_core.catalogue import Catalogue, cli
from musrec_core.catalogue.dataset import condition_errors
from musrec_core.catalogue.schema import ModelColumns
from musrec_core.catalogue.search import index, partitions
from musrec_core.catalogue.search.index import build, index_origin, partitions_for, state_of
from musrec_core.catalogue.search.recall import measure_recall
from musrec_core.catalogue.search.search import Searcher
from musrec_core.errors import CatalogueError

from .made import clustered, made_catalogue, track
from .rows import COLUMNS, DIMENSIONS, rows

TRACKS = 3_000
NEWER = ModelColumns("made-2@89abcdef", DIMENSIONS, COLUMNS.genres, COLUMNS.moods)


@pytest.fixture
def catalogue(tmp_path: Path, rng: np.random.Generator) -> Catalogue:
    return made_catalogue(str(tmp_path / "tracks.lance"), clustered(rng, TRACKS, DIMENSIONS))


def test_a_small_dataset_needs_no_index_but_its_ids_are_indexed(catalogue: Catalogue) -> None:
    work = build(catalogue)
    assert (work.action, work.state.built, work.state.vectors) == ("exact", None, TRACKS)
    assert "id_idx" in {each.name for each in catalogue.lance.describe_indices()}


def test_a_large_one_is_indexed_once_and_then_brought_up_to_date(
    catalogue: Catalogue, rng: np.random.Generator
) -> None:
    first = build(catalogue, exact_rows=1_000)
    assert (first.action, first.state.unindexed) == ("built", 0)
    assert first.state.built is not None
    assert first.state.built.rows == TRACKS
    assert first.state.size > 0
    again = build(catalogue, exact_rows=1_000)
    assert again.action == "current"
    catalogue.merge(rows(["new"], clustered(rng, 200, DIMENSIONS)[:1], {"artist": ["x"], "year": [1999]}))
    assert state_of(catalogue).unindexed == 1
    third = build(catalogue, exact_rows=1_000)
    assert (third.action, third.state.unindexed, third.state.vectors) == ("updated", 0, TRACKS + 1)


def test_it_is_built_anew_where_the_dataset_has_doubled_or_is_of_another_model(
    catalogue: Catalogue, rng: np.random.Generator
) -> None:
    build(catalogue, exact_rows=1_000)
    more = clustered(rng, TRACKS + 1, DIMENSIONS)
    ids = [f"more {n}" for n in range(len(more))]
    catalogue.merge(rows(ids, more, {"artist": ids, "year": [1999] * len(ids)}))
    assert build(catalogue, exact_rows=1_000).action == "built"
    catalogue.set_model(NEWER)
    assert Searcher(catalogue, exact_rows=0).scopes.index is None
    assert build(catalogue, exact_rows=1_000).action == "built"
    assert index_origin(catalogue) is not None
    assert Searcher(catalogue, exact_rows=0).scopes.index is not None


def test_it_finds_nearly_all_that_exact_search_finds(catalogue: Catalogue) -> None:
    build(catalogue, exact_rows=1_000, partitions=24)
    found = measure_recall(catalogue, 100)
    assert found.mean > 0.95
    assert found.low <= found.mean <= found.high
    assert (found.asked, found.count) == (100, 20)


def test_recall_can_not_be_measured_without_an_index(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="has no index"):
        measure_recall(catalogue)


def test_rows_without_a_vector_and_newer_rows_do_no_harm(catalogue: Catalogue, rng: np.random.Generator) -> None:
    failed = [None] * 50
    ids = [f"failed {n}" for n in range(50)]
    catalogue.merge(rows(ids, failed, {"artist": ids, "year": [1999] * 50}))
    build(catalogue, exact_rows=1_000)
    new = clustered(rng, 200, DIMENSIONS)[0]
    catalogue.merge(rows(["new"], [new], {"artist": ["x"], "year": [1999]}))
    searcher = Searcher(Catalogue.open(catalogue.uri), exact_rows=0)
    assert searcher.scopes.of(None).built is not None
    assert [match.id for match in searcher.similar(new[None], count=1)] == ["new"]
    everything = searcher.similar(new[None], count=TRACKS + 100)
    assert len({match.id for match in everything}) == TRACKS + 1


def test_a_building_that_is_killed_leaves_the_dataset_as_it_was(catalogue: Catalogue) -> None:
    code = (
        "import os, signal, sys; from musrec_core.catalogue import Catalogue; "
        "from musrec_core.catalogue.search import index; "
        "index.write_partitions = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "index.build(Catalogue.open(sys.argv[1]), exact_rows=0)"
    )
    ended = subprocess.run([sys.executable, "-c", code, catalogue.uri], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    again = Catalogue.open(catalogue.uri)
    assert index_origin(again) is None
    assert len(Searcher(again).similar([track(1)], count=5)) == 5
    assert build(again, exact_rows=0).action == "built"


def test_lancedb_opens_the_dataset_and_uses_the_index(catalogue: Catalogue) -> None:
    build(catalogue, exact_rows=1_000)
    place = Path(catalogue.uri)
    table = lancedb.connect(place.parent).open_table(place.stem)
    vector = Searcher(catalogue).similar([track(7)], columns=["vector"], count=1)
    query = table.search(np.array(vector[0].columns["vector"], np.float32), vector_column_name="vector")
    assert "ANNIvfPartition" in query.distance_type("cosine").explain_plan()
    assert query.distance_type("cosine").limit(1).select(["id", "_distance"]).to_list()[0]["id"] == vector[0].id


def test_partitions_grow_with_the_vectors() -> None:
    assert partitions_for(0) == partitions_for(1_000) == 16
    assert partitions_for(1_000_000) == 245


def test_the_command_says_what_it_did(catalogue: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["index", catalogue.uri]) == 0
    assert "No index of the vectors is needed: there are 3,000, and" in capsys.readouterr().out
    assert cli.main(["index", catalogue.uri, "--check"]) == 0
    assert "no recall to measure" in capsys.readouterr().out
    assert cli.main(["index", catalogue.uri, "--force", "--check", "20"]) == 0
    out = capsys.readouterr().out
    assert "The index was built in " in out
    assert "Of the 20 nearest of 20 tracks it finds " in out
    assert cli.main(["index", catalogue.uri, "--check", "0"]) == 1
    assert "2 or more" in capsys.readouterr().err


def test_an_empty_dataset_and_one_of_failures_only_are_indexed_and_searched(tmp_path: Path) -> None:
    made = Catalogue.create(str(tmp_path / "none.lance"), COLUMNS)
    assert build(made, force=True).state.built is None
    made.merge(rows(["a"], [None]))
    assert build(made, force=True).state.built is None
    assert Searcher(made).similar(np.ones((1, DIMENSIONS), np.float32)) == []


@pytest.mark.parametrize("name", ["", "vector_idx"])
@pytest.mark.parametrize("damage", ["random", "cut", "gone"])
def test_a_damaged_index_is_told_in_one_sentence_and_built_anew_by_force(
    catalogue: Catalogue, damage: str, name: str, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    build(catalogue, exact_rows=1_000)
    folders = [index["uuid"] for index in catalogue.lance.list_indices() if name in ("", index["name"])]
    files = [each for folder in folders for each in Path(catalogue.uri, "_indices", folder).rglob("*")]
    assert files
    for file in files:
        if damage == "gone":
            file.unlink()
        else:
            size = file.stat().st_size
            file.write_bytes(rng.bytes(size) if damage == "random" else file.read_bytes()[: size // 2])
    assert cli.main(["index", catalogue.uri]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: {catalogue.uri} can't be ")
    assert told.count("\n") == 1
    assert build(Catalogue.open(catalogue.uri), force=True).action == "built"
    searcher = Searcher(Catalogue.open(catalogue.uri), exact_rows=0)
    assert searcher.scopes.of(None).built is not None
    assert len(searcher.similar([track(3)])) == 10


@pytest.mark.parametrize("command", ["similar", "genres", "index"])
def test_damaged_data_is_told_in_one_sentence(
    catalogue: Catalogue, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in Path(catalogue.uri, "data").iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    assert cli.main([command, catalogue.uri, *([track(3)] if command == "similar" else [])]) == 1
    (told,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("indexing ")]
    assert told.startswith(f"error: {catalogue.uri} can't be ")


class PanicException(BaseException):
    """Stands for what Lance raises where its code in Rust panics."""


def test_a_panic_of_lance_is_told_in_one_sentence_and_an_interrupt_is_none() -> None:
    why = r"x\.lance can't be read, as it is damaged: range end"
    with pytest.raises(CatalogueError, match=why), condition_errors("a = 1", "x.lance"):
        raise PanicException("range end index 7 out of range")
    with pytest.raises(KeyboardInterrupt), condition_errors("a = 1", "x.lance"):
        raise KeyboardInterrupt


def test_what_another_process_writes_while_it_is_built_is_found(
    catalogue: Catalogue, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = clustered(rng, 200, DIMENSIONS)[0]
    assign = partitions.write_partitions

    def slowly(*arguments: Any) -> None:
        assign(*arguments)
        other = Catalogue.open(catalogue.uri)
        other.merge(rows([track(1), "new"], [new, new], {"artist": ["x", "x"], "year": [1999, 1999]}))
        other.index_ids()

    monkeypatch.setattr(index, "write_partitions", slowly)
    build(catalogue, exact_rows=0)
    searcher = Searcher(Catalogue.open(catalogue.uri), exact_rows=0)
    assert searcher.scopes.of(None).built is not None
    found = searcher.similar(new[None], count=TRACKS + 100)
    assert [match.id for match in found[:2]] == ["new", track(1)]
    assert len({match.id for match in found}) == len(found) == TRACKS + 1


def test_the_index_lives_on_when_the_dataset_is_compacted(catalogue: Catalogue, rng: np.random.Generator) -> None:
    build(catalogue, exact_rows=0)
    before = Searcher(catalogue, exact_rows=0).similar([track(5)])
    for n in range(3):
        more = clustered(rng, 200, DIMENSIONS)[:1]
        catalogue.merge(rows([f"new {n}"], more, {"artist": ["x"], "year": [1999]}))
    catalogue.delete("id = 'new 1'")
    catalogue.compact()
    searcher = Searcher(Catalogue.open(catalogue.uri), exact_rows=0)
    assert searcher.scopes.of(None).built is not None
    assert searcher.similar([track(5)], where="year < 2019 or id LIKE 't%'") == before
    assert build(catalogue, exact_rows=0).state.unindexed == 0
    assert Searcher(catalogue, exact_rows=0).similar([track(5)], where="id LIKE 't%'") == before


def test_the_files_of_an_index_that_was_replaced_do_not_stay(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalogue.clean, "__kwdefaults__", {"keep": timedelta(0)})
    build(catalogue, force=True)
    files = {path.name for path in Path(catalogue.uri, "_indices").iterdir()}
    build(catalogue, force=True)
    after = {path.name for path in Path(catalogue.uri, "_indices").iterdir()}
    assert len(after) == len(files)
    assert not after & files
