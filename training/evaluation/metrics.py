"""Figures of retrieval, hubness and calibration, from distances and probabilities alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from musrec_core.search.distance import pairwise

Floats = NDArray[np.float64]
Labels = NDArray[np.str_]
DEPTHS = (1, 5, 10, 20)
BINS = 15


def cosine_distances(vectors: NDArray[np.float32]) -> Floats:
    """All pairs [shape=(n, n)]."""
    return pairwise(vectors, "cosine")


def euclidean_distances(vectors: NDArray[np.float32]) -> Floats:
    """All pairs [shape=(n, n)]."""
    return pairwise(vectors, "euclidean")


def retrieval_scores(distances: Floats, labels: Labels, artists: Labels) -> dict[str, Floats]:
    """Artist-filtered scores of every query.

    A song is relevant if it has the query's label; all songs of the query's artist are left out (the artist filter of
    Pampalk et al. 2005: else a system that knows a voice or a studio looks as if it knew genres).

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n)]
    labels, artists : np.ndarray [shape=(n,)]

    Returns
    -------
    scores : dict of np.ndarray [shape=(n,)]
        ``precision_at_K`` for K of 1, 5, 10, 20; ``r_precision``; ``average_precision`` (both NaN for a query
        without any relevant song); ``knn_5``: whether the label that most of the five nearest have is right.
    """
    rows = [_one_query(distances[i], labels == labels[i], artists != artists[i], labels, i) for i in range(len(labels))]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _one_query(
    row: Floats, same: NDArray[np.bool_], other: NDArray[np.bool_], labels: Labels, i: int
) -> dict[str, float]:
    candidates = np.flatnonzero(other)
    ranked = candidates[np.argsort(row[candidates], kind="stable")]
    relevant = same[ranked]
    total = int(relevant.sum())
    scores = {f"precision_at_{k}": float(relevant[:k].mean()) for k in DEPTHS}
    scores["r_precision"] = float(relevant[:total].mean()) if total else np.nan
    precisions = np.cumsum(relevant) / np.arange(1, len(relevant) + 1)
    scores["average_precision"] = float(precisions[relevant].mean()) if total else np.nan
    names, votes = np.unique(labels[ranked[:5]], return_counts=True)
    scores["knn_5"] = float(names[votes.argmax()] == labels[i])
    return scores


def precision_at(distances: Floats, labels: Labels, artists: Labels, k: int) -> float:
    """Artist-filtered precision@k, averaged over queries; ``k`` is one of 1, 5, 10, 20."""
    return float(retrieval_scores(distances, labels, artists)[f"precision_at_{k}"].mean())


def chance(labels: Labels, artists: Labels) -> float:
    """What `precision_at` gives a random ranking, on average."""
    return float(np.mean([(labels[artists != a] == label).mean() for label, a in zip(labels, artists, strict=True)]))


def bootstrap_rows(
    artists: Labels, statistic: Callable[[NDArray[np.int64]], float], *, seed: int = 0, rounds: int = 1_000
) -> tuple[float, float]:
    """A 95 % interval of a statistic of rows, drawing whole artists: songs of one artist are not independent."""
    rng = np.random.default_rng(seed)
    songs_of = [np.flatnonzero(artists == artist) for artist in np.unique(artists)]
    drawn = [
        statistic(np.concatenate([songs_of[a] for a in rng.integers(len(songs_of), size=len(songs_of))]))
        for _ in range(rounds)
    ]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def bootstrap(values: Floats, artists: Labels, *, seed: int = 0, rounds: int = 1_000) -> tuple[float, float]:
    """A 95 % interval of a mean over songs, by `bootstrap_rows`; NaN values do not count."""
    return bootstrap_rows(artists, lambda rows: float(np.nanmean(values[rows])), seed=seed, rounds=rounds)


def hubness(distances: Floats, k: int = 10) -> dict[str, float]:
    """How unevenly songs appear among the k nearest of others (Radovanovic et al. 2010).

    Returns
    -------
    figures : dict
        ``skewness`` of the k-occurrence (0: even), ``largest`` occurrence, ``never``: share of songs never retrieved.
    """
    from scipy.stats import skew

    n = len(distances)
    off_diagonal = distances + np.diag(np.full(n, np.inf))
    nearest = np.argsort(off_diagonal, axis=1, kind="stable")[:, :k]
    occurrence = np.bincount(nearest.ravel(), minlength=n)
    return {
        "skewness": float(skew(occurrence)),
        "largest": int(occurrence.max()),
        "never": float((occurrence == 0).mean()),
    }


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error over equal bins of confidence (Naeini et al. 2015)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (bin_of == b).mean() * abs(confidence[bin_of == b].mean() - right[bin_of == b].mean())
        for b in range(bins)
        if (bin_of == b).any()
    ]
    return float(sum(gaps))


def classification_scores(probabilities: Floats, truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, macro-F1 over the classes that occur, and calibration.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(n, k)]
    truth : np.ndarray [shape=(n,)], int
    """
    from sklearn.metrics import f1_score

    guess = probabilities.argmax(axis=1)
    p_right = probabilities[np.arange(len(truth)), truth]
    one_hot = np.eye(probabilities.shape[1])[truth]
    return {
        "accuracy": float((guess == truth).mean()),
        "macro_f1": float(f1_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)),
        "ece": calibration_error(probabilities.max(axis=1), guess == truth),
        "nll": float(-np.log(np.maximum(p_right, 1e-12)).mean()),
        "brier": float(((probabilities - one_hot) ** 2).sum(axis=1).mean()),
    }


def binary_auc(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive stands above a negative; ties count half."""
    from scipy.stats import rankdata

    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def per_class(probabilities: Floats, truth: NDArray[np.int64], names: list[str]) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and count of every class that occurs in ``truth``."""
    from sklearn.metrics import precision_recall_fscore_support

    present = np.unique(truth)
    columns = precision_recall_fscore_support(truth, probabilities.argmax(axis=1), labels=present, zero_division=0)
    keys = ("precision", "recall", "f1", "songs")
    return {names[c]: dict(zip(keys, map(float, row), strict=True)) for c, *row in zip(present, *columns, strict=True)}


def confusion(probabilities: Floats, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Truth by guess [shape=(k, k)]."""
    from sklearn.metrics import confusion_matrix

    counts: NDArray[np.int64] = confusion_matrix(
        truth, probabilities.argmax(axis=1), labels=np.arange(probabilities.shape[1])
    )
    return counts


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> list[dict[str, float]]:
    """Mean confidence, share right and count of each bin that holds songs: what a reliability diagram draws."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = [(confidence[bin_of == b], right[bin_of == b]) for b in range(bins)]
    return [
        {"confidence": float(c.mean()), "right": float(r.mean()), "songs": float(len(c))} for c, r in rows if len(c)
    ]


def calibration_floor(probabilities: Floats, *, seed: int = 0, rounds: int = 1_000) -> dict[str, float]:
    """The ECE that a perfectly calibrated model would show on as many songs: truths drawn from the probabilities.

    An ECE over few songs is never 0; below this mean there is nothing left to mend.

    Returns
    -------
    ece : dict
        ``mean`` and ``high``, the 95th percentile.
    """
    rng = np.random.default_rng(seed)
    confidence = probabilities.max(axis=1)
    drawn = [calibration_error(confidence, rng.random(len(confidence)) < confidence) for _ in range(rounds)]
    return {"mean": float(np.mean(drawn)), "high": float(np.percentile(drawn, 95))}


def _auc_of_rows(scores: Floats, truth: NDArray[np.bool_], rows: NDArray[np.int64]) -> float:
    return binary_auc(scores[rows], truth[rows])


def mood_scores(scores: Floats, truth: NDArray[np.bool_], artists: Labels) -> dict[str, object]:
    """Valence and arousal [shape=(n, 2)] against truth: AUC with interval, ECE and Brier of each; quadrant accuracy."""
    found: dict[str, object] = {}
    for axis, name in enumerate(("valence", "arousal")):
        p, t = scores[:, axis], truth[:, axis]
        guess = p >= 0.5
        found[name] = {
            "auc": binary_auc(p, t),
            "auc_interval": list(bootstrap_rows(artists, partial(_auc_of_rows, p, t))),
            "accuracy": float((guess == t).mean()),
            "ece": calibration_error(np.where(guess, p, 1 - p), guess == t),
            "brier": float(((p - t) ** 2).mean()),
        }
    right = ((scores >= 0.5) == truth).all(axis=1)
    found["quadrant_accuracy"] = float(right.mean())
    found["quadrant_accuracy_interval"] = list(bootstrap(right.astype(float), artists))
    return found
