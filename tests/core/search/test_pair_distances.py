"""The distances between the songs of a library: what share of pairs is farther apart than a distance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.search.distance import Metric, pairwise, unit
from musrec_core.search.pair_distances import MAX_SONGS, MIN_SONGS, PairDistances, sample


def songs(n: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors in clusters, as songs lie."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((12, 16))
    return unit((centres[rng.integers(12, size=n)] + 0.3 * rng.standard_normal((n, 16))).astype(np.float32))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("n", [MIN_SONGS, 60, 400])
def test_each_pair_of_a_small_library_has_its_exact_place(n: int, metric: Metric) -> None:
    vectors = songs(n)
    pairs = PairDistances(vectors, metric=metric)
    every = np.sort(pairwise(vectors, metric)[np.triu_indices(n, 1)])
    assert len(pairs) == len(every) == n * (n - 1) // 2
    for place in range(0, len(every), 7):
        farther = (every > every[place] + 2e-6).mean()
        assert pairs.nearness(float(every[place])) == pytest.approx(farther, abs=1e-4 + 2 / len(every))


def test_only_what_no_pair_is_nearer_than_is_nearer_than_all() -> None:
    vectors = songs(30)
    every = np.sort(pairwise(vectors)[np.triu_indices(30, 1)])
    pairs = PairDistances(vectors)
    assert pairs.nearness(0.0) == 1
    assert pairs.nearness(float(every[0]) / 2) == 1
    assert pairs.nearness(float(every[0])) == pytest.approx(1 - 1 / len(every))
    assert pairs.nearness(float(every[-1])) == 0
    assert pairs.nearness(2.5) == 0
    part = PairDistances(vectors, is_sample=True)
    assert part.nearness(float(every[0]) / 2) == pytest.approx(1 - 1 / len(every))
    assert part.nearness(0.0) == 1


@pytest.mark.parametrize("n", [30, 400, 3000])
def test_a_share_and_its_distance_agree(n: int) -> None:
    pairs = PairDistances(songs(n))
    for share in (0.2, 0.5, 0.9, 0.99, 0.999):
        distance = pairs.distance(share)
        assert pairs.nearness(distance) >= share
        if distance > 1e-5:
            assert pairs.nearness(distance + 1e-5) < share or n == 3000
            assert pairs.nearness(distance * 1.2) < share
    assert pairs.distance(0.0) == float("inf")


def test_groups_of_a_large_library_are_like_the_whole() -> None:
    vectors = songs(3000)
    groups, whole = PairDistances(vectors), pairwise(vectors)[np.triu_indices(3000, 1)]
    assert len(groups) < len(whole) / 10
    for distance in np.quantile(whole, [0.5, 0.1, 0.02, 0.002]):
        farther = float((whole > distance).mean())
        assert groups.nearness(float(distance)) == pytest.approx(farther, abs=0.15 * (1 - farther) + 1e-4)


def test_equal_songs_are_as_near_as_can_be() -> None:
    pairs = PairDistances(np.ones((20, 4), np.float32))
    assert pairs.nearness(0.0) == 1
    assert 0 < pairs.distance(0.99) < 1e-5
    assert pairs.nearness(0.5) == 0


@pytest.mark.parametrize("shape", [(MIN_SONGS - 1, 4), (0, 4), (20,)])
def test_too_few_songs(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="10 or more"):
        PairDistances(np.ones(shape, np.float32))


def test_a_sample_is_the_same_each_time_and_hardly_changes_with_a_new_song() -> None:
    ids = np.arange(1, 50_001)
    chosen = ids[sample(ids)]
    assert len(chosen) == len(set(chosen.tolist())) == MAX_SONGS
    assert np.array_equal(chosen, ids[sample(ids)])
    assert abs(chosen.mean() / ids.mean() - 1) < 0.03
    assert np.abs(np.corrcoef(np.arange(MAX_SONGS), chosen)[0, 1]) < 0.05  # in no order
    mixed = np.random.default_rng(0).permutation(ids)
    assert np.array_equal(chosen, mixed[sample(mixed)])
    more = np.arange(1, 50_201)
    assert len({*chosen.tolist()} - {*more[sample(more)].tolist()}) < 40
    few = np.array([7, 3, 5])
    assert sorted(few[sample(few)].tolist()) == [3, 5, 7]
