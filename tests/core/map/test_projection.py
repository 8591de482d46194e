"""The map of vectors: near songs near, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.map import projection


@pytest.fixture(scope="module")
def artists() -> NDArray[np.float32]:
    """Unit vectors of 30 artists of 20 songs each [shape=(600, 128)]."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((30, 128))
    v = np.repeat(centres, 20, axis=0) + 0.8 * rng.standard_normal((600, 128))
    return (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)


def trust(v: NDArray[np.float32], places: NDArray[np.float32]) -> float:
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(v, places, n_neighbors=10))


@pytest.mark.parametrize("landmarks", [600, 150])
def test_neighbours_stay_neighbours(artists: NDArray[np.float32], landmarks: int) -> None:
    shares: list[float] = []
    places = projection.project(artists, landmarks=landmarks, progress=shares.append)
    assert places.shape == (600, 2)
    assert np.abs(places).max() == pytest.approx(1, abs=1e-5)
    shuffled = np.random.default_rng(0).permutation(places)
    assert trust(artists, shuffled) < 0.6
    assert trust(artists, places) > 0.9
    assert trust(artists, places) > trust(artists, projection._principal(artists))
    assert shares == sorted(shares)
    assert len(shares) > 5
    assert 0.9 < shares[-1] <= 1


def test_the_same_vectors_give_the_same_map(artists: NDArray[np.float32]) -> None:
    first = projection.project(artists[:200], landmarks=100)
    assert np.array_equal(first, projection.project(artists[:200].copy(), landmarks=100))
    assert not np.array_equal(first, projection.project(artists[:200], landmarks=100, seed=1))


@pytest.mark.parametrize("n", [3, 9, 10, 11])
def test_few_songs(artists: NDArray[np.float32], n: int) -> None:
    places = projection.project(artists[::20][:n])
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n


@pytest.mark.parametrize("n", [3, 50])
def test_songs_that_are_all_alike(n: int) -> None:
    assert np.isfinite(projection.project(np.tile(np.eye(1, 128), (n, 1)))).all()


def test_many_copies_among_others(artists: NDArray[np.float32]) -> None:
    v = np.concatenate([artists[:60], np.repeat(artists[:1], 60, axis=0)])
    for landmarks in (200, 60):
        assert np.isfinite(projection.project(v, landmarks=landmarks)).all()


@pytest.mark.parametrize(("v", "why"), [
    (np.zeros((2, 8)), "wanted"), (np.zeros((5, 1)), "wanted"), (np.zeros(5), "wanted"),
    (np.full((5, 8), np.nan), "not finite"),
])  # fmt: skip
def test_what_is_no_set_of_vectors(v: NDArray[np.float64], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        projection.project(v)
