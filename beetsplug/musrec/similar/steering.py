"""What steers a ranking: songs to keep away from, words, genres and mood, ratings and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from beets.library import Item
from beets.ui import UserError

from musrec_core.search.ranking import away_from, normalised_ratings, start, towards, typical

from ..library import sql
from ..templates import MAX_WEIGHT

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.search.index import Metric, Ranker, VectorIndex
    from musrec_core.words.request import WordRequest

    from .options import SimilarOptions
    from .qualities import Qualities, Quality

MORE = 0.5  # the weight of `--more NAME`, and of a word of `--sounds`, without one


@dataclass(frozen=True)
class Steering:
    """What steers a ranking, with weights."""

    unlike: frozenset[int] = frozenset()  # ids
    sounds: WordRequest | None = None
    qualities: tuple[tuple[Quality, float], ...] = ()  # and weights
    weigh: tuple[tuple[str, float], ...] = ()  # attribute and weight


def parse_steering(card: Card, lib: Library, options: SimilarOptions, qualities: Qualities) -> Steering:
    """What `--unlike`, `--sounds`, `--more`, `--less` and `--weigh` ask for; raises `UserError`."""
    away: set[int] = set()
    for text in options.unlike:
        away |= sql.matching_option(lib, text, "--unlike")
    leanings = [(*_weighted(text, "--more", MORE), 1) for text in options.more]
    leanings += [(*_weighted(text, "--less", MORE), -1) for text in options.less]
    weights = dict(_weighted(text, "--weigh", None) for text in options.weigh)
    if own := next((key for key in weights if key in Item._fields), None):
        raise UserError(f"weights are for attributes such as rating and play_count, not for beets' own field {own}")
    return Steering(
        frozenset(away),
        None if options.sounds is None else qualities.request(card, options.sounds),
        tuple((qualities.find(lib, card, name), sign * weight) for name, weight, sign in leanings),
        tuple(weights.items()),
    )


def _weighted(text: str, option: str, default: float | None) -> tuple[str, float]:
    """``NAME:WEIGHT``, or the name alone where there is a default."""
    name, colon, number = text.rpartition(":")
    if not colon and default is not None:
        return text.strip(), default
    example = "rating:0.2" if default is None else "rock:0.2"
    try:
        weight = float(number)
    except ValueError:
        raise UserError(f"{option} has to be NAME:NUMBER, as in {example}, and not {text}") from None
    if not abs(weight) <= MAX_WEIGHT:
        raise UserError(f"{option} {text}: a weight has to be between -{MAX_WEIGHT:g} and {MAX_WEIGHT:g}")
    return name.strip(), weight


def offsets(
    steering: Steering,
    lib: Library,
    index: VectorIndex,
    ranked: Ranker,
    points: NDArray[np.float32],
    metric: Metric,
    *,
    card: Card,
    qualities: Qualities,
    advice: Callable[[Iterable[int]], str],
    log: BeetsLogger,
) -> NDArray[np.float32] | None:
    """What to add to each song's distance, as the index orders the songs [shape=(n,)]; None without steering.

    Parameters
    ----------
    index : VectorIndex
        The songs.
    ranked : Ranker
        What ranks them: the index itself, or how they answer the words of `--sounds`, where it has no seeds to lean.
    points : np.ndarray [shape=(m, d)]
        The seeds.
    card : Card
        Of the model in use.
    advice : callable
        What to do about songs without an embedding.
    """
    leanings = leaning(steering, lib, index, card=card, qualities=qualities, log=log, with_words=ranked is index)
    if leanings is None and not steering.unlike:
        return None
    return added(steering, index, ranked, points, metric, leanings, advice=advice)


def leaning(
    steering: Steering,
    lib: Library,
    index: VectorIndex,
    *,
    card: Card,
    qualities: Qualities,
    log: BeetsLogger,
    with_words: bool = True,
) -> NDArray[np.float32] | None:
    """How much each song is drawn near, whatever the seeds, in `typical` distances [shape=(n,)]; None: not at all.

    Parameters
    ----------
    with_words : bool
        Whether `--sounds` counts: not where it ranks the songs itself.
    """
    leans_to = steering.sounds if with_words else None
    if not (leans_to or steering.qualities or steering.weigh):
        return None
    total = np.zeros(len(index), np.float32)
    if leans_to is not None:
        total += np.float32(leans_to.weights(MORE).sum()) * qualities.scores(lib, card, leans_to, index)
    for quality, weight in steering.qualities:
        total += np.float32(weight) * qualities.values(lib, card, quality, index)
    for key, weight in steering.weigh:
        numbers = sql.numeric_attribute(lib, key)
        if not numbers:
            log.warning("no song has a number in {}: it is ignored", key)
        total += np.float32(weight) * normalised_ratings(numbers, index.ids)
    return total


def added(
    steering: Steering,
    index: VectorIndex,
    ranked: Ranker,
    points: NDArray[np.float32],
    metric: Metric,
    leanings: NDArray[np.float32] | None,
    *,
    advice: Callable[[Iterable[int]], str],
) -> NDArray[np.float32]:
    """As `offsets`, from what `leaning` gave."""
    total = np.zeros(len(index), np.float32)
    if len(away := index.vectors_of(steering.unlike)):
        total += away_from(index, away, metric=metric)
    elif steering.unlike:
        raise UserError(f"no song of --unlike is embedded: {advice(steering.unlike)}")
    if leanings is not None:
        unit = typical(ranked.distances(start(points, metric=metric), metric=metric))
        total += towards(leanings, 1.0, unit)
    return total
