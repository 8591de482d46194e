"""Ways to score two words at once: what is compared, and with what."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core.words.heads import Words
from musrec_core.words.request import parse
from training.words.combinations import OURS, WAYS, compare, table_rows

WORDS = Words(
    ("piano", "calm", "sad"), ("instrument", "mood", "mood"), ((), (), ()), 2 * np.eye(3, dtype=np.float32),
    np.zeros(3, np.float32), np.full(3, 0.9, np.float32), np.array([0.2, 0.3, 0.1], np.float32),
)  # fmt: skip
VECTORS = np.random.default_rng(0).standard_normal((60, 3))


def test_the_right_pairs_are_compared() -> None:
    applies = (VECTORS > 0).astype(float)  # the logits say it all
    applies[:, 2] = np.nan
    report = compare(WORDS, VECTORS, applies, least=5)
    assert report["both"]["pairs"] == 1  # piano and calm, once; of sad nothing is known
    assert report["one, not the other"]["pairs"] == 2
    for some in report.values():
        assert set(some["ways"]) == set(WAYS)
        assert some["ways"]["the smaller probability"] == [1, 1]  # it is above a half just where both apply
        assert all(0 <= figure <= 1 for means in some["ways"].values() for figure in means)
    assert compare(WORDS, VECTORS, applies, least=61) == {}
    assert compare(WORDS, VECTORS[:, [0, 1, 2]], np.full((60, 3), np.nan), least=1) == {}


def test_pairs_of_one_group_are_left_out() -> None:
    applies = (VECTORS > 0).astype(float)
    applies[:, 0] = np.nan
    assert compare(WORDS, VECTORS, applies, least=1) == {}  # calm and sad are both moods


def test_ours_is_what_requests_use() -> None:
    logits = 2 * VECTORS[:, [0, 1]]
    scores = parse("piano, -calm", WORDS).scores(WORDS, VECTORS)
    ours = WAYS[OURS](logits * np.array([1, -1]), np.zeros(2))
    assert np.exp(ours / 2) == pytest.approx(scores, abs=1e-5)


def test_one_word_does_not_make_up_for_another() -> None:
    logits, prior = np.array([[8.0, -4.0], [1.0, 1.0]]), np.zeros(2)  # one of the two, and both
    one, both = WAYS[OURS](logits, prior)
    assert both > one
    one, both = WAYS["sum of the logits"](logits, prior)
    assert both < one


def test_the_table() -> None:
    report = {"both": {"pairs": 3, "ways": {way: [0.5, 0.25] for way in WAYS}}}
    header, rows = table_rows(report)
    assert header == ["score of two words", "both (3 pairs)"]
    assert rows[0] == [OURS, "0.50, 0.25"]
