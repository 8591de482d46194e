"""Shortlists by principal components miss none of the nearest, and are short where vectors vary in few directions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.search.index import VectorIndex
from musrec_core.search.joined import JoinedIndex
from musrec_core.search.projection import LEAST, WORTH, Projection
from musrec_core.search.rows import nearest_rows

N, D = 2 * LEAST, 64
IDS = np.arange(N, dtype=np.int64) * 3


def vectors(fall: float, seed: int = 0) -> NDArray[np.float32]:
    """Clustered vectors whose spread falls to 1/e within so many dimensions [shape=(N, D)], some of them twice."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, D))
    found = centres[rng.integers(40, size=N)] + 0.5 * rng.standard_normal((N, D))
    found[::7] = found[1::7][: len(found[::7])]
    rotation = np.linalg.qr(rng.standard_normal((D, D)))[0]
    scaled = (found * np.exp(-np.arange(D) / fall)) @ rotation
    return np.asarray(scaled * rng.uniform(0.5, 2, (N, 1)), np.float32)


def cosines(some: NDArray[np.float32], point: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = some.astype(np.float64)
    found: NDArray[np.float64] = exact @ point / np.linalg.norm(exact, axis=1) / np.linalg.norm(point)
    return found


@pytest.mark.parametrize("k", [1, 10, 300])
@pytest.mark.parametrize("seed", range(3))
def test_none_of_the_nearest_is_missing(k: int, seed: int) -> None:
    some = vectors(4.0, seed)
    squares = np.einsum("nd,nd->n", some, some)
    projection = Projection.of(some, squares)
    assert projection is not None
    rng = np.random.default_rng(seed)
    points = [*some[rng.integers(N, size=5)], *rng.standard_normal((3, D)).astype(np.float32)]
    shortened = 0
    for point in points:
        short = projection.shortlist(point, k, some, 1 / np.sqrt(squares))
        if short is None:  # of a point that is like none of them
            continue
        shortened += 1
        rows, found = short
        exact = cosines(some, point)
        assert len(set(rows.tolist())) == len(rows) <= 2 * WORTH * N
        assert set(np.flatnonzero(exact > np.sort(exact)[-k] + 1e-6)) <= set(rows.tolist())
        assert np.sum(exact[rows] >= np.sort(exact)[-k] - 1e-6) >= k
        np.testing.assert_allclose(found, exact[rows], atol=1e-5)
    assert shortened >= 5


def test_vectors_in_all_directions_and_few_vectors_are_read_whole() -> None:
    flat = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)
    assert Projection.of(flat, np.einsum("nd,nd->n", flat, flat)) is None
    few = vectors(4.0)[: LEAST - 1]
    assert Projection.of(few, np.einsum("nd,nd->n", few, few)) is None
    assert not JoinedIndex.projected(VectorIndex(IDS, flat)).may_shorten(1)


def test_a_part_has_its_part_of_the_projection() -> None:
    whole = JoinedIndex.projected(VectorIndex(IDS, vectors(4.0)))
    rows = np.arange(1, N, 3)
    part = whole.at(rows)
    assert part.may_shorten(20)
    found, _ = part.costs(whole.vectors[5], 20)
    assert found is not None
    nearest = np.argsort(-cosines(part.vectors, whole.vectors[5]))[:20]
    assert set(nearest.tolist()) <= set(found.tolist())


@pytest.mark.parametrize("count", [5, 100, 1000])
def test_the_ranking_is_that_without(count: int) -> None:
    plain = VectorIndex(IDS, vectors(4.0))
    index = JoinedIndex.projected(plain)
    point = plain.vectors[17]

    def even(rows: NDArray[np.intp]) -> NDArray[np.intp]:  # so that more rows are asked for
        return rows[rows % 5 == 0]

    rows = nearest_rows(lambda k: index.costs(point, k), index.ids, count, exclude={51}, filters=[even])
    exact = 1 - cosines(plain.vectors, point)
    wanted = [row for row in np.argsort(exact, kind="stable") if row % 5 == 0 and row != 17][:count]
    np.testing.assert_allclose(exact[rows], exact[wanted], atol=2e-6)
    assert not {17, *np.flatnonzero(np.arange(N) % 5)} & set(rows.tolist())
