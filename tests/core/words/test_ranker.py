"""Songs ranked by a score, in place of the distance to a vector."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core.search import ranking
from musrec_core.search.index import Neighbour, VectorIndex
from musrec_core.words.ranker import ScoreIndex

SCORES = np.array([0.2, 0.9, 0.5, 0.9], np.float32)
INDEX = VectorIndex([40, 30, 20, 10], np.eye(4))
NOWHERE = np.zeros((1, 4), np.float32)


def test_the_best_come_first_whatever_the_point() -> None:
    ranked = ScoreIndex(INDEX, SCORES)
    assert len(ranked) == 4
    for point in (NOWHERE, np.ones((1, 4))):
        (found,) = ranked.query(point, 3)
        assert [each.id for each in found] == [10, 30, 20]  # as good ones in the order of ids
        assert [each.distance for each in found] == pytest.approx([0.1, 0.1, 0.5])
    assert ranked.distances(NOWHERE[0]) == pytest.approx([0.8, 0.1, 0.5, 0.1])
    assert ranked.among([20, 99]).query(NOWHERE, 5) == [[Neighbour(20, 0.5)]]
    assert ranked.among([]).query(NOWHERE, 5) == [[]]


def test_it_ranks_with_filters_candidates_and_steering() -> None:
    ranked = ScoreIndex(INDEX, SCORES)
    assert [n.id for n in ranking.nearest(ranked, NOWHERE, 2, exclude={10})] == [30, 20]
    assert [n.id for n in ranking.nearest(ranked, NOWHERE, 2, candidates={20, 40})] == [20, 40]
    one_each = ranking.cap((lambda ids: dict.fromkeys(ids, "x"), 1))
    assert [n.id for n in ranking.nearest(ranked, NOWHERE, 2, filters=[one_each])] == [10]
    steered = ranking.nearest(ranked, NOWHERE, 1, steering=np.array([-1, 0, 0, 0], np.float32))
    assert [each.id for each in steered] == [40]
    assert steered[0].distance == pytest.approx(0.8)  # its own
    assert len(ranking.diversify(ranked, ranked.query(NOWHERE, 4)[0], 2, 0.5)) == 2


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="scores for"):
        ScoreIndex(INDEX, SCORES[:3])
    with pytest.raises(ValueError, match="k has to be 1 or more"):
        ScoreIndex(INDEX, SCORES).query(NOWHERE, 0)
