"""Everybody's nearest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musrec_core.search import knn
from musrec_core.search.distance import Metric
from musrec_core.search.index import VectorIndex, positions


@settings(max_examples=20)
@given(
    seed=st.integers(0, 9999), n=st.integers(0, 90), k=st.integers(1, 12), block=st.sampled_from([1, 500, 10**6]),
    metric=st.sampled_from(["cosine", "euclidean"]),
)  # fmt: skip
def test_the_graph_is_what_one_query_each_would_find(seed: int, n: int, k: int, block: int, metric: Metric) -> None:
    rng = np.random.default_rng(seed)
    index = VectorIndex(rng.permutation(3 * n)[:n], rng.standard_normal((n, 5)))
    kept, knn.BLOCK_SCORES = knn.BLOCK_SCORES, block
    done: list[int] = []
    try:
        found = knn.neighbourhoods(index, k, metric=metric, progress=done.append)
    finally:
        knn.BLOCK_SCORES = kept
    assert found.rows.shape == found.distances.shape == (n, min(k, max(n - 1, 0)))
    assert sum(done) == (n if n > 1 else 0)
    for row in range(n):
        wanted = [
            x for x in index.query(index.vectors[row : row + 1], k + 1, metric=metric)[0] if x.id != index.ids[row]
        ]
        assert index.ids[found.rows[row]].tolist() == [x.id for x in wanted][:k]
        assert np.allclose(found.distances[row], [x.distance for x in wanted][:k], atol=1e-6)


def test_some_songs_only() -> None:
    index = VectorIndex(range(50), np.random.default_rng(1).standard_normal((50, 5)))
    whole = knn.neighbourhoods(index, 4)
    some = knn.neighbourhoods(index, 4, seeds=[7, 3])
    assert np.array_equal(some.rows, whole.rows[[7, 3]])
    assert some.seeds.tolist() == [7, 3]


def test_copies_of_a_song_are_its_nearest_and_itself_never() -> None:
    index = VectorIndex([5, 3, 9, 1], np.array([[1, 0], [1, 0], [1, 0], [0, 1]]))
    found = knn.neighbourhoods(index, 2)
    assert index.ids[found.rows].tolist() == [[3, 9], [5, 9], [3, 5], [3, 5]]
    assert found.distances[:3].tolist() == [[0, 0]] * 3


def test_what_can_not_be_asked() -> None:
    index = VectorIndex(range(3), np.eye(3))
    with pytest.raises(ValueError, match="1 or more"):
        knn.neighbourhoods(index, 0)
    with pytest.raises(ValueError, match="cosine or euclidean"):
        knn.neighbourhoods(index, 1, metric="manhattan")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not in the index"):
        positions(index, [7])
