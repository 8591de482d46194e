"""Words of many songs at once say what the words of each say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from musrec_core.card import Card
from musrec_core.words import tables
from musrec_core.words.heads import Words


@pytest.fixture(scope="module")
def words() -> Words:
    found = Words.load(Card.load())
    assert found
    return found


def test_the_typical_words_of_each_song(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).standard_normal((40, words.dimensions))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f2")
    vectors[0] = 0
    monkeypatch.setattr(tables, "_CHUNK", 7)
    found = tables.typical_words(words, vectors)
    assert [[words.names[k] for k in row] for row in found] == [
        [name for name, _ in words.typical(vector)] for vector in vectors
    ]
    assert max(map(len, found)) > 3
    assert tables.typical_words(words, vectors[:0]) == []


def test_shares_are_of_the_songs_that_words_apply_to(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_CHUNK", 3)
    two = replace(
        words,
        names=("piano", "calm"), groups=("instrument", "mood"), synonyms=((), ()), auc=words.auc[:2],
        shares=words.shares[:2], weights=np.eye(2, 4, dtype=np.float32) * 10, bias=np.zeros(2, np.float32),
    )  # fmt: skip
    vectors = np.array([[1, 0, 0, 0], [1, -1, 0, 0], [-1, 1, 0, 0], [-1, -1, 0, 0]])
    assert tables.shares_of(two, vectors) == pytest.approx([0.5, 0.375], abs=1e-4)
    assert tables.shares_of(two, vectors[:0]).tolist() == [0, 0]
