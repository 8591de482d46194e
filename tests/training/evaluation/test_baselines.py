"""Baselines."""

from __future__ import annotations

import numpy as np

from training.evaluation.baselines import svm_probabilities


def test_too_few_songs_give_no_svm() -> None:
    x = np.zeros((4, 3), np.float32)
    assert svm_probabilities(x, np.array(["a", "a", "a", "b"]), x, ["a", "b"]) is None
