"""Songs that are near everything."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from musrec_core.search import ranking
from musrec_core.search.distance import Metric, pairwise
from musrec_core.search.hubness import MutualIndex, occurrences, share_never, skewness
from musrec_core.search.index import Ranker, VectorIndex
from musrec_core.search.knn import neighbourhoods
from musrec_core.search.ranking import typical

RNG = np.random.default_rng(7)
INDEX = VectorIndex(range(3, 303), RNG.standard_normal((300, 40)) * RNG.uniform(0.3, 1.5, (300, 1)) + 0.2)


def test_hubs_are_counted() -> None:
    star = VectorIndex(range(9), np.concatenate([np.zeros((1, 8)), np.eye(8)]))  # one in the middle of eight
    rows = neighbourhoods(star, 1, metric="euclidean").rows
    counts = occurrences(rows, 9)
    assert counts.tolist() == [8, 1, *[0] * 7]
    assert skewness(counts) == pytest.approx(2.405, abs=0.001)
    assert share_never(counts) == 7 / 9
    assert skewness(np.full(5, 3)) == 0.0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_remoteness_is_the_papers_formula_on_all_the_librarys_distances(metric: Metric) -> None:
    found = MutualIndex(INDEX, metric=metric).remoteness(INDEX.vectors[:4])
    distances = pairwise(INDEX.vectors, metric) ** (1 if metric == "cosine" else 2)
    for x in range(4):
        for y in (20, 150, 299):
            here, there = (NormalDist(distances[i].mean(), distances[i].std()).cdf(distances[x, y]) for i in (x, y))
            assert found[x, y] == pytest.approx(1 - (1 - here) * (1 - there), rel=1e-4)


def test_songs_are_found_more_evenly() -> None:
    def skew(index: Ranker) -> float:
        rows = [[n.id - 3 for n in row[1:]] for row in index.query(INDEX.vectors, 11, metric="euclidean")]
        return skewness(occurrences(np.array(rows, np.int32), 300))

    assert skew(MutualIndex(INDEX, metric="euclidean")) < 0.5 * skew(INDEX)


def test_it_serves_where_a_plain_index_does() -> None:
    mutual = MutualIndex(INDEX)
    seed = INDEX.vectors[:1]
    found = ranking.nearest(mutual, seed, 5, exclude=[3])
    plain = {n.id: n.distance for n in ranking.nearest(INDEX, seed, 299, exclude=[3])}
    assert len(found) == 5
    assert all(n.distance == pytest.approx(plain[n.id]) for n in found)
    chosen = {n.id for n in found[1:]}
    assert [n.id for n in ranking.nearest(mutual, seed, 5, candidates=chosen)] == [n.id for n in found[1:]]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_steering_leans_the_corrected_order_in_the_unit_of_distances(metric: Metric) -> None:
    mutual, seed = MutualIndex(INDEX, metric=metric), INDEX.vectors[:1]

    def ranked(steering: np.ndarray | None, **choice: Any) -> list[int]:
        return [n.id for n in ranking.nearest(mutual, seed, 300, metric=metric, steering=steering, **choice)]

    plain = INDEX.distances(seed[0], metric=metric)
    assert np.array_equal(np.sort(mutual.distances(seed[0], metric=metric)), np.sort(plain))
    corrected = ranked(None)
    assert corrected != [n.id for n in ranking.nearest(INDEX, seed, 300, metric=metric)]
    assert ranked(np.zeros(300)) == corrected
    liked = np.where(np.arange(300) % 2, 0.0, -0.3 * typical(plain))  # half of the songs, by so much of a distance
    steered = ranked(liked)
    assert [id_ for id_ in steered if id_ % 2] == [id_ for id_ in corrected if id_ % 2]
    moved = [corrected.index(id_) - steered.index(id_) for id_ in range(3, 303, 2)]
    assert min(moved) >= 0 < max(moved)
    assert sum(id_ % 2 for id_ in steered[:50]) > sum(id_ % 2 for id_ in corrected[:50])
    assert ranked(liked, candidates=range(3, 303, 2)) == [id_ for id_ in corrected if id_ % 2]
    (first, *_) = ranking.nearest(mutual, seed, 1, metric=metric, steering=liked)
    assert first.distance == pytest.approx(0, abs=1e-6)  # the plain one


def test_what_does_not_fit_is_refused() -> None:
    mutual = MutualIndex(INDEX)
    with pytest.raises(ValueError, match="is for cosine"):
        mutual.query(INDEX.vectors[:1], 3, metric="euclidean")
    with pytest.raises(ValueError, match="is for cosine"):
        mutual.distances(INDEX.vectors[0], metric="euclidean")
    with pytest.raises(ValueError, match="1 or more"):
        mutual.query(INDEX.vectors[:1], 0)
    with pytest.raises(ValueError, match="wanted"):
        mutual.query([[1.0]], 3)
    assert MutualIndex(VectorIndex([], np.empty((0, 4)))).query(np.ones((1, 4)), 3) == [[]]
    same = MutualIndex(VectorIndex(range(3), np.ones((3, 4)))).query(np.ones((1, 4)), 3)  # no deviation at all
    assert [n.id for n in same[0]] == [0, 1, 2]
