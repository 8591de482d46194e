"""Fits a `Vocabulary` to songs that have genres, and cross-validates it by artist.

scikit-learn is imported by the functions that fit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import VocabularyError
from .metrics import metrics_of
from .vocabulary import Vocabulary, probabilities

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

FOLDS = 5  # of the cross-validation, at most
REGULARISATION_C = 0.03  # scikit-learn's C, for features of mean variance 1: 0.01 to 0.3 do as well on 500 real songs
MAX_FIT_SONGS = 50_000  # that one fit reads: more hardly change the figures, and take longer
ABSENT_LOGIT = -10.0  # logit of a genre that a fold's training part lacks


@dataclass(frozen=True)
class FitReport:
    """A fitted vocabulary, and the held-out predictions that it is judged by.

    Attributes
    ----------
    vocabulary : Vocabulary
    rows : array of int [shape=(m,)]
        Which of the songs were used: those that have a genre of the vocabulary, or may serve as a counterexample.
    truth : array of bool [shape=(m, k)]
        Their genres.
    held_out : array [shape=(m, k)]
        Their probabilities, by a model fitted without their artists.
    left_out : dict of str to (int, int)
        Genres that are too rare, with their numbers of songs and artists.
    """

    vocabulary: Vocabulary
    rows: NDArray[np.int64]
    truth: Truth
    held_out: Floats
    left_out: dict[str, tuple[int, int]]


class _Linear(NamedTuple):
    weights: Floats  # [shape=(k, d)]
    intercepts: Floats  # [shape=(k,)]


class _Calibration(NamedTuple):
    slopes: Floats  # [shape=(k,)]
    offsets: Floats  # [shape=(k,)]


def fit_vocabulary(
    vectors: NDArray[np.floating],
    tags: Sequence[Sequence[str]],
    artists: Sequence[Hashable],
    *,
    model: str,
    least_songs: int = 10,
    least_artists: int = 3,
) -> FitReport:
    """Fit calibrated logistic regression, and cross-validate it by artist.

    Where every song has exactly one genre it is multinomial; otherwise there is one classifier a genre.

    Parameters
    ----------
    vectors : array [shape=(n, d)]
    tags : n sequences of str
        Each song's genres.
    artists : n hashables
        Whose song it is: an artist is never on both sides of a split.
    model : str
        Id of the encoder of the vectors.
    least_songs, least_artists : int
        Genres with fewer are left out. Below two artists nothing can be held out.

    Raises
    ------
    VocabularyError
        There are fewer than two genres that are common enough.
    """
    least_artists = max(2, least_artists)
    labels, left_out = common_genres(tags, artists, least_songs, least_artists)
    if len(labels) < 2:
        raise VocabularyError(
            f"at least two genres need {least_songs} songs or more by {least_artists} artists or more, and "
            f"{'only one has' if labels else 'none has'}"
        )
    exclusive = all(len(set(some)) == 1 for some in tags if some)
    known = frozenset(labels)
    # a song of rare genres alone is a counterexample to each of the others, but has no place in a softmax
    used = [bool(known.intersection(some)) if exclusive else bool(some) for some in tags]
    rows = np.flatnonzero(used)
    truth = np.array([[label in tags[row] for label in labels] for row in rows.tolist()], np.bool_)
    x = np.asarray(vectors, np.float64)[rows]
    numbers: dict[Hashable, int] = {}
    groups = np.array([numbers.setdefault(artists[row], len(numbers)) for row in rows.tolist()], np.intp)

    folds = _folds(truth, groups)
    logits = _held_out_logits(x, truth, folds, exclusive)
    held_out = np.empty_like(logits)
    for fold in np.unique(folds):
        inside = folds == fold
        calibration = _calibrate(logits[~inside], truth[~inside], exclusive)
        held_out[inside] = probabilities(logits[inside] * calibration.slopes + calibration.offsets, exclusive=exclusive)
    linear, calibration = _fit(x, truth, exclusive), _calibrate(logits, truth, exclusive)
    figures = metrics_of(labels, truth, held_out, groups, exclusive=exclusive)
    vocabulary = Vocabulary(tuple(labels), exclusive, *linear, *calibration, model=model, figures=figures)
    return FitReport(vocabulary, rows, truth, held_out, left_out)


def common_genres(
    tags: Sequence[Sequence[str]], artists: Sequence[Hashable], least_songs: int, least_artists: int
) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """The genres that are common enough, the commonest first; and the others, with their songs and artists."""
    songs: dict[str, int] = {}
    whose: dict[str, set[Hashable]] = {}
    for some, artist in zip(tags, artists, strict=True):
        for label in set(some):
            songs[label] = songs.get(label, 0) + 1
            whose.setdefault(label, set()).add(artist)
    order = sorted(songs, key=lambda label: (-songs[label], label))
    common = [label for label in order if songs[label] >= least_songs and len(whose[label]) >= least_artists]
    kept = set(common)
    return common, {label: (songs[label], len(whose[label])) for label in order if label not in kept}


# The parts: folds, fits, calibration.


def _folds(truth: Truth, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Which fold each song is held out in [shape=(n,)]: whole artists, every genre spread as evenly as they allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    rarest = _rarest(truth)
    fewest = min(len(np.unique(groups[column])) for column in truth.T)
    count = max(2, min(FOLDS, fewest, int(np.bincount(rarest)[np.unique(rarest)].min())))
    folds = np.zeros(len(truth), np.intp)
    split = StratifiedGroupKFold(count, shuffle=True, random_state=0).split(truth, rarest, groups)
    for n, (_, held_out) in enumerate(split):
        folds[held_out] = n
    return folds


def _rarest(truth: Truth) -> NDArray[np.intp]:
    """Each song's rarest genre, by column [shape=(n,)]; songs without one go with the commonest."""
    order = np.argsort(truth.sum(0), kind="stable")
    return np.asarray(np.where(truth.any(1), order[truth[:, order].argmax(1)], order[-1]))


def _held_out_logits(x: Floats, truth: Truth, folds: NDArray[np.intp], exclusive: bool) -> Floats:
    """Each song's logits [shape=(n, k)] by a model fitted without its fold."""
    logits = np.empty(truth.shape)
    for fold in np.unique(folds):
        inside = folds == fold
        linear = _fit(x[~inside], truth[~inside], exclusive)
        logits[inside] = x[inside] @ linear.weights.T + linear.intercepts
    return logits


def _fit(x: Floats, truth: Truth, exclusive: bool) -> _Linear:
    """Logistic regression on centred features of one common scale, expressed for the raw features.

    Each feature at a scale of its own would amplify what is noise: an embedding's dimensions are principal axes.
    """
    from sklearn.linear_model import LogisticRegression

    if len(x) > MAX_FIT_SONGS:
        some = np.sort(np.random.default_rng(0).choice(len(x), MAX_FIT_SONGS, replace=False))
        x, truth = x[some], truth[some]
    mean, scale = x.mean(0), max(float(np.sqrt(x.var(0).mean())), 1e-9)
    z = (x - mean) / scale
    weights, intercepts = np.zeros((truth.shape[1], x.shape[1])), np.full(truth.shape[1], ABSENT_LOGIT)
    if exclusive:
        present = np.flatnonzero(truth.any(0))
        fitted = LogisticRegression(C=REGULARISATION_C, max_iter=1000).fit(z, truth.argmax(1))
        if len(present) == 2:  # scikit-learn keeps one row: the difference of the two
            weights[present] = np.outer((-0.5, 0.5), fitted.coef_[0])
            intercepts[present] = fitted.intercept_[0] * np.array((-0.5, 0.5))
        else:
            weights[present], intercepts[present] = fitted.coef_, fitted.intercept_
    else:
        for k, column in enumerate(truth.T):
            if column.all():
                intercepts[k] = -ABSENT_LOGIT
            elif column.any():
                fitted = LogisticRegression(C=REGULARISATION_C, max_iter=1000).fit(z, column)
                weights[k], intercepts[k] = fitted.coef_[0], fitted.intercept_[0]
    weights = weights / scale
    return _Linear(weights, intercepts - weights @ mean)


def _calibrate(logits: Floats, truth: Truth, exclusive: bool) -> _Calibration:
    """Calibration from held-out logits: one temperature for a softmax, Platt scaling for independent genres."""
    k = truth.shape[1]
    if exclusive:
        return _Calibration(np.full(k, _inverse_temperature(logits, truth)), np.zeros(k))
    from sklearn.linear_model import LogisticRegression

    slopes, offsets = np.ones(k), np.zeros(k)
    for n, column in enumerate(truth.T):
        if column.any() and not column.all():
            line = LogisticRegression(C=1.0, max_iter=1000).fit(logits[:, n, None], column)
            slopes[n], offsets[n] = line.coef_[0, 0], line.intercept_[0]
            if slopes[n] < 0:  # it can't be predicted: give its prior
                slopes[n], offsets[n] = 0.0, np.log(column.mean() / (1 - column.mean()))
    return _Calibration(slopes, offsets)


def _inverse_temperature(logits: Floats, truth: Truth) -> float:
    """The factor of the logits with the greatest likelihood."""
    from scipy.optimize import minimize_scalar

    true = truth.argmax(1)

    def loss(log_slope: float) -> float:
        p = probabilities(np.exp(log_slope) * logits, exclusive=True)
        return float(-np.log(np.maximum(p[np.arange(len(p)), true], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 2.0), method="bounded").x))
