"""The approximate neighbours of all: nearly the exact ones, and never oneself."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core import VectorIndex
from musrec_core.search import knn

pytest.importorskip("voyager")


def clustered(n: int, seed: int = 0) -> VectorIndex:
    """Songs around forty centres, as artists are."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, 32))
    vectors = centres[rng.integers(40, size=n)] + 0.5 * rng.standard_normal((n, 32))
    return VectorIndex(np.arange(n) + 1000, vectors.astype(np.float32))


def test_recall_at_20_and_order() -> None:
    index = clustered(3000)
    found = knn.hnsw_neighbourhoods(index, 20)
    rows, distances = found.rows, found.distances
    assert rows.shape == distances.shape == (3000, 20)
    assert (np.diff(distances, axis=1) >= 0).all()
    recalls = []
    for row in range(0, 3000, 50):
        exact = [n.id for n in index.query(index.vectors[row][None], 21)[0]]
        exact.remove(index.ids[row])
        recalls.append(len(set(index.ids[rows[row]]) & set(exact)) / 20)
        assert index.ids[row] not in index.ids[rows[row]]
    assert np.mean(recalls) >= 0.97


def test_twins_are_neighbours_and_nobody_is_his_own() -> None:
    vectors = np.repeat(clustered(50).vectors, 8, axis=0)
    found = knn.hnsw_neighbourhoods(VectorIndex(np.arange(400), vectors), 5)
    rows, distances = found.rows, found.distances
    assert not (rows == np.arange(400)[:, None]).any()
    assert np.allclose(distances, 0, atol=1e-5)
    assert (rows // 8 == np.arange(400)[:, None] // 8).all()


def test_progress_goes_to_the_end_and_few_songs_are_refused() -> None:
    seen: list[int] = []
    knn.hnsw_neighbourhoods(clustered(101), 5, progress=seen.append)
    assert seen == [50, 51]  # all are in the graph; all have their neighbours
    with pytest.raises(ValueError, match="5 songs have no 5 neighbours each"):
        knn.hnsw_neighbourhoods(clustered(5), 5)


def test_the_neighbours_of_a_large_library_come_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    index = clustered(400)
    exact = knn.neighbourhoods(index, 10)
    monkeypatch.setattr(knn, "HNSW_MIN_SONGS", 400)
    told: list[int] = []
    quick = knn.neighbourhoods(index, 10, progress=told.append)
    assert sum(told) == 400
    assert np.mean(quick.rows == exact.rows) > 0.97
    assert np.allclose(quick.distances, exact.distances, atol=1e-3)
    assert knn.neighbourhoods(index, 10, seeds=[3, 5]).rows.shape == (2, 10)
