"""Many seeds: each song is compared with every one, and the near ones count most."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from musrec_core.search import many_seeds, ranking
from musrec_core.search.distance import Metric, pairwise, unit
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.index import VectorIndex

RNG = np.random.default_rng(0)
METRICS: list[Metric] = ["cosine", "euclidean"]


def around(direction: int, songs: int) -> np.ndarray:
    """Songs around one axis of eight."""
    return unit((np.eye(8)[direction] + 0.1 * RNG.standard_normal((songs, 8))).astype(np.float32))


# Two kinds of songs, and songs in the middle between them, which are like neither.
PIANO, METAL = around(0, 20), around(1, 20)
BETWEEN = unit((np.eye(8)[0] + np.eye(8)[1] + 0.1 * RNG.standard_normal((20, 8))).astype(np.float32))
INDEX = VectorIndex(range(60), np.concatenate([PIANO, METAL, BETWEEN]))
SEEDS = np.concatenate([around(0, 3), around(1, 3)])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("index", [INDEX, None], ids=["plain", "hub-corrected"])
def test_a_playlist_of_two_kinds_finds_both_and_not_the_middle(index: VectorIndex | None, metric: Metric) -> None:
    found = ranking.nearest(index or MutualIndex(INDEX, metric=metric), SEEDS, 30, metric=metric)
    kinds = [neighbour.id // 20 for neighbour in found]
    assert 2 not in kinds
    assert min(kinds.count(0), kinds.count(1)) >= 5


def test_the_mean_of_the_seeds_would_find_the_middle() -> None:
    found = ranking.nearest(INDEX, [ranking.centroid(SEEDS)], 20)
    assert {neighbour.id // 20 for neighbour in found} == {2}


@pytest.mark.parametrize("metric", METRICS)
def test_the_distance_lies_between_that_to_the_nearest_seed_and_the_mean_distance(metric: Metric) -> None:
    found = ranking.nearest(INDEX, SEEDS, 60, metric=metric)
    distances = pairwise(np.concatenate([SEEDS, INDEX.vectors]), metric)[:6, 6:]
    for neighbour in found:
        plain = distances[:, neighbour.id]
        assert plain.min() <= neighbour.distance <= plain.mean()
        expected = -0.2 * np.log(np.mean(np.exp(-plain / 0.2)))
        assert neighbour.distance == pytest.approx(expected, abs=1e-6)
    assert [n.distance for n in found] == sorted(n.distance for n in found)


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_seed_many_times_is_one_seed(metric: Metric) -> None:
    one = ranking.nearest(INDEX, SEEDS[:1], 10, metric=metric)
    many = ranking.nearest(INDEX, np.repeat(SEEDS[:1], 7, axis=0), 10, metric=metric)
    assert [n.id for n in one] == [n.id for n in many]
    assert [n.distance for n in one] == pytest.approx([n.distance for n in many], abs=1e-6)


def test_one_seed_is_compared_as_a_point() -> None:
    (expected,) = INDEX.query(ranking.centroid(SEEDS[:1])[None], 10)
    assert ranking.nearest(INDEX, SEEDS[:1], 10) == expected


def test_the_parts_that_songs_are_compared_in_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = INDEX.distances(SEEDS)
    monkeypatch.setattr(many_seeds, "PAIRS", 7 * len(SEEDS))
    assert INDEX.distances(SEEDS) == pytest.approx(whole, abs=1e-6)


def test_candidates_filters_and_steering_apply_as_to_one_seed() -> None:
    chosen = ranking.nearest(INDEX, SEEDS, 5, candidates=range(40, 60))
    assert {n.id // 20 for n in chosen} == {2}
    steering = np.where(INDEX.ids >= 40, -5.0, 0.0).astype(np.float32)
    steered = ranking.nearest(INDEX, SEEDS, 5, steering=steering)
    assert {n.id // 20 for n in steered} == {2}
    assert [n.distance for n in chosen] == [n.distance for n in steered]
    one_each = ranking.cap((lambda ids: {id_: id_ // 20 for id_ in ids}, 1))
    assert [n.id // 20 for n in ranking.nearest(INDEX, SEEDS, 3, filters=[one_each])][2] == 2
    first = ranking.nearest(INDEX, SEEDS, 1)[0].id
    assert first not in [n.id for n in ranking.nearest(INDEX, SEEDS, 10, exclude=[first])]


def test_hub_correction_among_candidates_counts_the_whole_library() -> None:
    mutual = MutualIndex(INDEX)
    half = range(0, 60, 2)
    whole = [n.id for n in ranking.nearest(mutual, SEEDS, 60) if n.id % 2 == 0]
    assert [n.id for n in ranking.nearest(mutual, SEEDS, 60, candidates=half)] == whole


def test_of_very_many_seeds_the_same_are_drawn_each_time() -> None:
    seeds = np.repeat(np.arange(5_000, dtype=np.float32)[:, None], 2, axis=1)
    some = many_seeds.drawn(seeds)
    assert len(some) == len(np.unique(some[:, 0])) == many_seeds.MAX_SEEDS
    assert np.array_equal(some, many_seeds.drawn(seeds))
    assert many_seeds.drawn(seeds[:1_000]) is not None
    assert len(many_seeds.drawn(seeds[:1_000])) == 1_000


@pytest.mark.parametrize("seeds", [[], [1.0, 2.0], [[[1.0]]]])
def test_seeds_of_another_shape(seeds: Any) -> None:
    with pytest.raises(ValueError, match="got seeds of shape"):
        ranking.nearest(INDEX, seeds, 5)
