"""Tempo and key."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core.sequence.harmonic import camelot, key_distance, mismatch


@pytest.mark.parametrize(
    ("key", "place"),
    [("C", (8, 1)), ("Am", (8, 0)), ("G", (9, 1)), ("F", (7, 1)), ("F#", (2, 1)), ("Gb major", (2, 1)),
     ("C#m", (12, 0)), ("Bb minor", (3, 0)), ("B", (1, 1)), ("Bm", (10, 0)), ("8A", (8, 0)), ("12b", (12, 1)),
     ("1d", (8, 1)), ("6m", (1, 0)), (" am ", (8, 0))],
)  # fmt: skip
def test_keys_stand_on_the_wheel(key: str, place: tuple[int, int]) -> None:
    assert camelot(key) == place


@pytest.mark.parametrize("key", ["", "H", "13A", "0B", "no key", "off", "-"])
def test_what_is_no_key_has_no_place(key: str) -> None:
    assert camelot(key) is None


def test_the_wheel_is_round() -> None:
    assert key_distance((12, 0), (1, 0)) == 1
    assert key_distance((8, 0), (8, 1)) == 1
    assert key_distance((8, 0), (2, 1)) == 7


def test_tempo_and_key_go_together_or_not() -> None:
    costs = mismatch([120, 60, 90, None], ["Am", "8A", "Ebm", ""])
    assert np.allclose(costs, costs.T)
    assert np.allclose(np.diagonal(costs), 0)
    assert costs[0, 1] == 0  # half the tempo, the same key
    assert costs[0, 2] == 1  # as bad as can be
    assert costs[0, 3] == costs[2, 3] == pytest.approx((0 + 1 + 1) / 3)  # nobody knows: the mean
    assert not mismatch([None, 0], [None, "?"]).any()
