"""The order of a list, its length, and chance."""

from __future__ import annotations

import itertools

import numpy as np

from musrec_core.sequence.order import apart, draw, fill


def _repeats(labels: list[str | None]) -> int:
    return sum(a == b is not None for a, b in itertools.pairwise(labels))


def test_no_label_twice_in_a_row_where_there_is_an_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        labels: list[str | None] = [str(label) for label in rng.choice(list("AAABC"), rng.integers(0, 7))]
        before = [None, "A", "B"][int(rng.integers(3))]
        order = apart(labels, before=before)
        assert sorted(order) == list(range(len(labels)))
        fewest = min(_repeats([before, *p]) for p in itertools.permutations(labels))
        assert _repeats([before, *(labels[place] for place in order)]) == fewest


def test_an_order_that_is_good_stays() -> None:
    assert apart("ABAC") == [0, 1, 2, 3]
    assert apart("AABB") == [0, 2, 1, 3]
    assert apart([None, None, None]) == [0, 1, 2]


def test_filling_a_time() -> None:
    assert fill([100, 100, 100], 250) == [0, 1]
    assert fill([100, 200, 90, 50], 200) == [0, 2]
    assert fill([300, 10], 200) == []
    assert fill([50, 300, 300, 300, 50], 200) == [0]  # the last one stands too far down
    assert fill([], 10) == []


def test_the_same_seed_draws_the_same_and_the_first_are_likelier() -> None:
    ranked = list(range(20))
    assert draw(ranked, 5, 3) == draw(ranked, 5, 3)
    assert len({tuple(draw(ranked, 5, seed)) for seed in range(20)}) > 15
    drawn = [place for seed in range(200) for place in draw(ranked, 5, seed)]
    assert len(drawn) == 1000
    assert drawn.count(0) > 3 * drawn.count(19)
    assert sorted(draw(ranked, 50, 0)) == ranked
