"""An index that many threads ask gives each the answer that it would get alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from musrec_core.search import joined
from musrec_core.search.distance import Metric
from musrec_core.search.index import VectorIndex
from musrec_core.search.joined import JoinedIndex

RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((2 * joined.ROWS + 57, 16)).astype(np.float32)
PLAIN = VectorIndex(RNG.permutation(10_000)[: len(VECTORS)], VECTORS)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("n", [0, 1, joined.ROWS - 1, joined.ROWS, len(VECTORS)])
def test_answers_are_those_of_the_index(n: int, metric: Metric) -> None:
    plain = VectorIndex(PLAIN.ids[:n], PLAIN.vectors[:n])
    index = JoinedIndex(plain)
    for query in RNG.standard_normal((3, 1, 16)).astype(np.float32):
        assert index.query(query, 20, metric=metric) == plain.query(query, 20, metric=metric)
        np.testing.assert_allclose(
            index.distances(query[0], metric=metric), plain.distances(query[0], metric=metric), atol=1e-6
        )
    many = RNG.standard_normal((4, 16)).astype(np.float32)
    assert index.query(many, 5, metric=metric) == plain.query(many, 5, metric=metric)
    if n:
        np.testing.assert_array_equal(index.distances(many, metric=metric), plain.distances(many, metric=metric))


def test_a_part_answers_of_its_songs_only() -> None:
    ids = sorted(PLAIN.ids[::3].tolist())
    part = JoinedIndex(PLAIN).among(ids)
    assert sorted(part.ids.tolist()) == ids
    assert part.query(VECTORS[:1], 9) == PLAIN.among(ids).query(VECTORS[:1], 9)


def test_company_changes_no_digit() -> None:
    index = JoinedIndex(PLAIN)
    alone = [index.distances(point) for point in VECTORS[:200]]
    with ThreadPoolExecutor(12) as threads:
        together = list(threads.map(index.distances, VECTORS[:200]))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


class Slow(JoinedIndex):
    """Whose first pass waits for a sign."""

    def __init__(self, index: VectorIndex) -> None:
        super().__init__(index)
        self.go, self.sizes = threading.Event(), list[int]()

    def _pass(self, points: np.ndarray) -> np.ndarray:
        self.sizes.append(len(points))
        assert self.go.wait(30)
        return super()._pass(points)


def wait_for(index: Slow, waiting: int) -> None:
    end = time.monotonic() + 30
    while not (len(index.sizes) == 1 and len(index._waiting) == waiting):
        assert time.monotonic() < end
        time.sleep(0.001)


def test_whoever_comes_during_a_pass_shares_the_next() -> None:
    index = Slow(PLAIN)
    with ThreadPoolExecutor(32) as threads:
        asked = [threads.submit(index.distances, point) for point in VECTORS[: 2 + joined.MOST]]
        wait_for(index, 1 + joined.MOST)
        index.go.set()
        found = [each.result() for each in asked]
    assert index.sizes == [1, joined.MOST, 1]
    assert all(np.array_equal(each, index.distances(VECTORS[n])) for n, each in enumerate(found))


class Failing(Slow):
    def _pass(self, points: np.ndarray) -> np.ndarray:
        super()._pass(points)
        raise MemoryError("no room")


def test_an_error_reaches_everyone_who_waits_and_the_next_goes_on() -> None:
    index = Failing(PLAIN)
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(index.distances, point) for point in VECTORS[:5]]
        wait_for(index, 4)
        index.go.set()
        assert [type(each.exception()) for each in asked] == [MemoryError] * 5
    with pytest.raises(MemoryError):
        index.distances(VECTORS[0])
    assert [size for size, _ in pairwise(index.sizes)] == [1, 4]
