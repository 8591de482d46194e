"""``python -m training words-precision``: of the songs that a word finds first, how many have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.encoder import Encoder
from musrec_core.words.heads import Words

from ..data.cache import Cache
from ..evaluation.metrics import artist_resamples
from ..recipe import Recipe, RecipeError
from .ensemble import Ensemble, Floats
from .heads import Mask
from .inputs import stored_vectors
from .learn import Material, gather, reference_of
from .vocabulary import Vocabulary, Word

DEPTH = 10  # songs that are looked at
LEAST_SONGS = 5  # that have a word, in the test split: of rarer ones nothing can be told
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """One word, or a request of some, on the n songs of the test split.

    Attributes
    ----------
    name, group : str
    truth : np.ndarray [shape=(n,)]
        1, 0, or NaN for songs of which it isn't known: these are not among those that are ranked.
    scores : dict of str to np.ndarray [shape=(n,)]
        System -> its scores: ``model``, ``teacher`` (the best single one), ``ensemble`` (all of them).
    teacher : str
        The name of the best one; empty without any.
    """

    name: str
    group: str
    truth: Floats
    scores: dict[str, Floats]
    teacher: str = ""

    @property
    def songs(self) -> int:
        """Those that have it."""
        return int(np.nansum(self.truth))

    def precisions(self, system: str, times: Counts) -> Floats:
        """`precision_at_most` of a system in each round [shape=(rounds,)]."""
        known = ~np.isnan(self.truth)
        return precision_at_most(self.scores[system][known], self.truth[known] > 0, times[:, known])


def precision_at_most(scores: Floats, relevant: Mask, times: Counts, depth: int = DEPTH) -> Floats:
    """Precision among the first songs: ``depth`` of them, or as many as are relevant where that is fewer.

    Parameters
    ----------
    scores : np.ndarray [shape=(n,)]
        The highest first; ties keep the songs' order.
    relevant : np.ndarray [shape=(n,)], bool
    times : np.ndarray [shape=(rounds, n)], int
        How often each song is in each round.

    Returns
    -------
    precisions : np.ndarray [shape=(rounds,)]
        NaN for a round without a relevant song.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, found = times[:, order], relevant[order]
    looked_at = np.minimum(ranked @ found, depth)[:, None]
    before = np.cumsum(ranked, axis=1) - ranked
    counted = np.clip(looked_at - before, 0, ranked)
    with np.errstate(invalid="ignore"):
        return np.asarray((counted @ found) / looked_at[:, 0])


def measure_words(
    recipe: Recipe, cache: Cache, taught: Path, model: Path, music: Path, vocabulary: Vocabulary
) -> dict[str, Any]:
    """How well a model's words find songs of the test split, whose artists neither it nor the words were fitted on.

    Parameters
    ----------
    taught : Path
        The folder of a cache of the same clips, with what `teach` wrote.
    model : Path
        The exported encoder's ``.onnx``, with its words.
    music : Path
        The folder of the recipe's manifests.
    vocabulary : Vocabulary
        Whose ``labels`` say which songs have a word.

    Returns
    -------
    report : dict
        As `precision_report.write_report` takes it.

    Raises
    ------
    RecipeError
        The model has no words, no word has enough labels in the test split, or as `learn.learn_words`.
    """
    encoder = Encoder.load(model)
    words = Words.load(encoder.card)
    if words is None:
        raise RecipeError(f"{encoder.card.name} has no words: run `python -m training words` first")
    material, rows = gather(recipe, cache, taught, music, vocabulary, test=True)
    test = material.of("test")
    vectors = stored_vectors(cache, [i for i, of_test in zip(rows, test, strict=True) if of_test], encoder)
    said = dict(zip(words.names, words.probabilities(vectors).T.astype(np.float64), strict=True))
    teachers = Ensemble(vocabulary, taught).each(material.tracks, reference_of(material.tracks))
    labelled, unlabelled = [], []
    for w, word in enumerate(vocabulary.words):
        if word.name not in said:
            continue
        if word.labels:
            labelled.append(ranking_of(w, word, said[word.name], material, test, teachers))
        else:
            scores = {"model": said[word.name]}
            unlabelled.append(Ranking(word.name, word.group, material.goals.applies[test, w], scores))
    enough = [ranking for ranking in labelled if ranking.songs >= LEAST_SONGS]
    if not enough:
        raise RecipeError(f"no word has labels of {LEAST_SONGS} songs in the test split")
    artists = material.goals.groups[test]
    return {
        "model": encoder.card.model_id,
        "songs": int(test.sum()),
        "artists": len(np.unique(artists)),
        "words": [_figures(ranking, artists) for ranking in enough],
        "mean": _mean(enough, artists),
        "requests": [],
        "rare": [ranking.name for ranking in labelled if ranking.songs < LEAST_SONGS],
        "by_teachers": [_figures(ranking, artists) for ranking in unlabelled if ranking.songs >= LEAST_SONGS],
    }


def ranking_of(
    w: int, word: Word, said: Floats, material: Material, test: Mask, teachers: dict[tuple[str, str], Floats]
) -> Ranking:
    """A word with labels. The teacher is the one that is best on train and valid, so that test does not choose it."""
    from sklearn.metrics import average_precision_score

    labels = material.labels[:, w]
    others = ~test & ~np.isnan(labels)
    found = {name: scores[:, w] for (_, name), scores in teachers.items() if not np.isnan(scores[:, w]).any()}
    scores = {"model": said}
    best = ""
    if found and (labels[others] == 1).any():
        best = max(found, key=lambda name: average_precision_score(labels[others], found[name][others]))
        scores |= {"teacher": found[best][test], "ensemble": material.scores[test, w]}
    return Ranking(word.name, word.group, labels[test], scores, best)


def _figures(ranking: Ranking, artists: NDArray[np.str_]) -> dict[str, Any]:
    """Of one ranking: how many songs have it, of how many; each system's precision, and ours with its interval."""
    known = ~np.isnan(ranking.truth)
    once = np.ones((1, len(ranking.truth)), np.int64)
    low, high = np.nanpercentile(ranking.precisions("model", artist_resamples(artists)), [2.5, 97.5])
    return {
        "word": ranking.name,
        "group": ranking.group,
        "songs": ranking.songs,
        "of": int(known.sum()),
        "artists": len(np.unique(artists[ranking.truth == 1])),
        "looked_at": min(DEPTH, ranking.songs),
        "chance": ranking.songs / int(known.sum()),
        "best_teacher": ranking.teacher,
        "interval": [float(low), float(high)],
    } | {system: float(ranking.precisions(system, once)[0]) for system in ranking.scores}


def _mean(rankings: Sequence[Ranking], artists: NDArray[np.str_]) -> dict[str, Any]:
    """Over all words, and over those that have a teacher: each system's mean, and intervals by drawing artists."""
    times = artist_resamples(artists)
    once = np.ones((1, len(artists)), np.int64)

    def mean(some: Sequence[Ranking], system: str, times: Counts) -> Floats:
        return np.asarray(np.nanmean([ranking.precisions(system, times) for ranking in some], axis=0))

    def interval(rounds: Floats) -> list[float]:
        return [float(x) for x in np.percentile(rounds, [2.5, 97.5])]

    found: dict[str, Any] = {}
    taught = [ranking for ranking in rankings if ranking.teacher]
    for name, some, systems in (("all", rankings, ("model",)), ("taught", taught, ("model", "teacher", "ensemble"))):
        if not some:
            continue
        found[name] = {"words": len(some), "chance": float(np.mean([np.nanmean(one.truth) for one in some]))}
        for system in systems:
            found[name][system] = float(mean(some, system, once)[0])
            found[name][f"{system}_interval"] = interval(mean(some, system, times))
            if system != "model":
                less = mean(some, "model", times) - mean(some, system, times)
                found[name][f"over_{system}_interval"] = interval(less)
    return found
