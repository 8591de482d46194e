"""How many of the songs that a word finds first have it: on hums and hisses."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musrec_core import Card, Encoder
from musrec_core.card import WordsFile
from musrec_core.words.heads import Words
from training.data.cache import load_cache
from training.words.heads import Goals
from training.words.inputs import stored_vectors
from training.words.learn import Material
from training.words.precision import (
    QUADRANTS,
    Ranking,
    in_quadrants,
    precision_at_most,
    ranking_of,
    requests_of,
)
from training.words.vocabulary import Word, load_vocabulary

from .conftest import track, words_of

ONCE = np.ones((1, 6), np.int64)


def test_precision_is_of_the_first_songs_and_at_most_of_as_many_as_there_are() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    some = np.array([True, False, True, False, False, True])
    assert precision_at_most(scores, some, ONCE, depth=2).tolist() == [0.5]
    assert precision_at_most(scores, some, ONCE, depth=10).tolist() == [pytest.approx(2 / 3)]  # three have it
    assert precision_at_most(-scores, some, ONCE, depth=1).tolist() == [1.0]
    assert np.isnan(precision_at_most(scores, np.zeros(6, bool), ONCE)).all()


def test_a_round_of_the_bootstrap_is_a_list_in_which_songs_are_repeated() -> None:
    rng = np.random.default_rng(0)
    scores, relevant = rng.standard_normal(30), rng.random(30) < 0.4
    times = rng.integers(0, 4, (20, 30))
    found = precision_at_most(scores, relevant, times, depth=7)
    for row, value in zip(times, found, strict=True):
        songs = np.repeat(np.argsort(-scores), row[np.argsort(-scores)])
        k = min(7, int(relevant[songs].sum()))
        assert value == pytest.approx(relevant[songs][:k].mean())


def test_songs_of_which_the_labels_are_silent_are_not_ranked() -> None:
    truth = np.array([np.nan, 1.0, 0.0, 1.0, np.nan, 0.0])
    ranking = Ranking("calm", "mood", truth, {"model": np.array([9.0, 3, 2, 1, 8, 0])})
    assert ranking.songs == 2
    assert ranking.precisions("model", ONCE).tolist() == [0.5]


def test_the_teacher_beside_a_word_is_chosen_without_the_test_split() -> None:
    tracks = [track(f"a-{k}", split="train" if k < 4 else "test") for k in range(8)]
    labels = np.array([[1.0], [0], [1], [0], [1], [0], [1], [0]])
    right = np.where(labels == 1, 2.0, -2.0)
    late = np.concatenate([-right[:4], right[4:]])  # wrong on train, right on test
    calm = Word("calm", "mood", 0.5, (), {"first": ("c",)}, ("calm",))
    goals = Goals(labels, labels, np.array(list("abcdefgh")))
    material = Material(tracks, (calm,), goals, right, labels)
    said = {("first", "late"): late, ("first", "wrong on test"): -late, ("second", "silent"): np.full((8, 1), np.nan)}
    ranking = ranking_of(0, np.arange(4.0), labels[:, 0], material, said)
    once = np.ones((1, 4), np.int64)
    assert ranking.teacher == "wrong on test"
    assert ranking.precisions("teacher", once).tolist() == [0.0]
    assert ranking.precisions("ensemble", once).tolist() == [1.0]
    assert ranking.precisions("model", once).tolist() == [0.5]
    assert ranking_of(0, np.arange(4.0), labels[:, 0], material, {}).teacher == ""


@pytest.fixture
def worded(taught: Path) -> Path:
    """The encoder with three words: tonal music is found rightly, hiss where there is none, coins by chance."""
    cache, encoder = load_cache(taught), Encoder.load(taught / "model" / "musrec-1.onnx")
    vectors = stored_vectors(cache, range(20), encoder)
    tonal = (vectors[::2].mean(axis=0) - vectors[1::2].mean(axis=0)).astype(np.float32)
    path = taught / "model" / "musrec-1.words.npz"
    numbers = {"bias": np.zeros(3, np.float32), "auc": np.ones(3, np.float32)}
    weights = np.stack([tonal, tonal, 0 * tonal])
    names = ("tonal", "hiss", "coin")
    Words(names, ("texture", "genre", "mood"), ((), (), ()), weights, **numbers).save(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    replace(encoder.card, words=WordsFile(path.name, digest, names)).save()
    return taught


def test_the_command_counts_songs_that_have_a_word(worded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert words_of(worded, command="words-precision") == 0
    printed = capsys.readouterr().out
    assert (worded / "words" / "precision.md").read_text() in printed
    report = json.loads((worded / "words" / "precision.json").read_text())
    assert (report["songs"], report["artists"]) == (12, 6)
    tonal, hiss = report["words"]
    assert (tonal["songs"], tonal["of"], tonal["looked_at"], tonal["chance"]) == (6, 12, 6, 0.5)
    assert tonal["model"] == tonal["teacher"] == tonal["ensemble"] == 1
    assert hiss["model"] == 0
    assert hiss["best_teacher"] == ""
    assert report["mean"]["words"]["model"] == 0.5
    assert report["mean"]["words that teachers know"]["number"] == 1
    assert report["mean"]["words that teachers know"]["over_teacher_interval"] == [0, 0]
    (coin,) = report["by_teachers"]
    assert coin["word"] == "coin"
    assert "| hiss | genre | 6 of 12 | 0.50 | 0.00 (0.00 to 0.00) |" in printed


def test_what_is_missing_is_one_sentence(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_words = replace(Card.load(taught / "model" / "musrec-1.json"), words=None)
    without_words.save()
    assert words_of(taught, command="words-precision") == 1
    assert capsys.readouterr().err == ("training: musrec-1 has no words: run `python -m training words` first\n")


def test_two_words_at_once_are_of_songs_that_have_both() -> None:
    labels = {"calm": ("c", "s"), "jazz": ("j",), "soft": ("s",)}
    vocabulary = tuple(Word(name, "mood", 0.5, (), {}, some) for name, some in labels.items())
    x = np.array([[3.0, 3.0], [4.0, -4.0], [-4.0, 4.0], [-1.0, -1.0]])
    truth = np.array([[1.0, 1, 0], [1, 0, 1], [0, 1, 0], [np.nan, 0, 0]])
    tracks = [track(f"a-{k}", split="test") for k in range(4)]
    material = Material(tracks, vocabulary, Goals(truth, truth, np.array(list("abcd"))), truth, truth)
    numbers = {"bias": np.zeros(3, np.float32), "auc": np.ones(3, np.float32)}
    words = Words(tuple(labels), ("mood",) * 3, ((),) * 3, np.array([[1, 0], [0, 1], [-1, 0]], np.float32), **numbers)
    calm_jazz, jazz_soft = requests_of(material, material.of("test"), words, x)  # calm and soft share a label
    once = np.ones((1, 4), np.int64)
    assert (calm_jazz.name, calm_jazz.songs, jazz_soft.songs) == ("calm, jazz", 1, 0)
    assert [calm_jazz.precisions(system, once)[0] for system in ("model", "first", "second")] == [1, 0, 0]
    assert np.isnan(jazz_soft.precisions("model", once)[0])


def test_a_quadrant_is_known_or_not() -> None:
    tracks = [track("a-1", quadrant="Q1"), track("a-2", quadrant="Q3"), track("a-3")]
    np.testing.assert_array_equal(in_quadrants(tracks, QUADRANTS["energetic"]), [1, 0, np.nan])
    assert set(QUADRANTS) <= {word.name for word in load_vocabulary().words}
