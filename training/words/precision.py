"""``python -m training words-precision``: of the songs that a word finds first, how many have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.encoder import Encoder
from musrec_core.words.heads import Words
from musrec_core.words.request import parse

from ..data.cache import Cache, Track
from ..evaluation.metrics import artist_resamples
from ..recipe import Recipe, RecipeError
from . import combinations as combined
from .ensemble import Ensemble, Floats
from .heads import Mask
from .inputs import stored_vectors
from .learn import Material, gather, reference_of
from .vocabulary import Vocabulary

DEPTH = 10  # songs that are looked at
LEAST_SONGS = 5  # that have a word, in the test split: of rarer ones nothing can be told
QUADRANTS = {  # of mood, which every TAFFC song has: labels that are complete, where those for words are not
    "happy": {"Q1"},
    "energetic": {"Q1", "Q2"},
    "aggressive": {"Q2"},
    "sad": {"Q3"},
    "calm": {"Q4"},
}
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
    labelled: list[Ranking] = []
    unlabelled: list[Ranking] = []
    for w, word in enumerate(vocabulary.words):
        if word.name not in said:
            continue
        if word.labels:
            labelled.append(ranking_of(w, said[word.name], material.labels[:, w], material, teachers))
        else:
            scores = {"model": said[word.name]}
            unlabelled.append(Ranking(word.name, word.group, material.goals.applies[test, w], scores))
    by_quadrant = [
        ranking_of(w, said[word.name], in_quadrants(material.tracks, QUADRANTS[word.name]), material, teachers)
        for w, word in enumerate(vocabulary.words)
        if word.name in said and word.name in QUADRANTS
    ]
    enough = [ranking for ranking in labelled if ranking.songs >= LEAST_SONGS]
    if not enough:
        raise RecipeError(f"no word has labels of {LEAST_SONGS} songs in the test split")
    artists = material.goals.groups[test]
    columns = dict(zip((word.name for word in vocabulary.words), material.goals.applies[test].T, strict=True))
    unknown = np.full(int(test.sum()), np.nan)
    applies = np.stack([columns.get(name, unknown) for name in words.names], axis=1)
    requests = [one for one in requests_of(material, test, words, vectors) if one.songs >= LEAST_SONGS]
    return {
        "model": encoder.card.model_id,
        "songs": int(test.sum()),
        "artists": len(np.unique(artists)),
        "words": [_figures(ranking, artists) for ranking in enough],
        "mean": {
            "words": _mean(enough, ("model",), artists),
            "words that teachers know": _mean(enough, ("model", "teacher", "ensemble"), artists),
            "two words": _mean(requests, ("model", "first", "second"), artists),
            "two words that teachers know": _mean(requests, ("model", "ensemble"), artists),
        },
        "by_quadrant": [_figures(ranking, artists) for ranking in by_quadrant if ranking.songs >= LEAST_SONGS],
        "requests": [_figures(ranking, artists) for ranking in requests],
        "combinations": combined.compare(words, vectors, applies, least=LEAST_SONGS),
        "rare": [ranking.name for ranking in labelled if ranking.songs < LEAST_SONGS],
        "by_teachers": [_figures(ranking, artists) for ranking in unlabelled if ranking.songs >= LEAST_SONGS],
    }


def in_quadrants(tracks: Sequence[Track], quadrants: Set[str]) -> Floats:
    """Which clips are in some quadrants of mood [shape=(n,)]; NaN where it isn't known."""
    return np.array([float(track.quadrant in quadrants) if track.quadrant else np.nan for track in tracks])


def ranking_of(
    w: int, said: Floats, labels: Floats, material: Material, teachers: dict[tuple[str, str], Floats]
) -> Ranking:
    """A word with labels [shape=(n,)] of all clips; ``said`` [shape=(of the test split,)] is the model's.

    The teacher is the one that is best on train and valid, so that test does not choose it.
    """
    from sklearn.metrics import average_precision_score

    word, test = material.words[w], material.of("test")
    others = ~test & ~np.isnan(labels)
    found = {name: scores[:, w] for (_, name), scores in teachers.items() if not np.isnan(scores[:, w]).any()}
    scores = {"model": said}
    best = ""
    if found and (labels[others] == 1).any():
        best = max(found, key=lambda name: average_precision_score(labels[others], found[name][others]))
        scores |= {"teacher": found[best][test], "ensemble": material.scores[test, w]}
    return Ranking(word.name, word.group, labels[test], scores, best)


def requests_of(material: Material, test: Mask, words: Words, vectors: Floats) -> Iterator[Ranking]:
    """Two words at once that have no label in common: a song has to have both.

    Beside the model: the teachers together, by the same formula, and each of the two words alone.
    """
    both = [(w, word) for w, word in enumerate(material.words) if word.labels and word.name in words.names]
    for (a, one), (b, other) in combinations(both, 2):
        if set(one.labels) & set(other.labels):
            continue
        truth = material.labels[test, a] * material.labels[test, b]
        names = one.name, other.name
        asked = {"model": ", ".join(names), "first": names[0], "second": names[1]}
        scores = {
            system: parse(text, words).scores(words, vectors).astype(np.float64) for system, text in asked.items()
        }
        if one.outputs and other.outputs:
            scores["ensemble"] = np.sqrt(material.goals.soft[test, a] * material.goals.soft[test, b])
        yield Ranking(asked["model"], "two", truth, scores)


def _figures(ranking: Ranking, artists: NDArray[np.str_]) -> dict[str, Any]:
    """Of one ranking: how many songs have it, of how many; each system's precision, and ours with its interval."""
    known = ~np.isnan(ranking.truth)
    once = np.ones((1, len(ranking.truth)), np.int64)
    return {
        "word": ranking.name,
        "group": ranking.group,
        "songs": ranking.songs,
        "of": int(known.sum()),
        "artists": len(np.unique(artists[ranking.truth == 1])),
        "looked_at": min(DEPTH, ranking.songs),
        "chance": ranking.songs / int(known.sum()),
        "best_teacher": ranking.teacher,
        "model_interval": _interval(ranking.precisions("model", artist_resamples(artists))),
    } | {system: float(ranking.precisions(system, once)[0]) for system in ranking.scores}


def _mean(rankings: Sequence[Ranking], systems: Sequence[str], artists: NDArray[np.str_]) -> dict[str, Any]:
    """Over the rankings that have all systems: each one's mean, ours less each other's, and 95% intervals of them."""
    some = [ranking for ranking in rankings if set(systems) <= set(ranking.scores)]
    if not some:
        return {}
    resampled = artist_resamples(artists)

    def mean(system: str, times: Counts) -> Floats:
        return np.asarray(np.nanmean([ranking.precisions(system, times) for ranking in some], axis=0))

    rounds = {system: mean(system, resampled) for system in systems}
    found: dict[str, Any] = {"number": len(some), "chance": float(np.mean([np.nanmean(one.truth) for one in some]))}
    for system in systems:
        found[system] = float(mean(system, np.ones((1, len(artists)), np.int64))[0])
        found[f"{system}_interval"] = _interval(rounds[system])
        if system != "model":
            found[f"over_{system}_interval"] = _interval(rounds["model"] - rounds[system])
    return found


def _interval(rounds: Floats) -> list[float]:
    return [float(x) for x in np.nanpercentile(rounds, [2.5, 97.5])]
