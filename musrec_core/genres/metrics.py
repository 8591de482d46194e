"""How good genre guesses are: accuracy and F1 beside the majority class, and accuracy by confidence.

Precision, recall and F1 are scikit-learn's, which learning genres needs anyway; it is imported when called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE_THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.9)  # at which the shares of answers and of right ones are told
BOOTSTRAP_RESAMPLES = 1000


def metrics_of(
    labels: Sequence[str],
    truth: NDArray[np.bool_],
    guessed: NDArray[np.float64],
    groups: NDArray[np.intp],
    *,
    exclusive: bool,
) -> dict[str, Any]:
    """Metrics of held-out guesses, as plain JSON.

    A guess is right where the likeliest genre is one of the song's: accuracy, or 1 - one-error where songs may have
    several genres. For precision, recall and F1 a song's guessed genres are the likeliest one and, where songs may have
    several, every other of a probability of 0.5 and more. A genre that is neither there nor guessed has an F1 of 0; a
    precision without a guess, or a recall without a song, is None.

    Parameters
    ----------
    labels : k strings
    truth : array of bool [shape=(n, k)]
    guessed : array [shape=(n, k)]
        Probabilities.
    groups : array of int [shape=(n,)]
        Artists: the interval of the accuracy is a bootstrap over them.
    exclusive : bool
        Whether every song has exactly one genre.
    """
    from sklearn.metrics import f1_score, precision_recall_fscore_support

    judged = truth.any(1)
    truth, guessed, groups = truth[judged], guessed[judged], groups[judged]
    top = guessed.argmax(1)
    right = truth[np.arange(len(truth)), top]
    chosen = np.zeros_like(truth)
    chosen[np.arange(len(truth)), top] = True
    if not exclusive:
        chosen |= guessed >= 0.5
    majority = int(truth.sum(0).argmax())
    always = np.zeros_like(truth)
    always[:, majority] = True
    precision, recall, _, _ = precision_recall_fscore_support(truth, chosen, zero_division=np.nan)
    f1, f1_always = (f1_score(truth, found, average=None, zero_division=0) for found in (chosen, always))
    confidence = guessed[np.arange(len(guessed)), top]
    return {
        "songs": len(truth),
        "artists": len(np.unique(groups)),
        "accuracy": float(right.mean()),
        "interval": _interval(right, groups),
        "macro_f1": float(f1.mean()),
        "majority": {
            "genre": labels[majority],
            "accuracy": float(truth[:, majority].mean()),
            "macro_f1": float(f1_always.mean()),
        },
        "genres": [
            {
                "genre": label,
                "songs": int(truth[:, k].sum()),
                "artists": len(np.unique(groups[truth[:, k]])),
                "precision": _number_or_none(precision[k]),
                "recall": _number_or_none(recall[k]),
                "f1": float(f1[k]),
                "majority_f1": float(f1_always[k]),
            }
            for k, label in enumerate(labels)
        ],
        "answers": [_answered(right, confidence >= threshold, threshold) for threshold in CONFIDENCE_THRESHOLDS],
    }


def _answered(right: NDArray[np.bool_], sure: NDArray[np.bool_], threshold: float) -> dict[str, float | None]:
    """The share of songs that get an answer at a threshold, and how many of these are right."""
    share = float(right[sure].mean()) if sure.any() else None
    return {"confidence": threshold, "answered": float(sure.mean()), "right": share}


def _number_or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(right: NDArray[np.bool_], groups: NDArray[np.intp]) -> list[float]:
    """95 % interval of the share of right guesses, by bootstrap over artists."""
    names, index = np.unique(groups, return_inverse=True)
    hits, songs = np.bincount(index, right), np.bincount(index)
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(BOOTSTRAP_RESAMPLES):
        picked = rng.integers(len(names), size=len(names))
        shares.append(hits[picked].sum() / songs[picked].sum())
    low, high = np.percentile(shares, (2.5, 97.5))
    return [float(low), float(high)]
