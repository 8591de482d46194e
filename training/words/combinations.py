"""Ways to score two words at once, compared: by what the teachers say of clips that the words were not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np

from musrec_core.words.heads import Words

from .ensemble import Floats
from .heads import Mask

DEPTH = 10  # clips that are looked at, or as many as have both
MOST = 0.3  # of the clips: of words that more of them have, a random order is right as well
Score = Callable[[Floats, Floats], Floats]  # logits, and those of the words' shares [shapes (n, 2) and (2,)] -> (n,)


def compare(words: Words, vectors: Floats, applies: Floats, *, least: int) -> dict[str, Any]:
    """Mean precision at ten and mean average precision of each way, for pairs of words of different groups.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, d)]
    applies : np.ndarray [shape=(n, words)]
        Whether each word applies; NaN where that is not known.
    least : int
        Clips that a pair has to apply to.

    Returns
    -------
    report : dict
        For two words, and for one word without another: how many pairs there are, and both means of each way.
    """
    logits = vectors @ words.weights.T.astype(np.float64) + words.bias
    prior = np.log(words.shares / (1 - words.shares)).astype(np.float64)
    known = ~np.isnan(applies).any(axis=0)
    found: dict[str, Any] = {}
    for name, sign in (("both", 1), ("one, not the other", -1)):
        signs = np.array([1, sign])
        figures: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for pair in permutations(np.flatnonzero(known).tolist(), 2):
            a, b = pair
            truth = (applies[:, a] == 1) & ((applies[:, b] == 1) == (sign > 0))
            is_twice = sign > 0 and a > b
            if words.groups[a] == words.groups[b] or is_twice or not least <= truth.sum() <= MOST * len(truth):
                continue
            for way, score in WAYS.items():
                ranked = truth[np.argsort(-score(logits[:, pair] * signs, prior[[*pair]] * signs), kind="stable")]
                figures[way].append((_precision(ranked), _average_precision(ranked)))
        if pairs := len(figures[OURS]):
            means = {way: [round(float(mean), 4) for mean in np.mean(some, axis=0)] for way, some in figures.items()}
            found[name] = {"pairs": pairs, "ways": means}
    return found


def _logistic(x: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _product(x: Floats) -> Floats:
    return np.asarray(-np.logaddexp(0, -x).sum(axis=1))


def _standard(x: Floats) -> Floats:
    return np.asarray((x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9))


def _ranks(x: Floats) -> Floats:
    return np.asarray((x.argsort(axis=0).argsort(axis=0) + 0.5) / len(x))


OURS = "product of the probabilities (used)"
WAYS: dict[str, Score] = {
    OURS: lambda x, _: _product(x),
    "product, each relative to how common the word is": lambda x, prior: _product(x - prior),
    "the smaller probability": lambda x, _: _logistic(x).min(axis=1),
    "mean of the probabilities": lambda x, _: _logistic(x).mean(axis=1),
    "sum of the logits": lambda x, _: x.sum(axis=1),
    "sum of the logits, standardised over the songs": lambda x, _: _standard(x).sum(axis=1),
    "sum of the logarithms of the ranks among the songs": lambda x, _: np.log(_ranks(x)).sum(axis=1),
}


def _precision(ranked: Mask) -> float:
    return float(ranked[: min(DEPTH, int(ranked.sum()))].mean())


def _average_precision(ranked: Mask) -> float:
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())


def table_rows(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The report as a table: its header and its rows."""
    header = ["score of two words", *(f"{name} ({some['pairs']} pairs)" for name, some in report.items())]
    rows = [[way, *("{:.2f}, {:.2f}".format(*some["ways"][way]) for some in report.values())] for way in WAYS]
    return header, rows
