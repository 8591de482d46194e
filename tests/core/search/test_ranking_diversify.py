"""Near the seed, and yet different."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musrec_core.search.distance import Metric, pairwise
from musrec_core.search.index import Neighbour, VectorIndex, positions
from musrec_core.search.ranking import diversify, pool_size


def ranked(seed: int, n: int, metric: Metric) -> tuple[VectorIndex, list[Neighbour]]:
    rng = np.random.default_rng(seed)
    index = VectorIndex(rng.permutation(n), rng.standard_normal((n, 4)))
    return index, index.query(rng.standard_normal((1, 4)), n, metric=metric)[0]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 9999), n=st.integers(1, 60), variety=st.floats(0, 1), count=st.integers(0, 70),
    metric=st.sampled_from(["cosine", "euclidean"]),
)  # fmt: skip
def test_the_best_rank_comes_first_and_nobody_twice(
    seed: int, n: int, variety: float, count: int, metric: Metric
) -> None:
    index, pool = ranked(seed, n, metric)
    chosen = diversify(index, pool, count, variety, metric=metric)
    assert len(chosen) == min(count, n)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(pool)
    assert chosen[:1] == pool[: min(count, 1)]
    assert diversify(index, pool, count, 0, metric=metric) == pool[:count]


def test_more_variety_lies_further_apart() -> None:
    index, pool = ranked(3, 200, "cosine")

    def spread(variety: float) -> float:
        ids = [n.id for n in diversify(index, pool[:80], 8, variety)]
        return float(pairwise(index.vectors[positions(index, ids)]).sum())

    assert spread(0) < spread(0.3) < spread(0.7) <= spread(1)


def test_a_crowd_of_copies_gives_one() -> None:
    angles = np.array([0.1, 0.1, 0.1, 0.1, 0.3, -0.4])
    index = VectorIndex(range(6), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    pool = index.query([[1.0, 0.0]], 6)[0]
    assert [n.id for n in diversify(index, pool, 3, 0.8)] == [0, 5, 4]
    assert [n.id for n in diversify(index, pool, 3, 0)] == [0, 1, 2]


def test_a_ranking_is_believed_over_its_distances() -> None:
    index, pool = ranked(5, 40, "cosine")
    shuffled = pool[::2] + pool[1::2]
    assert diversify(index, shuffled, 15, 1e-9) == shuffled[:15]


def test_what_is_no_variety_is_refused() -> None:
    index, pool = ranked(0, 5, "cosine")
    for variety in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            diversify(index, pool, 3, variety)
    with pytest.raises(ValueError, match="not in the index"):
        diversify(index, [Neighbour(99, 0.1)], 1, 0.5)
    assert pool_size(1) >= 50
    assert pool_size(30) >= 90


def test_novelty_is_the_distance_to_the_nearest_of_all_that_are_chosen() -> None:
    angles = np.array([0.0, 0.1, 0.5, 1.0])
    index = VectorIndex(range(4), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert [n.id for n in diversify(index, index.query([[1.0, 0.0]], 4)[0], 4, 1)] == [0, 3, 2, 1]
