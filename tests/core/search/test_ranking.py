"""Seeds and rules -> a list."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from musrec_core import VectorIndex
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
    found = ranking.nearest(INDEX, SEED, 6, artists=lambda wanted: {i: artists[i] for i in wanted}, max_per_artist=2)
    assert ids(found) == [0, 1, 50, 51, 52, 53]
    assert max(Counter(artists[i] for i in ids(found)).values()) == 2


def test_both_caps_hold_at_once_and_nothing_is_unlabelled_capped() -> None:
    found = ranking.nearest(
        INDEX, SEED, 60,
        artists=lambda wanted: {i: i % 10 for i in wanted}, max_per_artist=3,
        albums=lambda wanted: {i: None if i > 40 else i // 20 for i in wanted}, max_per_album=1,
    )  # fmt: skip
    assert max(Counter(i % 10 for i in ids(found)).values()) <= 3
    assert max(Counter(i // 20 for i in ids(found) if i <= 40).values()) == 1
    assert sum(i > 40 for i in ids(found)) > 10


def test_fewer_come_back_where_there_are_not_more() -> None:
    assert len(ranking.nearest(INDEX, SEED, 500, exclude=[0])) == 59


def test_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ranking.nearest(INDEX, np.zeros((0, 2)))
