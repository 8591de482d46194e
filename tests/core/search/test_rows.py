"""Ranking by rows follows the rules of `ranking`."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core.search import ranking
from musrec_core.search.distance import smallest
from musrec_core.search.index import Neighbour
from musrec_core.search.rows import cap_rows, nearest_rows

RNG = np.random.default_rng(0)
N = 3000
IDS = RNG.permutation(N) + 1


@pytest.mark.parametrize("values", [100, 10**6], ids=["many ties", "few ties"])
@pytest.mark.parametrize("k", [1, 7, 200, N - 1, N, N + 5])
def test_the_smallest_are_those_of_a_whole_sort(values: int, k: int) -> None:
    numbers = RNG.integers(values, size=N).astype(np.float32)
    assert smallest(numbers, IDS, k).tolist() == np.lexsort((IDS, numbers))[:k].tolist()


@pytest.mark.parametrize("k", [5, 500])
def test_the_smallest_where_the_sample_misleads(k: int) -> None:
    numbers = np.arange(N, dtype=np.float32)
    numbers[::16] = -1000  # what is looked at is smaller than the rest
    assert smallest(numbers, IDS, k).tolist() == np.lexsort((IDS, numbers))[:k].tolist()


def test_nothing_is_the_smallest_of_nothing() -> None:
    assert len(smallest(np.empty(0, np.float32), np.empty(0, np.int64), 3)) == 0


@pytest.mark.parametrize("limits", [(2, 0), (0, 1), (3, 2), (1, 1)])
@pytest.mark.parametrize("count", [1, 20, N])
@pytest.mark.parametrize("per_song", [4, 16])
def test_caps_and_exclusions_are_those_of_ranking(limits: tuple[int, int], count: int, per_song: int) -> None:
    cost = RNG.random(N)
    artists, albums = RNG.integers(0, 60, N), RNG.integers(0, 200, N)
    excluded = IDS[RNG.choice(N, 50, replace=False)].tolist()
    given = [(labels, most) for labels, most in zip((artists, albums), limits, strict=True) if most]
    rows = nearest_rows(
        lambda _: (None, cost), IDS, count, exclude=excluded, filters=[cap_rows(*given)], per_song=per_song
    )

    row_of = {int(id_): row for row, id_ in enumerate(IDS)}
    ranked = [Neighbour(int(IDS[row]), 0.0) for row in np.argsort(cost) if IDS[row] not in excluded]
    keep = ranking.cap(
        *(
            (lambda ids, labels=labels: {id_: labels[row_of[id_]] or None for id_ in ids}, most)
            for labels, most in given
        )
    )
    assert IDS[rows].tolist() == [each.id for each in keep(ranked)][:count]


def test_without_filters_the_first_are_taken() -> None:
    cost = RNG.random(N)
    assert nearest_rows(lambda _: (None, cost), IDS, 10).tolist() == np.argsort(cost)[:10].tolist()
