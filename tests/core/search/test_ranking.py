"""Seeds and rules -> a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from musrec_core import VectorIndex, recommend
from musrec_core.search import ranking
from musrec_core.search.index import Neighbour

ANGLES = np.linspace(0, np.pi, 60)
INDEX = VectorIndex(range(60), np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1))
SEED = INDEX.vectors[:1]


def ids(neighbours: list[Neighbour]) -> list[int]:
    return [neighbour.id for neighbour in neighbours]


def test_the_nearest_come_first_and_the_seed_never() -> None:
    assert ids(ranking.nearest(INDEX, SEED, 3, exclude=[0])) == [1, 2, 3]


def test_several_seeds_meet_in_the_middle() -> None:
    assert ids(ranking.nearest(INDEX, INDEX.vectors[[10, 20]], 1, exclude=[10, 20])) == [15]


def test_a_loud_seed_weighs_no_more_by_cosine() -> None:
    seeds = INDEX.vectors[[10, 20]] * np.array([[1.0], [50.0]])
    assert ids(ranking.nearest(INDEX, seeds, 1, exclude=[10, 20])) == [15]


def test_candidates() -> None:
    assert ids(ranking.nearest(INDEX, SEED, 3, candidates={7, 50, 9, 999})) == [7, 9, 50]
    assert ranking.nearest(INDEX, SEED, 3, candidates=[]) == []
    assert ranking.nearest(INDEX, SEED, 3, candidates=[5], exclude=[5]) == []


def test_caps_hold_however_far_one_has_to_look() -> None:
    artists = {i: "prolific" if i < 50 else f"artist {i}" for i in range(60)}

    def artists_of(wanted: Sequence[int]) -> dict[int, str]:
        return {i: artists[i] for i in wanted}

    found = ranking.nearest(INDEX, SEED, 6, filters=[ranking.cap((artists_of, 2))])
    assert ids(found) == [0, 1, 50, 51, 52, 53]
    assert max(Counter(artists[i] for i in ids(found)).values()) == 2


def test_both_caps_hold_at_once_and_nothing_is_unlabelled_capped() -> None:
    limits = ranking.cap(
        (lambda wanted: {i: i % 10 for i in wanted}, 3),
        (lambda wanted: {i: None if i > 40 else i // 20 for i in wanted}, 1),
    )
    found = ranking.nearest(INDEX, SEED, 60, filters=[limits])
    assert max(Counter(i % 10 for i in ids(found)).values()) <= 3
    assert max(Counter(i // 20 for i in ids(found) if i <= 40).values()) == 1
    assert sum(i > 40 for i in ids(found)) > 10


def test_what_one_limit_leaves_out_does_not_count_for_another() -> None:
    artists = {i: "a" if i < 3 else "b" for i in range(60)}
    albums = {i: 1 if i < 2 else i for i in range(60)}  # 0 and 1 are of one album, so 2 is the artist's second song
    together = ranking.cap((lambda wanted: {i: artists[i] for i in wanted}, 2),
                           (lambda wanted: {i: albums[i] for i in wanted}, 1))  # fmt: skip
    assert ids(ranking.nearest(INDEX, SEED, 4, filters=[together])) == [0, 2, 3, 4]


def test_rejected_songs_are_asked_about_as_far_as_one_has_to_look() -> None:
    asked: list[int] = []

    def below_fifty(some: Sequence[int]) -> list[int]:
        asked.extend(some)
        return [i for i in some if i < 50]

    assert ids(ranking.nearest(INDEX, SEED, 2, exclude=[50], filters=[ranking.reject(below_fifty)])) == [51, 52]
    assert 50 not in asked
    assert ids(ranking.nearest(INDEX, SEED, 2, filters=[ranking.reject(lambda some: [0, 2])])) == [1, 3]


def test_filters_are_applied_in_their_order() -> None:
    one_each = ranking.cap((lambda wanted: {i: i % 5 for i in wanted}, 1))
    low = ranking.reject(lambda some: [i for i in some if i < 3])
    assert ids(ranking.nearest(INDEX, SEED, 5, filters=[low, one_each])) == [3, 4, 5, 6, 7]
    assert ids(ranking.nearest(INDEX, SEED, 5, filters=[one_each, low])) == [3, 4]


def test_fewer_come_back_where_there_are_not_more() -> None:
    assert len(ranking.nearest(INDEX, SEED, 500, exclude=[0])) == 59


def test_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ranking.nearest(INDEX, np.zeros((0, 2)))


def test_it_is_the_public_recommend() -> None:
    assert recommend is ranking
    assert ids(recommend.nearest(INDEX, [recommend.centroid(SEED)], 2)) == [0, 1]
