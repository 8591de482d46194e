"""Songs that are near everything."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from musrec_core import recommend
from musrec_core.hubs import MutualIndex
from musrec_core.index import Metric, VectorIndex
from musrec_core.neighbours import occurrences, pairwise, skewness

RNG = np.random.default_rng(7)
INDEX = VectorIndex(range(3, 303), RNG.standard_normal((300, 40)) * RNG.uniform(0.3, 1.5, (300, 1)) + 0.2)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_remoteness_is_the_papers_formula_on_all_the_librarys_distances(metric: Metric) -> None:
    found = MutualIndex(INDEX, metric=metric).remoteness(INDEX.vectors[:4])
    distances = pairwise(INDEX.vectors, metric) ** (1 if metric == "cosine" else 2)
    for x in range(4):
        for y in (20, 150, 299):
            here, there = (NormalDist(distances[i].mean(), distances[i].std()).cdf(distances[x, y]) for i in (x, y))
            assert found[x, y] == pytest.approx(1 - (1 - here) * (1 - there), rel=1e-4)


def test_songs_are_found_more_evenly() -> None:
    def skew(index: VectorIndex) -> float:
        rows = [[n.id - 3 for n in row[1:]] for row in index.query(INDEX.vectors, 11, metric="euclidean")]
        return skewness(occurrences(np.array(rows, np.int32), 300))

    assert skew(MutualIndex(INDEX, metric="euclidean")) < 0.5 * skew(INDEX)


def test_it_serves_where_a_plain_index_does() -> None:
    mutual = MutualIndex(INDEX)
    seed = INDEX.vectors[:1]
    found = recommend.nearest(mutual, seed, 5, exclude=[3])
    plain = {n.id: n.distance for n in recommend.nearest(INDEX, seed, 299, exclude=[3])}
    assert len(found) == 5
    assert all(n.distance == pytest.approx(plain[n.id]) for n in found)
    chosen = {n.id for n in found[1:]}
    assert [n.id for n in recommend.nearest(mutual, seed, 5, candidates=chosen)] == [n.id for n in found[1:]]


def test_what_does_not_fit_is_refused() -> None:
    mutual = MutualIndex(INDEX)
    with pytest.raises(ValueError, match="answers for cosine"):
        mutual.query(INDEX.vectors[:1], 3, metric="euclidean")
    with pytest.raises(ValueError, match="1 or more"):
        mutual.query(INDEX.vectors[:1], 0)
    with pytest.raises(ValueError, match="wanted"):
        mutual.query([[1.0]], 3)
    assert MutualIndex(VectorIndex([], np.empty((0, 4)))).query(np.ones((1, 4)), 3) == [[]]
    same = MutualIndex(VectorIndex(range(3), np.ones((3, 4)))).query(np.ones((1, 4)), 3)  # no deviation at all
    assert [n.id for n in same[0]] == [0, 1, 2]
