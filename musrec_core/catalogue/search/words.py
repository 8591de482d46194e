"""The tracks of a dataset that sound like some words: ``calm piano, no vocals``.

The score is that of `musrec_core.words`: a weighted geometric mean of probabilities, each of a logistic regression. A
small dataset is scored row by row. In a large one the index finds candidates: the logarithm of the score is a concave
function of the embedding, so what scores well lies far in the direction of its gradient, as seen from tracks that score
well. Each round asks for the rows that are farthest in some such directions, and starts from the best found so far; the
first starts from a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...card import Card
from ...errors import CatalogueError
from ...search.distance import unit
from ...words.heads import Words
from ...words.request import WordRequest, parse
from .match import Match
from .scan import Candidate, best_of, best_rows
from .scope import Scope
from .search import COUNT, Searcher

SAMPLE = 2_048  # rows in which the first round looks for tracks that score well
ROUNDS = 4  # at most; fewer where one finds nothing new
VIEWPOINTS = 4  # tracks from which each round looks: the best, their mean, and some others of the best
BEST = 20  # tracks that viewpoints are chosen from
LEAST = 1_500  # candidates of a direction for each word, at least

Vectors = NDArray[np.float32]


def words_of(card: Card) -> Words:
    """The words of a model; raises `CatalogueError` where it knows none, `ModelError` where they can't be read."""
    words = Words.load(card)
    if words is None:
        raise CatalogueError(f"the model {card.name} knows no words: embed the catalogue with another one")
    return words


def sounds(
    searcher: Searcher,
    text: str,
    words: Words,
    *,
    count: int = COUNT,
    where: str | None = None,
    exact: bool = False,
    columns: Sequence[str] = (),
    max_per: Mapping[str, int] | None = None,
) -> list[Match]:
    """The tracks that answer a request best, best first; a match's ``distance`` is one minus its score.

    Parameters
    ----------
    text : str
        See `musrec_core.words.request`.
    words : Words
        Of the dataset's model: `words_of`.
    count, where, exact, columns, max_per
        See `Searcher.similar`.

    Raises
    ------
    WordsError
        The request can't be understood.
    CatalogueError
        The condition, a column or the count can't be used.
    """
    request = parse(text, words)
    wanted, scope = searcher.wanted(count, columns, max_per), searcher.scopes.of(where, exact=exact)

    def cost(vectors: Vectors) -> Vectors:
        return np.asarray(1 - request.scores(words, vectors), np.float32)

    def find(k: int) -> list[Candidate]:
        if scope.built is None:
            return best_rows(searcher.catalogue, scope, cost, k)
        return _by_index(searcher, request, words, scope, k)

    return searcher.until_enough(find, lambda rows: [row.cost for row in rows], (), wanted, scope)


def _by_index(searcher: Searcher, request: WordRequest, words: Words, scope: Scope, k: int) -> list[Candidate]:
    """The k best rows, or most of them."""

    def cost(vectors: Vectors) -> Vectors:
        return np.asarray(1 - request.scores(words, vectors), np.float32)

    found: dict[str, Vectors] = {}
    most = max(LEAST * len(request.asked), 2 * k)
    sample = searcher.sample(SAMPLE)
    start = [Candidate(0.0, "", vector) for vector in sample[np.argsort(cost(sample), kind="stable")[:BEST]]]
    directions = [_gradient(request, words, None), *_directions(request, words, start)]
    best: list[Candidate] = []
    for _ in range(ROUNDS):
        found |= searcher.gathered(np.stack(directions), most, scope)
        before, best = best, best_of(found, cost, k)
        if [row.id for row in before] == [row.id for row in best]:
            break
        directions = _directions(request, words, best)
    return best


def _directions(request: WordRequest, words: Words, best: Sequence[Candidate]) -> list[Vectors]:
    """Where to look for better rows, from the mean of the best ones and from some of them."""
    some = np.stack([row.vector for row in best[:BEST]])
    places = np.unique(np.linspace(0, len(some) - 1, VIEWPOINTS).astype(int))
    return [_gradient(request, words, vector) for vector in (unit(some.mean(axis=0)), *some[places])]


def _gradient(request: WordRequest, words: Words, vector: Vectors | None) -> Vectors:
    """The direction [shape=(d,)] in which the score grows fastest at a vector; None: where nothing is known."""
    which = [word.index for word in request.asked]
    signs = np.array([-1 if word.is_excluded else 1 for word in request.asked], np.float64)
    heads = words.weights[which].astype(np.float64) * signs[:, None]
    steepness = request.weights(1.0)
    if vector is not None:
        logits = heads @ vector + words.bias[which] * signs
        steepness = steepness * 0.5 * (1 - np.tanh(logits / 2))  # the probability that the word does not hold
    found = steepness @ heads
    length = float(np.linalg.norm(found))
    return np.asarray(found / length if length else heads.sum(axis=0), np.float32)
