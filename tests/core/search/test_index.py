"""Exact neighbours, against the obvious loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musrec_core import VectorIndex
from musrec_core.search.index import Metric

RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((500, 16)).astype(np.float32)
IDS = RNG.permutation(10_000)[:500]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 7, 500, 900])
def test_it_finds_what_a_loop_finds(metric: Metric, k: int) -> None:
    queries = RNG.standard_normal((3, 16))
    for query, found in zip(queries, VectorIndex(IDS, VECTORS).query(queries, k, metric=metric), strict=True):
        if metric == "cosine":
            lengths = np.linalg.norm(VECTORS, axis=1) * np.linalg.norm(query)
            distances = 1 - VECTORS @ query / lengths
        else:
            distances = np.linalg.norm(VECTORS - query, axis=1)
        order = np.argsort(distances)[:k]
        assert [neighbour.id for neighbour in found] == IDS[order].tolist()
        np.testing.assert_allclose([neighbour.distance for neighbour in found], distances[order], atol=1e-5)


def test_near_twins_keep_their_order() -> None:
    """Squares of large numbers cancel in single precision; the distances must not."""
    base = np.full((1, 8), 1_000.0, np.float32)
    vectors = base + np.array([[0.0], [0.125], [0.25]], np.float32)
    found = VectorIndex([3, 2, 1], vectors).query(base, 3, metric="euclidean")[0]
    np.testing.assert_allclose([n.distance for n in found], np.sqrt(8) * np.array([0, 0.125, 0.25]), rtol=1e-5)


def test_equal_distances_come_in_the_order_of_ids() -> None:
    found = VectorIndex([9, 4, 6], np.ones((3, 2))).query(np.ones((1, 2)), 3)[0]
    assert [neighbour.id for neighbour in found] == [4, 6, 9]


def test_parts() -> None:
    index = VectorIndex(IDS, VECTORS)
    some = IDS[:10].tolist()
    assert set(index.among(some).ids) == set(some)
    assert len(index.vectors_of([some[0], -1])) == 1
    assert VectorIndex([], np.zeros((0, 4))).query(np.zeros((1, 4)), 3) == [[]]


@pytest.mark.parametrize(("ids", "vectors", "message"), [
    ([1, 2], np.zeros((3, 4)), r"\(2,\) ids and \(3, 4\)"),
    ([1, 2], np.zeros(2), "wanted"),
    ([1, 1], np.zeros((2, 4)), "twice"),
    ([1], [[np.nan]], "finite"),
])  # fmt: skip
def test_bad_input_is_refused_at_the_door(ids: list[int], vectors: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VectorIndex(ids, vectors)


def test_bad_queries_are_refused() -> None:
    index = VectorIndex(IDS, VECTORS)
    with pytest.raises(ValueError, match=r"wanted \(q, 16\)"):
        index.query(np.zeros((1, 3)), 1)
    with pytest.raises(ValueError, match="k has to be"):
        index.query(np.zeros((1, 16)), 0)
    with pytest.raises(ValueError, match="metric"):
        index.query(np.zeros((1, 16)), 1, metric="manhattan")  # type: ignore[arg-type]


@pytest.mark.parametrize("note", [{}, {"a": 1}, {"ab": "cde"}, {"abc": [1, 2]}])
def test_a_kept_index_is_the_same_and_its_vectors_lie_straight(tmp_path: Path, note: dict[str, object]) -> None:
    index = VectorIndex([3, 1, 2], np.eye(3, 5, dtype=np.float32))
    index.save(tmp_path / "index", note)
    again, said = VectorIndex.load(tmp_path / "index")
    assert said == note
    assert again.vectors.flags.aligned
    assert again.query(index.vectors, 2) == index.query(index.vectors, 2)
