"""The figures of `beet genreguess --learn`, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from musrec_core.genres.metrics import metrics_of

LABELS = ["rock", "jazz", "folk"]
ARTISTS = np.array([0, 0, 1, 2], np.intp)


def one_hot(*genres: int) -> np.ndarray:
    return np.eye(len(LABELS), dtype=bool)[list(genres)]


def test_one_genre_a_song() -> None:
    guessed = np.array([[0.8, 0.2, 0.0], [0.4, 0.6, 0.0], [0.3, 0.7, 0.0], [0.95, 0.05, 0.0]])
    found = metrics_of(LABELS, one_hot(0, 0, 1, 1), guessed, ARTISTS, exclusive=True)
    assert (found["songs"], found["artists"], found["accuracy"]) == (4, 3, 0.5)
    rock, jazz, folk = found["genres"]
    assert (rock["precision"], rock["recall"], rock["f1"]) == (0.5, 0.5, 0.5)
    assert (jazz["songs"], jazz["artists"]) == (2, 2)
    assert (folk["precision"], folk["recall"], folk["f1"]) == (None, None, 0)  # neither there nor guessed
    assert found["macro_f1"] == pytest.approx(1 / 3)
    assert found["majority"]["genre"] == "rock"
    assert found["majority"]["macro_f1"] == pytest.approx(2 / 3 / 3)  # rock: precision 1/2, recall 1
    assert [(row["confidence"], row["answered"], row["right"]) for row in found["answers"]] == [
        (0.0, 1, 0.5), (0.3, 1, 0.5), (0.5, 1, 0.5), (0.7, 0.75, pytest.approx(2 / 3)), (0.9, 0.25, 0.0)]  # fmt: skip


def test_several_genres_a_song_and_songs_without_any() -> None:
    truth = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
    guessed = np.array([[0.9, 0.6, 0.1], [0.7, 0.6, 0.1], [0.2, 0.1, 0.4], [0.9, 0.9, 0.9]])
    found = metrics_of(LABELS, truth, guessed, ARTISTS, exclusive=False)
    assert found["songs"] == 3  # the last has no genre, and is not judged
    assert found["accuracy"] == pytest.approx(2 / 3)  # the likeliest one counts
    rock, jazz, folk = found["genres"]
    assert (rock["precision"], rock["recall"]) == (0.5, 1)
    assert (jazz["precision"], jazz["recall"]) == (1, 1)  # guessed at 0.6 beside a likelier one
    assert folk["f1"] == 1  # guessed at 0.4, being the likeliest


def test_a_genre_that_is_never_guessed_has_no_precision() -> None:
    found = metrics_of(LABELS, one_hot(0, 1), np.eye(3)[[0, 0]], ARTISTS[:2], exclusive=True)
    assert found["genres"][1]["precision"] is None
    assert (found["genres"][1]["recall"], found["genres"][1]["f1"]) == (0, 0)
    assert found["answers"][-1]["right"] == 0.5


def test_nobody_is_sure_enough() -> None:
    found = metrics_of(LABELS, one_hot(0, 1), np.full((2, 3), 1 / 3), ARTISTS[:2], exclusive=True)
    assert found["answers"][-1] == {"confidence": 0.9, "answered": 0.0, "right": None}
