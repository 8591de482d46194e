"""The benchmark of datasets still runs, on next to nothing; made-up tracks are clustered, and the same each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

from benchmarks import catalogue, synthetic_catalogue
from benchmarks.catalogue_report import picture, tables
from benchmarks.synthetic_catalogue import World, blocks, make_catalogue, make_tracks
from musrec_core.card import Card
from musrec_core.catalogue.schema import ModelColumns

pytestmark = pytest.mark.catalogue
SIZE = 400


@pytest.fixture
def world() -> World:
    return World(ModelColumns.of_card(Card.load()))


def test_made_up_tracks_are_clustered_by_artists_of_unequal_sizes(world: World) -> None:
    made = make_tracks(world, 0, 1_500)
    vectors = made.vectors.astype(np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    distances = 1 - vectors @ vectors.T
    same = (made.artist[:, None] == made.artist) & ~np.eye(len(vectors), dtype=bool)
    assert np.median(distances[same]) < np.median(distances) / 3
    sizes = np.bincount(made.artist)
    assert sizes.max() > 10 * np.median(sizes)
    energy = np.linalg.svd(vectors, compute_uv=False) ** 2
    assert energy[:24].sum() / energy.sum() == pytest.approx(0.986, abs=0.01)  # musrec-2's


def test_a_larger_dataset_begins_with_a_smaller_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_catalogue, "BLOCK", 100)
    small, large = (np.concatenate([made.vectors for _, made in blocks(world, n)]) for n in (150, 320))
    assert len(large) == 320
    assert np.array_equal(large[:150], small)
    assert len(np.unique(large, axis=0)) == 320


def test_a_dataset_has_a_row_for_each_track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_catalogue, "BLOCK", 100)
    made = make_catalogue(str(tmp_path / "tracks.lance"), 250)
    rows = made.lance.to_table().to_pylist()
    assert [row["id"] for row in rows] == [f"T{n:09d}" for n in range(250)]
    assert {row["status"] for row in rows} == {"ok"}
    labels = made.columns.genres
    assert all(row["genre"] == labels[max(row["genres"], key=row["genres"].get)] for row in rows)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(job: Callable[..., Any], *arguments: Any) -> Any:
        return job(*arguments)

    monkeypatch.setattr(catalogue, "apart", run)
    for name, value in (("ASKED", 40), ("COLD", 1), ("CHECKED", 5), ("MERGED", 20)):
        monkeypatch.setattr(catalogue, name, value)
    monkeypatch.setattr(synthetic_catalogue, "BLOCK", SIZE)


@pytest.mark.usefixtures("in_process")
def test_figures_are_kept_drawn_and_not_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = catalogue.Place(tmp_path, SIZE)
    catalogue.measure(tmp_path, [SIZE], None)
    kept = place.kept()
    assert list(kept) == list(catalogue.PARTS)
    assert kept["recall"]["exact"] == 1  # Lance's exact search and ours agree
    assert kept["recall"]["index"] > 0.9
    assert len(place.open()) == SIZE  # what was merged has been taken back
    assert kept["latency"]["index"]["p50"] > 0

    capsys.readouterr()
    catalogue.measure(tmp_path, [SIZE], None)
    assert capsys.readouterr().out == ""
    catalogue.measure(tmp_path, [SIZE], ["merge"])
    assert place.kept()["merge"] != kept["merge"]

    assert tables({SIZE: kept}, markdown=True).count("| 400 |") == 3
    assert tables({SIZE: {}}) == ""
    picture({SIZE: kept}, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("in_process")
def test_the_truth_is_what_comparing_all_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "TRUTH_ROWS", 64)
    place = catalogue.Place(tmp_path, SIZE)
    place.dataset.mkdir()  # of a run that was interrupted
    (place.dataset / "half").touch()
    catalogue.write(place)
    catalogue.truth(place)
    kept = np.load(place.truth)
    vectors = catalogue.vectors_of(place.open(), np.arange(SIZE))
    for number, rows in zip(kept["asked"], kept["rows"], strict=True):
        nearest = np.argsort(-vectors @ vectors[number], kind="stable")[: catalogue.K + 1]
        assert set(rows) == set(nearest)
