"""Measures of retrieval, hubness, classification and calibration, from distances and probabilities alone.

scikit-learn's and torchmetrics' where they have them. Ours are those that they lack: ranking with an artist filter, the
bootstrap over artists, the calibration error that chance alone gives. Heavy libraries are imported by the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from musrec_core.mood import AXES
from musrec_core.search.hubness import occurrences, share_never, skewness

Floats = NDArray[np.float64]
Labels = NDArray[np.str_]
DEPTHS = (1, 5, 10, 20)
BINS = 15
LEAST_PROBABILITY = 1e-12  # of the right class, in the log-likelihood


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
        ``precision_at_K`` for K of 1, 5, 10, 20, over as many songs as there are where that is fewer (torchmetrics'
        ``adaptive_k``); ``r_precision`` and ``average_precision`` (both NaN for a query without any relevant song);
        ``knn_5``: whether the label that most of the five nearest have is right.
    """
    rows = [_one_query(labels[ranked], labels[i]) for i, ranked in enumerate(_rankings(distances, artists))]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _rankings(distances: Floats, artists: Labels) -> Iterator[NDArray[np.intp]]:
    """For each song, those of other artists, the nearest first; ties keep the songs' order."""
    for row, artist in zip(distances, artists, strict=True):
        candidates = np.flatnonzero(artists != artist)
        yield candidates[np.argsort(row[candidates], kind="stable")]


def _one_query(ranked: Labels, label: str) -> dict[str, float]:
    """Scores of one ranking, given as the labels that it found."""
    from sklearn.metrics import average_precision_score

    relevant = ranked == label
    total = int(relevant.sum())
    scores = {f"precision_at_{k}": float(relevant[:k].mean()) for k in DEPTHS}
    scores["r_precision"] = float(relevant[:total].mean()) if total else np.nan
    by_rank = -np.arange(len(relevant))
    scores["average_precision"] = float(average_precision_score(relevant, by_rank)) if total else np.nan
    names, votes = np.unique(ranked[:5], return_counts=True)
    scores["knn_5"] = float(names[votes.argmax()] == label)
    return scores


def precision_at(distances: Floats, labels: Labels, artists: Labels, k: int) -> float:
    """Artist-filtered precision@k, averaged over queries, as `retrieval_scores` has it."""
    found = [(labels[ranked[:k]] == labels[i]).mean() for i, ranked in enumerate(_rankings(distances, artists))]
    return float(np.mean(found))


def chance(labels: Labels, artists: Labels) -> float:
    """What `precision_at` gives a random ranking, on average."""
    return float(np.mean([(labels[artists != a] == label).mean() for label, a in zip(labels, artists, strict=True)]))


def artist_resamples(artists: Labels, *, seed: int = 0, rounds: int = 1_000) -> NDArray[np.int64]:
    """How often each song is in each bootstrap sample [shape=(rounds, n)].

    Whole artists are drawn, as songs of one artist are not independent: the cluster bootstrap of Davison and Hinkley
    (1997), which ``scipy.stats.bootstrap`` lacks.
    """
    names, artist_of = np.unique(artists, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(len(names), size=(rounds, len(names)))
    times = np.stack([np.bincount(row, minlength=len(names)) for row in drawn])
    return np.asarray(times[:, artist_of], np.int64)


def interval_of(
    statistic: Callable[[NDArray[np.int64]], Floats], artists: Labels, *, seed: int = 0, rounds: int = 1_000
) -> tuple[float, float]:
    """A 95 % interval of a statistic of songs, by the percentiles of `artist_resamples`.

    Parameters
    ----------
    statistic : callable
        Counts of songs [shape=(rounds, n)] -> the statistic of each round [shape=(rounds,)]; NaN does not count.
    """
    low, high = np.nanpercentile(statistic(artist_resamples(artists, seed=seed, rounds=rounds)), [2.5, 97.5])
    return float(low), float(high)


def bootstrap(values: Floats, artists: Labels, *, seed: int = 0, rounds: int = 1_000) -> tuple[float, float]:
    """A 95 % interval of a mean over songs [shape=(n,)], by `interval_of`; songs whose value is NaN do not count."""
    known = ~np.isnan(values)

    def means(times: NDArray[np.int64]) -> Floats:
        with np.errstate(invalid="ignore"):  # a round without any such song
            return np.asarray(times[:, known] @ values[known] / times[:, known].sum(axis=1))

    return interval_of(means, artists, seed=seed, rounds=rounds)


def hubness(distances: Floats, k: int = 10) -> dict[str, float]:
    """How unevenly songs appear among the k nearest of others (Radovanovic et al. 2010).

    Returns
    -------
    figures : dict
        ``skewness`` of the k-occurrence (0: even), ``largest`` occurrence, ``never``: share of songs never retrieved.
    """
    n = len(distances)
    off_diagonal = distances + np.diag(np.full(n, np.inf))
    nearest = np.argsort(off_diagonal, axis=1, kind="stable")[:, :k]
    counts = occurrences(nearest.astype(np.int32), n)
    return {"skewness": skewness(counts), "largest": int(counts.max()), "never": share_never(counts)}


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error over equal bins of confidence (Naeini et al. 2015)."""
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    below_one = np.minimum(confidence.astype(np.float64), np.nextafter(1.0, 0.0))  # which would have a bin of its own
    answers = torch.from_numpy(right.astype(np.int64))
    return float(binary_calibration_error(torch.from_numpy(below_one), answers, n_bins=bins, norm="l1"))


def classification_scores(probabilities: Floats, truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, macro-F1 over the classes that occur, and calibration.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(n, k)]
    truth : np.ndarray [shape=(n,)], int

    Returns
    -------
    scores : dict
        ``accuracy``, ``macro_f1``; ``ece``, the `calibration_error`; ``nll``, the mean negative log-likelihood [nat];
        ``brier``, the sum over classes of squared errors, 0 to 2 (Brier 1950; scikit-learn has it from 1.7 on).
    """
    from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_squared_error

    guess, k = probabilities.argmax(axis=1), probabilities.shape[1]
    likely = np.maximum(probabilities, LEAST_PROBABILITY)
    return {
        "accuracy": float(accuracy_score(truth, guess)),
        "macro_f1": float(f1_score(truth, guess, labels=np.unique(truth), average="macro", zero_division=0)),
        "ece": calibration_error(probabilities.max(axis=1), guess == truth),
        "nll": float(log_loss(truth, likely, labels=np.arange(k))),
        "brier": k * float(mean_squared_error(np.eye(k)[truth], probabilities)),
    }


def binary_auc(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: how often a positive stands above a negative; NaN where either is lacking."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, scores)) if 0 < truth.sum() < len(truth) else float("nan")


def auc_interval(
    scores: Floats, truth: NDArray[np.bool_], artists: Labels, *, seed: int = 0, rounds: int = 1_000
) -> tuple[float, float]:
    """A 95 % interval of `binary_auc`, by `interval_of`."""
    return interval_of(auc_of_rounds(scores, truth), artists, seed=seed, rounds=rounds)


def auc_of_rounds(scores: Floats, truth: NDArray[np.bool_]) -> Callable[[NDArray[np.int64]], Floats]:
    """A function: counts of songs [shape=(rounds, n)] -> the `binary_auc` of each round [shape=(rounds,)].

    Pairs are counted once (Mann and Whitney 1947) and weighted: 1,000 calls of scikit-learn would take seconds.
    """
    above, below = scores[truth][:, None], scores[~truth]
    wins = (above > below) + 0.5 * (above == below)  # of each positive over each negative

    def aucs(times: NDArray[np.int64]) -> Floats:
        positives, negatives = times[:, truth], times[:, ~truth]
        pairs = positives.sum(axis=1) * negatives.sum(axis=1)
        with np.errstate(invalid="ignore"):  # a round of one class alone
            return np.asarray(((positives @ wins) * negatives).sum(axis=1) / pairs)

    return aucs


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


def _bin_of(confidence: Floats, bins: int = BINS) -> NDArray[np.int64]:
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> list[dict[str, float]]:
    """Mean confidence, share right and count of each bin that holds songs: what a reliability diagram draws.

    scikit-learn's ``calibration_curve`` gives no counts, without which a bin of one song looks like any other.
    """
    bin_of = _bin_of(confidence, bins)
    rows = [(confidence[bin_of == b], right[bin_of == b]) for b in np.unique(bin_of)]
    return [{"confidence": float(c.mean()), "right": float(r.mean()), "songs": float(len(c))} for c, r in rows]


def calibration_floor(probabilities: Floats, *, seed: int = 0, rounds: int = 1_000) -> dict[str, float]:
    """The `calibration_error` that a perfectly calibrated model would show on as many songs.

    An ECE over few songs is never 0; below this mean there is nothing left to mend. Truths are drawn from the
    probabilities, which only the share of right answers in a bin depends on: so all rounds are one matrix product.

    Returns
    -------
    ece : dict
        ``mean`` and ``high``, the 95th percentile.
    """
    confidence = probabilities.max(axis=1)
    right = np.random.default_rng(seed).random((rounds, len(confidence))) < confidence
    gaps = (confidence - right) @ np.eye(BINS)[_bin_of(confidence)]  # [shape=(rounds, bins)]
    drawn = np.abs(gaps).sum(axis=1) / len(confidence)
    return {"mean": float(np.mean(drawn)), "high": float(np.percentile(drawn, 95))}


def mood_scores(scores: Floats, truth: NDArray[np.bool_], artists: Labels) -> dict[str, object]:
    """Valence and arousal against truth: AUC with its interval, accuracy, ECE and Brier score of each; quadrants.

    Parameters
    ----------
    scores : np.ndarray [shape=(n, 2)]
        Probabilities of pleasant and of excited.
    truth : np.ndarray [shape=(n, 2)], bool
    artists : np.ndarray [shape=(n,)]

    Returns
    -------
    figures : dict
        By axis, and ``quadrant_accuracy`` (both axes are right) with ``quadrant_accuracy_interval``.
    """
    from sklearn.metrics import accuracy_score, brier_score_loss

    found: dict[str, object] = {}
    for axis, name in enumerate(AXES):
        p, t = scores[:, axis], truth[:, axis]
        guess = p >= 0.5
        found[name] = {
            "auc": binary_auc(p, t),
            "auc_interval": list(auc_interval(p, t, artists)),
            "accuracy": float(accuracy_score(t, guess)),
            "ece": calibration_error(np.where(guess, p, 1 - p), guess == t),
            "brier": float(brier_score_loss(t, p)),
        }
    right = ((scores >= 0.5) == truth).all(axis=1).astype(float)
    return found | {
        "quadrant_accuracy": float(right.mean()),
        "quadrant_accuracy_interval": list(bootstrap(right, artists)),
    }
