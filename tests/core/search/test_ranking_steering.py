"""What moves a ranking away from plain distance."""

from __future__ import annotations

import numpy as np

from musrec_core.search import ranking
from musrec_core.search.index import VectorIndex


def _index() -> VectorIndex:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 8))
    return VectorIndex(range(50), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_distances_are_those_of_a_query() -> None:
    index = _index()
    for metric in ("cosine", "euclidean"):
        (found,) = index.query(3 * index.vectors[:1], 50, metric=metric)
        assert np.allclose(index.distances(3 * index.vectors[0], metric=metric)[[n.id for n in found]],
                           [n.distance for n in found], atol=1e-5)  # fmt: skip


def test_without_weight_the_ranking_is_the_plain_one() -> None:
    index = _index()
    plain = ranking.nearest(index, index.vectors[:1], 10, candidates=range(5, 50))
    assert ranking.nearest(index, index.vectors[:1], 10, candidates=range(5, 50), steering=np.zeros(50)) == plain


def test_away_ranks_as_rocchio() -> None:
    index = _index()
    seed, unlike = index.vectors[0], index.vectors[1]
    found = ranking.nearest(index, [seed], 50, steering=ranking.away_from(index, [unlike], weight=0.5))
    assert [n.id for n in found] == np.argsort(-index.vectors @ (seed - 0.5 * unlike), kind="stable").tolist()


def test_towards_prefers_what_has_more_of_it() -> None:
    index = _index()
    values = np.zeros(50)
    values[40] = 1
    extra = ranking.towards(values, 10, ranking.typical(index.distances(index.vectors[0])))
    assert ranking.nearest(index, index.vectors[:1], 1, exclude=[0], steering=extra)[0].id == 40
    assert ranking.nearest(index, index.vectors[:1], 49, exclude=[0], steering=-extra)[-1].id == 40


def test_ratings_and_counts() -> None:
    ids = np.array([1, 2, 3])
    assert np.allclose(ranking.normalised_ratings({1: 0.2, 2: 0.8}, ids), [0.2, 0.8, 0.5])
    assert np.allclose(ranking.normalised_ratings({1: 99, 2: 9}, ids), [1, 0.5, 0])
    assert np.allclose(ranking.normalised_ratings({2: -5}, ids), [0, 0, 0])
    assert np.allclose(ranking.normalised_ratings({}, ids), [0, 0, 0])
