"""The partitions of an index: every vector is in that of its nearest centroid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import lance

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.search.index import build, state_of
from musrec_core.catalogue.search.partitions import assigned, centroids_of, write_partitions
from musrec_core.catalogue.search.search import Searcher

from .rows import COLUMNS, DIMENSIONS, rows, unit_vectors


@pytest.fixture
def groups(rng: np.random.Generator) -> np.ndarray:
    """Three tight groups of 100 vectors."""
    centres = np.repeat(unit_vectors(rng, 3), 100, axis=0)
    return centres + 0.02 * unit_vectors(rng, 300)


def made(tmp_path: Path, vectors: list[np.ndarray | None]) -> Catalogue:
    catalogue = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS)
    catalogue.merge(rows([f"t{n}" for n in range(len(vectors))], vectors))
    return catalogue


def test_centroids_are_those_of_the_groups(tmp_path: Path, groups: np.ndarray) -> None:
    centroids = centroids_of(made(tmp_path, list(groups)).lance, 3)
    assert np.linalg.norm(centroids, axis=1) == pytest.approx(1, abs=1e-5)
    numbers = assigned(groups, centroids)
    assert {len(set(numbers[first : first + 100])) for first in (0, 100, 200)} == {1}
    assert len(set(numbers)) == 3


def test_a_vector_belongs_to_its_nearest_centroid(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, centroids = unit_vectors(rng, 50), unit_vectors(rng, 7)
    expected = np.linalg.norm(vectors[:, None] - centroids, axis=2).argmin(1)
    monkeypatch.setattr("musrec_core.catalogue.search.partitions.PRODUCTS", 100)  # a few vectors at a time
    assert assigned(vectors, centroids).tolist() == expected.tolist()
    assert assigned(vectors[:0], centroids).tolist() == []


def test_more_partitions_than_vectors_and_equal_vectors(tmp_path: Path, rng: np.random.Generator) -> None:
    catalogue = made(tmp_path, [unit_vectors(rng, 1)[0]] * 5)
    centroids = centroids_of(catalogue.lance, 9)
    assert centroids.shape == (9, DIMENSIONS)
    assert np.isfinite(centroids).all()


def test_tracks_without_a_vector_are_in_no_partition(
    tmp_path: Path, groups: np.ndarray, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = np.full(DIMENSIONS, np.nan, np.float32)
    catalogue = made(tmp_path, [None, *groups, None, broken])
    centroids = centroids_of(catalogue.lance, 3)
    assert np.isfinite(centroids).all()
    monkeypatch.setattr("musrec_core.catalogue.search.partitions.ROWS", 50)
    write_partitions(catalogue.lance, centroids, tmp_path / "partitions.lance")
    written = lance.dataset(str(tmp_path / "partitions.lance"))
    assert written.count_rows() == 301
    assert len(written.get_fragments()) == 1  # Lance's condition

    build(catalogue, force=True)
    assert state_of(catalogue).built is not None
    found = Searcher(catalogue, exact_rows=0).similar(["t5"], count=20)
    exact = Searcher(catalogue).similar(["t5"], count=20, exact=True)
    assert {match.id for match in found} == {match.id for match in exact}


def test_a_dataset_without_vectors_has_no_index(tmp_path: Path) -> None:
    catalogue = made(tmp_path, [None, np.full(DIMENSIONS, np.nan, np.float32)])
    assert build(catalogue, force=True).action == "exact"
    assert state_of(catalogue).built is None
