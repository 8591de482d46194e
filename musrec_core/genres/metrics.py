"""How good genre guesses are: accuracy and F1 beside the majority class, and accuracy by confidence."""

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
    """Figures of held-out guesses, as plain JSON.

    A guess is right where the likeliest genre is one of the song's. For F1 a song's guessed genres are the likeliest
    one, and, where songs may have several, every other of a probability of 0.5 and more.

    Parameters
    ----------
    labels : k strings
    truth : array of bool [shape=(n, k)]
    guessed : array [shape=(n, k)]
        Probabilities.
    groups : array of int [shape=(n,)]
        Artists: the interval of the accuracy is a bootstrap over them.
    """
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
    f1, f1_always = _f1(truth, chosen), _f1(truth, always)
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
                "precision": _ratio((truth & chosen)[:, k].sum(), chosen[:, k].sum()),
                "recall": _ratio((truth & chosen)[:, k].sum(), truth[:, k].sum()),
                "f1": float(f1[k]),
                "majority_f1": float(f1_always[k]),
            }
            for k, label in enumerate(labels)
        ],
        "answers": [
            {"confidence": threshold, "answered": float(sure.mean()), "right": _ratio(right[sure].sum(), sure.sum())}
            for threshold in CONFIDENCE_THRESHOLDS
            for sure in [confidence >= threshold]
        ],
    }


def _f1(truth: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """F1 of every genre [shape=(k,)]; 0 where it is neither there nor guessed."""
    hits, size = (truth & chosen).sum(0), truth.sum(0) + chosen.sum(0)
    return np.asarray(2 * hits / np.maximum(size, 1))


def _ratio(part: np.integer[Any], whole: np.integer[Any]) -> float | None:
    return float(part / whole) if whole else None


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
