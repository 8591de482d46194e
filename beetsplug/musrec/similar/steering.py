"""What steers a ranking: songs to keep away from, the model's genres, ratings and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from beets.library import Item
from beets.ui import UserError

from musrec_core.search.ranking import away_from, normalised_ratings, start, towards, typical

from ..config import MAX_WEIGHT
from ..genres.tags import key_of
from ..library import sql

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.search.index import Metric, VectorIndex

    from ..library.vectors import VectorStore
    from .options import SimilarOptions

MORE = 0.5  # the weight of `--more GENRE` without one


@dataclass(frozen=True)
class Steering:
    """What steers a ranking, with weights."""

    unlike: frozenset[int] = frozenset()  # ids
    genres: tuple[tuple[str, float], ...] = ()  # label and weight
    weigh: tuple[tuple[str, float], ...] = ()  # attribute and weight


def parse_steering(card: Card, lib: Library, options: SimilarOptions) -> Steering:
    """What `--unlike`, `--more`, `--less` and `--weigh` ask for; raises `UserError`."""
    away: set[int] = set()
    for text in options.unlike:
        away |= sql.matching_option(lib, text, "--unlike")
    genres = [(_genre(card, *_weighted(text, "--more", MORE)), 1) for text in options.more]
    genres += [(_genre(card, *_weighted(text, "--less", MORE)), -1) for text in options.less]
    weights = dict(_weighted(text, "--weigh", None) for text in options.weigh)
    if own := next((key for key in weights if key in Item._fields), None):
        raise UserError(f"weights are for attributes such as rating and play_count, not for beets' own field {own}")
    return Steering(
        frozenset(away),
        tuple((label, sign * weight) for (label, weight), sign in genres),
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


def _genre(card: Card, name: str, weight: float) -> tuple[str, float]:
    for genre in card.genres:
        if key_of(name) in (key_of(genre.label), key_of(genre.key)):  # Hip-Hop, too
            return genre.label, weight
    labels = ", ".join(genre.label for genre in card.genres)
    raise UserError(f"the model has no genre {name or repr(name)}; its genres are {labels}")


def offsets(
    steering: Steering,
    lib: Library,
    index: VectorIndex,
    points: NDArray[np.float32],
    metric: Metric,
    *,
    card: Card,
    vectors: VectorStore,
    advice: Callable[[Iterable[int]], str],
    log: BeetsLogger,
) -> NDArray[np.float32] | None:
    """What to add to each song's distance, as the index orders the songs [shape=(n,)]; None without steering.

    Parameters
    ----------
    points : np.ndarray [shape=(m, d)]
        The seeds.
    card : Card
        Of the model in use.
    advice : callable
        What to do about songs without an embedding.
    """
    if not (steering.unlike or steering.genres or steering.weigh):
        return None
    unit = typical(index.distances(start(points, metric=metric), metric=metric))
    total = np.zeros(len(index), np.float32)
    if len(away := index.vectors_of(steering.unlike)):
        total += away_from(index, away, metric=metric)
    elif steering.unlike:
        raise UserError(f"no song of --unlike is embedded: {advice(steering.unlike)}")
    labels = [genre.label for genre in card.genres]
    for label, weight in steering.genres:
        genres = vectors.get(lib, "genre", card).index
        total += towards(_probabilities(genres, labels.index(label), index), weight, unit)
    for key, weight in steering.weigh:
        numbers = sql.numeric_attribute(lib, key)
        if not numbers:
            log.warning("no song has a number in {}: it is ignored", key)
        total += towards(normalised_ratings(numbers, index.ids), weight, unit)
    return total


def _probabilities(genres: VectorIndex, column: int, index: VectorIndex) -> NDArray[np.float32]:
    """The probability of one genre for every song of the index [shape=(n,)]; 0 where there is none."""
    by_id = dict(zip(genres.ids.tolist(), genres.vectors[:, column].tolist(), strict=True))
    return np.array([by_id.get(id_, 0.0) for id_ in index.ids.tolist()], np.float32)
