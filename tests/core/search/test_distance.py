"""Cosine and Euclidean distance, however they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from musrec_core.search.distance import (
    Metric,
    distances_from_scores,
    paired,
    pairwise,
    rank_scores,
    require_metric,
    squared_norms,
    unit,
)

METRICS = pytest.mark.parametrize("metric", ["cosine", "euclidean"])


def made_up(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, 12)) * rng.uniform(0.1, 20, (n, 1))).astype(np.float32)


@METRICS
@given(seed=st.integers(0, 9999), n=st.integers(1, 30))
def test_every_form_gives_scipys_distances(metric: Metric, seed: int, n: int) -> None:
    v = made_up(n, seed)
    expected = cdist(v.astype(np.float64), v.astype(np.float64), metric)
    largest = max(1.0, 2 * float(np.sqrt(squared_norms(v).max())))  # what rounding is relative to
    np.testing.assert_allclose(pairwise(v, metric), expected, atol=1e-6 * largest)
    np.testing.assert_allclose(paired(v, v[0], metric), expected[:, 0], atol=1e-12 * largest)
    np.testing.assert_allclose(paired(v[:, None], np.stack([v] * n), metric), expected, atol=1e-12 * largest)
    scores = rank_scores(v[:2], v, squared_norms(v), metric)
    single = distances_from_scores(scores, v[:2], metric)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single**2, expected[:2] ** 2, atol=1e-5 * largest**2)
    by_score = np.take_along_axis(expected[:2], np.argsort(scores, axis=1), axis=1)
    assert (np.diff(by_score**2, axis=1) > -1e-5 * largest**2).all()


@METRICS
def test_nothing_is_at_no_distance_from_itself(metric: Metric) -> None:
    v = made_up(200)
    assert (np.diagonal(pairwise(v, metric)) == 0).all()
    assert (pairwise(v, metric) >= 0).all()
    assert np.abs(paired(v, v, metric)).max() < 1e-15
    assert (paired(v, v, metric) >= 0).all()


def test_a_vector_of_zeros_has_no_direction() -> None:
    v = np.array([[0, 0], [3, 4]], np.float32)
    assert unit(v).tolist() == [[0, 0], [np.float32(0.6), np.float32(0.8)]]
    assert paired(v[0], v[1]) == 1
    assert pairwise(v).tolist() == [[0, 1], [1, 0]]
    assert rank_scores(v, v, squared_norms(v), "cosine")[:, 0].tolist() == [0, 0]
    assert distances_from_scores(rank_scores(v[:1], v, squared_norms(v), "cosine"), v[:1], "cosine").tolist() == [
        [1, 1]
    ]


def test_unit_vectors_keep_their_type_and_the_given_ones_stay() -> None:
    for dtype in (np.float32, np.float64):
        v = made_up(50).astype(dtype)
        before = v.copy()
        assert unit(v).dtype == dtype
        np.testing.assert_allclose(squared_norms(unit(v)), 1, rtol=1e-6)
        np.testing.assert_array_equal(unit(v[3]), unit(v)[3])
        pairwise(v)
        np.testing.assert_array_equal(v, before)


def test_the_index_may_lie_on_the_disk(tmp_path: Path) -> None:
    v = made_up(300)
    v.tofile(tmp_path / "vectors")
    mapped = np.memmap(tmp_path / "vectors", np.float32, "r", shape=v.shape)
    for metric in ("cosine", "euclidean"):
        expected = rank_scores(v[:3], v, squared_norms(v), metric)
        np.testing.assert_array_equal(rank_scores(v[:3], mapped, squared_norms(mapped), metric), expected)


def test_other_metrics_are_refused() -> None:
    require_metric("cosine")
    with pytest.raises(ValueError, match="cosine or euclidean, got 'manhattan'"):
        require_metric("manhattan")
