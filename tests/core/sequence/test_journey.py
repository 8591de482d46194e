"""From one song to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musrec_core.search.distance import pairwise
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.index import VectorIndex, positions
from musrec_core.sequence.journey import NoJourneyError, journey
from musrec_core.sequence.paths import exact_path
from musrec_core.sequence.smooth import path_length, smooth_order


def cloud(seed: int, n: int, d: int = 6) -> VectorIndex:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((4, d))
    vectors = centres[rng.integers(4, size=n)] + 0.6 * rng.standard_normal((n, d))
    return VectorIndex(rng.permutation(10 * n)[:n], vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def steps(index: VectorIndex, path: list[int]) -> np.ndarray:
    vectors = index.vectors[positions(index, path)].astype(float)
    return np.linalg.norm(np.diff(vectors, axis=0), axis=1)


def straight(index: VectorIndex, start: int, end: int, count: int) -> list[int]:
    """What anybody would write first: the nearest unused song to each evenly spaced point."""
    a, b = index.vectors[positions(index, [start, end])]
    path = [start]
    for share in np.arange(1, count - 1) / (count - 1):
        ranked = index.query([a + share * (b - a)], len(index))[0]
        path.append(next(n.id for n in ranked if n.id not in {*path, end}))
    return [*path, end]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), n=st.integers(8, 80), data=st.data())
def test_exactly_so_many_songs_from_one_to_the_other_none_twice_and_no_step_larger_than_the_straight_ways(
    seed: int, n: int, data: st.DataObject
) -> None:
    index = cloud(seed, n)
    count = data.draw(st.integers(2, min(n, 20)))
    start, end = index.ids[:2].tolist()
    path = journey(index, [start, end], count)
    assert len(path) == len(set(path)) == count
    assert (path[0], path[-1]) == (start, end)
    assert steps(index, path).max() <= steps(index, straight(index, start, end, count)).max() + 1e-6
    assert path == journey(index, [start, end], count)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), cap=st.integers(1, 3))
def test_the_cap_on_artists_holds_and_stops_are_never_left_out(seed: int, cap: int) -> None:
    index = cloud(seed, 90)
    artist = {id_: id_ % 12 for id_ in index.ids.tolist()}
    stops = index.ids[:3].tolist()
    path = journey(index, stops, 10, artists=lambda ids: {i: artist[i] for i in ids}, max_per_artist=cap)
    assert len(set(path)) == 10
    assert [id_ for id_ in path if id_ in stops] == stops
    of_stops, of_all = Counter(artist[i] for i in stops), Counter(artist[i] for i in path)
    assert all(n <= max(cap, of_stops[label]) for label, n in of_all.items())


def test_a_cap_that_leaves_too_few_songs_is_told() -> None:
    index = cloud(1, 30)
    with pytest.raises(NoJourneyError, match="not enough songs"):
        journey(index, index.ids[:2].tolist(), 8, artists=lambda ids: dict.fromkeys(ids, "one"), max_per_artist=3)
    with pytest.raises(NoJourneyError, match="not enough songs"):
        journey(index, index.ids[:2].tolist(), 31)
    assert len(journey(index, index.ids[:2].tolist(), 30)) == 30


def test_a_prolific_artist_on_the_way_does_not_hide_the_others() -> None:
    angles = np.concatenate([np.linspace(0, 1, 400), np.linspace(0.05, 0.95, 10)])
    height = np.concatenate([np.zeros(400), np.full(10, 0.4)])
    index = VectorIndex(range(410), np.stack([np.cos(angles), np.sin(angles), height], axis=1))
    path = journey(
        index, [0, 399], 8, max_per_artist=2, artists=lambda ids: {i: "prolific" if i < 400 else i for i in ids}
    )
    assert all(id_ >= 400 for id_ in path[1:-1])
    assert path[1:-1] == sorted(path[1:-1])


def test_songs_on_an_arc_come_in_its_order_and_evenly() -> None:
    angles = np.linspace(0, np.pi / 2, 101)
    index = VectorIndex(range(101), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert journey(index, [0, 100], 11) == list(range(0, 101, 10))
    assert journey(index, [100, 0], 11) == list(range(100, -1, -10))
    assert journey(index, [0, 100], 11, metric="euclidean") == list(range(0, 101, 10))


def test_waypoints_candidates_and_exclusions() -> None:
    angles = np.linspace(0, np.pi / 2, 101)
    index = VectorIndex(range(101), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    path = journey(index, [0, 80, 40], 13, candidates=range(0, 101, 2), exclude=[10, 20])
    assert len(set(path)) == 13
    assert [id_ for id_ in path if id_ in (0, 80, 40)] == [0, 80, 40]
    assert not {10, 20} & set(path)
    assert all(id_ % 2 == 0 for id_ in path)
    assert 6 <= path.index(80) <= 9  # two thirds of the way


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), copies=st.integers(1, 50))
def test_no_recording_comes_twice_and_none_of_a_stop(seed: int, copies: int) -> None:
    index = cloud(seed, 12)
    index = VectorIndex(range(12 * copies), np.repeat(index.vectors, copies, axis=0))  # all in the same places
    one_each = by_recording(copies)
    stops = [0, 12 * copies - 1, 5 * copies]
    path = journey(index, stops, 12, one_each=one_each)
    assert [id_ for id_ in path if id_ in stops] == stops
    assert len({id_ // copies for id_ in path}) == 12  # every recording once
    with pytest.raises(NoJourneyError, match="not enough songs"):
        journey(index, stops, 13, one_each=one_each)


def by_recording(copies: int) -> Callable[[Sequence[int], Collection[int]], list[int]]:
    """Ids of one recording follow each other; the last one is the best copy."""

    def one_each(ids: Sequence[int], others: Collection[int]) -> list[int]:
        best = {id_ // copies: id_ for id_ in sorted(ids)}
        return [id_ for id_ in ids if best[id_ // copies] == id_ and id_ // copies not in {i // copies for i in others}]

    return one_each


def test_what_goes_badly_together_is_avoided() -> None:
    angles = np.linspace(0, np.pi / 2, 101)
    index = VectorIndex(range(101), np.stack([np.cos(angles), np.sin(angles)], axis=1))

    def mismatch(ids: object) -> np.ndarray:
        odd = np.array([id_ % 2 for id_ in ids])  # type: ignore[attr-defined]
        return (odd[:, None] != odd) * 1e6

    assert all(id_ % 2 == 0 for id_ in journey(index, [0, 100], 8, mismatch=mismatch))


def test_the_cheapest_path_of_an_exact_length_is_found() -> None:
    rng = np.random.default_rng(4)
    costs = np.where(np.triu(np.ones((9, 9)), 1) > 0, rng.random((9, 9)), np.inf)
    from itertools import combinations

    def cost(rows: tuple[int, ...]) -> float:
        return path_length(costs, np.array([0, *rows, 8]))

    free = np.zeros(9, np.int64)
    for between in range(1, 7):
        found = exact_path(costs, between, free, np.array([9]))
        assert found is not None
        assert tuple(found) == min(combinations(range(1, 8), between), key=cost)
    assert exact_path(costs, 7, free, np.array([9])) == [1, 2, 3, 4, 5, 6, 7]
    assert exact_path(costs, 8, free, np.array([9])) is None


def test_what_makes_no_journey_is_refused() -> None:
    index = cloud(2, 10)
    one, two = index.ids[:2].tolist()
    for stops, count in (([one], 5), ([one, one], 5), ([one, two], 1)):
        with pytest.raises(ValueError, match=r"stops"):
            journey(index, stops, count)
    with pytest.raises(ValueError, match="not in the index"):
        journey(index, [one, 10_000], 5)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 40))
def test_a_smooth_order_keeps_every_song_and_is_no_longer_than_the_nearest_neighbours_way(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, start = rng.standard_normal((n, 3)), rng.standard_normal(3)
    order = smooth_order(vectors, start, metric="euclidean")
    assert sorted(order) == list(range(n))
    if n < 2:
        return
    costs = pairwise(np.concatenate([start[None], vectors]).astype(np.float32), "euclidean")
    greedy, left = [0], set(range(1, n + 1))
    while left:
        greedy.append(min(left, key=lambda row: (costs[greedy[-1], row], row)))
        left.remove(greedy[-1])
    assert path_length(costs, np.array([0, *(np.array(order) + 1)])) <= path_length(costs, np.array(greedy)) + 1e-9


def test_a_smooth_order_unfolds_a_line_and_starts_where_it_is_told() -> None:
    at = np.random.default_rng(0).permutation(30)
    line = np.stack([at, np.zeros(30)], axis=1)
    assert at[smooth_order(line, [-1, 0], metric="euclidean")].tolist() == list(range(30))
    assert at[smooth_order(line, [31, 0], metric="euclidean")].tolist() == list(range(29, -1, -1))
    assert smooth_order(line, metric="euclidean")[0] == 0


def test_a_journey_by_mutual_proximity_comes_as_far() -> None:
    index = cloud(3, 60)
    stops = index.ids[:2].tolist()
    path = journey(MutualIndex(index), stops, 9, exclude=index.ids[2:6].tolist(), candidates=index.ids[:50].tolist())
    assert (path[0], path[-1]) == tuple(stops)
    assert len(set(path)) == 9
    assert set(path) <= set(index.ids[[0, 1, *range(6, 50)]].tolist())
