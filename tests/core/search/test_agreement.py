"""What tags say of neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest

from musrec_core.search.agreement import agreement, draw, hub_figures, nearest_of
from musrec_core.search.index import VectorIndex

RNG = np.random.default_rng(0)
LABEL = np.repeat(np.arange(5), 40)
INDEX = VectorIndex(range(200), np.eye(5)[LABEL] + 0.01 * RNG.standard_normal((200, 5)))
ALL = np.arange(200)
ROWS = nearest_of(INDEX, ALL)


def test_what_lies_together_agrees_and_chance_is_what_is_left() -> None:
    found = agreement(ALL, ROWS, [[str(label)] for label in LABEL])
    assert (found.precision, found.seeds) == (1.0, 200)
    assert found.chance == pytest.approx(39 / 199)


def test_labels_at_random_agree_as_often_as_chance() -> None:
    labels = [[str(label)] for label in RNG.integers(4, size=200)]
    found = agreement(ALL, ROWS, labels)
    assert found.precision == pytest.approx(found.chance, abs=0.05)


def test_whoever_shares_the_artist_is_left_out_of_both() -> None:
    artist = [[f"{label}{i % 2}"] for i, label in enumerate(LABEL)]
    genre = [[str(label)] if i % 2 else [] for i, label in enumerate(LABEL)]  # one artist of two of each kind
    found = agreement(ALL, ROWS, genre, apart=artist)
    assert (found.precision, found.chance, found.seeds) == (0.0, 0.0, 100)


def test_many_genres_agree_if_they_share_one() -> None:
    labels = [["a", "b"], ["b", "c"], ["c"], []]
    found = agreement(np.array([0, 1, 3]), np.array([[1, 2, 3], [0, 2, 3], [0, 1, 2]]), labels, k=2)
    assert found.seeds == 2
    assert found.precision == pytest.approx((1 / 2 + 1) / 2)
    assert found.chance == pytest.approx((1 / 3 + 2 / 3) / 2)


def test_nobody_has_a_label() -> None:
    found = agreement(ALL, ROWS, [[]] * 200)
    assert found.seeds == 0
    assert math.isnan(found.precision)


def test_samples_are_the_same_each_time() -> None:
    assert draw(10, 20).tolist() == list(range(10))
    assert draw(1000, 20).tolist() == draw(1000, 20).tolist()
    assert len(set(draw(1000, 20).tolist())) == 20


def test_hubs_in_all_songs_or_in_a_sample() -> None:
    angle = np.linspace(0, np.pi / 4, 30)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    whole = hub_figures(VectorIndex(range(30), ring))
    assert (whole.songs, whole.k, len(whole.worst)) == (30, 10, 5)
    assert whole.worst == sorted(whole.worst, key=lambda pair: (-pair[1], pair[0]))
    assert hub_figures(INDEX, most=50).songs == 50
