"""The axes and quadrants of mood."""

from __future__ import annotations

from itertools import product

from musrec_core.card import Card
from musrec_core.mood import AXES, QUADRANTS


def test_the_shipped_model_has_these_axes_in_this_order() -> None:
    assert tuple(Card.load().mood) == AXES


def test_quadrants_are_counted_from_happy_against_the_clock() -> None:
    assert set(QUADRANTS.values()) == set(product((0, 1), repeat=len(AXES)))
    named = {quadrant: dict(zip(AXES, high, strict=True)) for quadrant, high in QUADRANTS.items()}
    assert named["Q1"] == {"valence": 1, "arousal": 1}  # happy
    assert named["Q2"] == {"valence": 0, "arousal": 1}  # angry
