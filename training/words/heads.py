"""Logistic heads: from vectors to the probability of each word, fitted and measured by artist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.cache import Track
from .ensemble import Floats

FOLDS = 5
SOFTNESS = 0.5  # deviations of the ensemble from which a soft target goes from 0.5 to 0.73
REGULARISATION = (0.1, 0.3, 1.0)  # inverse strengths that are tried; above, artists of valid fare worse
TRIED_WORDS = 4  # one of so many words is tried for that
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Goals:
    """What the heads of n clips and k words are to say.

    Attributes
    ----------
    soft : np.ndarray [shape=(n, k)]
        Targets in 0..1; NaN where nothing is known.
    applies : np.ndarray [shape=(n, k)]
        1 or 0: the word is among the clip's; NaN in the same places.
    groups : np.ndarray [shape=(n,)]
        Clips of one artist, or else of one collection or song, which are never on both sides of a split.
    """

    soft: Floats
    applies: Floats
    groups: NDArray[np.str_]

    def __getitem__(self, rows: Mask) -> Goals:
        return Goals(self.soft[rows], self.applies[rows], self.groups[rows])


def groups_of(tracks: Sequence[Track]) -> NDArray[np.str_]:
    """The artist of each clip, else its collection, its song or itself."""
    return np.array([track.artist.casefold() or track.collection or track.song or track.id for track in tracks])


def goals_of(scores: Floats, labels: Floats, shares: Floats, reference: Mask, groups: NDArray[np.str_]) -> Goals:
    """Goals from the teachers' scores, and from labels for words without teachers.

    A word applies to a clip whose score is above what all but its share of the reference reach; around this threshold
    the soft targets go from 0 to 1.

    Parameters
    ----------
    scores, labels : np.ndarray [shape=(n, k)]
        As `ensemble.Ensemble.scores` and `ensemble.labelled` give them.
    shares : np.ndarray [shape=(k,)]
    reference : np.ndarray [shape=(n,)], bool
    groups : np.ndarray [shape=(n,)]
    """
    thresholds = np.array(
        [np.quantile(column, 1 - share) for column, share in zip(scores[reference].T, shares, strict=True)]
    )
    taught = ~np.isnan(scores)
    soft = 1 / (1 + np.exp(-(scores - thresholds) / SOFTNESS))
    applies = (scores >= thresholds).astype(np.float64)
    return Goals(np.where(taught, soft, labels), np.where(taught, applies, labels), groups)


@dataclass(frozen=True)
class Heads:
    """One linear head a word: logits are ``x @ weights.T + bias``.

    weights [shape=(k, d)], bias [shape=(k,)]
    """

    weights: Floats
    bias: Floats

    def logits(self, x: Floats) -> Floats:
        """[shape=(n, k)]"""
        return np.asarray(x @ self.weights.T + self.bias)


def fit_heads(x: Floats, goals: Goals, c: float) -> Heads:
    """Logistic regressions on soft targets: each clip counts for both answers, weighted by its target.

    Parameters
    ----------
    x : np.ndarray [shape=(n, d)]
    goals : Goals
    c : float
        The inverse strength of the regularisation, for ``x`` as it is.
    """
    from sklearn.linear_model import LogisticRegression

    heads = []
    for target in goals.soft.T:
        known = ~np.isnan(target)
        p = target[known]
        if p.sum() <= 0 or (1 - p).sum() <= 0:  # no clip of one kind
            heads.append(np.zeros(x.shape[1] + 1))
            continue
        twice, answers = np.concatenate([x[known]] * 2), np.repeat([1, 0], len(p))
        model = LogisticRegression(C=c, solver="newton-cholesky", max_iter=200)
        model.fit(twice, answers, sample_weight=np.concatenate([p, 1 - p]))
        heads.append(np.append(model.coef_[0], model.intercept_[0]))
    stacked = np.array(heads)
    return Heads(stacked[:, :-1], stacked[:, -1])


def folds_of(groups: NDArray[np.str_]) -> Iterator[Mask]:
    """The rows of each fold; no group is in two."""
    from sklearn.model_selection import GroupKFold

    n = len(groups)
    for _, rows in GroupKFold(min(FOLDS, len(np.unique(groups)))).split(np.zeros((n, 1)), groups=groups):
        fold = np.zeros(n, bool)
        fold[rows] = True
        yield fold


def held_out_logits(x: Floats, goals: Goals, c: float) -> Floats:
    """What heads say of clips whose artists they were not fitted on [shape=(n, k)], by grouped folds."""
    logits = np.zeros(goals.soft.shape)
    for fold in folds_of(goals.groups):
        logits[fold] = fit_heads(x[~fold], goals[~fold], c).logits(x[fold])
    return logits


def best_regularisation(x: Floats, goals: Goals) -> float:
    """The strength, one for all words, with the best mean AUC over some of them, by grouped folds."""
    some = Goals(goals.soft[:, ::TRIED_WORDS], goals.applies[:, ::TRIED_WORDS], goals.groups)
    mean = [float(np.nanmean(aucs(held_out_logits(x, some, c), some.applies))) for c in REGULARISATION]
    return REGULARISATION[int(np.argmax(mean))]


def aucs(logits: Floats, truth: Floats) -> Floats:
    """The AUC of each word [shape=(k,)], over the clips of which the truth is known; NaN where one kind lacks."""
    from ..evaluation.metrics import binary_auc

    known = ~np.isnan(truth)
    return np.array([binary_auc(logits[k, w], truth[k, w] > 0) for w, k in enumerate(known.T)])


def calibrated(heads: Heads, logits: Floats, goals: Goals) -> Heads:
    """Heads whose logits are scaled and shifted until probabilities fit (Platt 1999).

    Parameters
    ----------
    logits : np.ndarray [shape=(n, k)]
        As `held_out_logits` gives them.
    goals : Goals
    """
    from sklearn.linear_model import LogisticRegression

    scale, shift = np.ones(len(heads.bias)), np.zeros(len(heads.bias))
    for w, truth in enumerate(goals.applies.T):
        known = ~np.isnan(truth)
        if 0 < truth[known].sum() < known.sum():
            model = LogisticRegression(C=1e6, max_iter=200).fit(logits[known, w : w + 1], truth[known])
            scale[w], shift[w] = model.coef_[0, 0], model.intercept_[0]
    return Heads(heads.weights * scale[:, None], heads.bias * scale + shift)
