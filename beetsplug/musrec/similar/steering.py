"""What moves a ranking: songs to keep away from, genres that the model hears, ratings and counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets.library import Item
from beets.ui import UserError

from ..genres.tags import key_of
from ..library import sql

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.search.index import Metric

    from ..components import Components
    from ..library.vectors import Snapshot

MOST = 1000  # a weight that leaves nothing of the distance
MORE = 0.5  # the weight of `--more GENRE` without one


@dataclass(frozen=True)
class Steering:
    """Where a ranking is to lean, and how strongly."""

    unlike: frozenset[int] = frozenset()  # ids
    genres: tuple[tuple[str, float], ...] = ()  # label and weight
    weigh: tuple[tuple[str, float], ...] = ()  # attribute and weight


def parse_steering(
    plugin: Components,
    lib: Library,
    *,
    unlike: Iterable[str] = (),
    more: Sequence[str] = (),
    less: Sequence[str] = (),
    weigh: Sequence[str] = (),
) -> Steering:
    """What the options and the configuration ask for; raises `UserError`."""
    away: set[int] = set()
    for text in unlike:
        found = sql.matching_ids(lib, sql.parse_option(text, "--unlike"))
        if not found:
            raise UserError(f"no song matches --unlike: {text}")
        away.update(found)
    genres = [(_genre(plugin, *_weighted(text, "--more", MORE)), 1) for text in more]
    genres += [(_genre(plugin, *_weighted(text, "--less", MORE)), -1) for text in less]
    weights = plugin.config["similar"]["weigh"]
    configured = {
        key: _sensible(float(weights[key].as_number()), f"musrec.similar.weigh.{key}")
        for key in weights.keys()  # noqa: SIM118, a view of confuse
    }
    weighed = configured | dict(_weighted(text, "--weigh", None) for text in weigh)
    if own := next((key for key in weighed if key in Item._fields), None):
        raise UserError(f"weights are for attributes such as rating and play_count, not for beets' own field {own}")
    return Steering(
        frozenset(away),
        tuple((label, sign * weight) for (label, weight), sign in genres),
        tuple(weighed.items()),
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
    return name.strip(), _sensible(weight, f"{option} {text}")


def _sensible(weight: float, where: str) -> float:
    if not abs(weight) <= MOST:
        raise UserError(f"{where}: a weight has to be between -{MOST} and {MOST}")
    return weight


def _genre(plugin: Components, name: str, weight: float) -> tuple[str, float]:
    for genre in plugin.card.genres:
        if key_of(name) in (key_of(genre.label), key_of(genre.key)):  # Hip-Hop, too
            return genre.label, weight
    labels = ", ".join(genre.label for genre in plugin.card.genres)
    raise UserError(f"the model has no genre {name or repr(name)}; its genres are {labels}")


def steering(
    plugin: Components,
    lib: Library,
    known: Snapshot,
    points: NDArray[np.float32],
    wanted: Steering,
    metric: Metric,
) -> NDArray[np.float32] | None:
    """What to add to each song's distance, as the index orders the songs [shape=(n,)]; None where nothing is wished."""
    if not (wanted.unlike or wanted.genres or wanted.weigh):
        return None
    import numpy as np

    from musrec_core.search import ranking as core

    index = known.index
    unit = core.typical(index.distances(core.centroid(points, metric=metric), metric=metric))
    total = np.zeros(len(index), np.float32)
    if len(away := index.vectors_of(wanted.unlike)):
        total += core.away_from(index, away, metric=metric)
    elif wanted.unlike:
        raise UserError(f"no song of --unlike is embedded: {plugin.embedder.advice(lib, wanted.unlike)}")
    for label, weight in wanted.genres:
        total += core.towards(_probabilities(plugin, lib, known, label), weight, unit)
    for key, weight in wanted.weigh:
        numbers = sql.numeric_attribute(lib, key)
        if not numbers:
            plugin._log.warning("no song has a number in {}: it is ignored", key)
        total += core.towards(core.taste(numbers, index.ids), weight, unit)
    return total


def _probabilities(plugin: Components, lib: Library, known: Snapshot, label: str) -> NDArray[np.float32]:
    """The probability of one genre for every song of the index [shape=(n,)]; 0 where there is none."""
    import numpy as np

    genres = plugin.vectors.get(lib, "genre").index
    column = [genre.label for genre in plugin.card.genres].index(label)
    by_id = dict(zip(genres.ids.tolist(), genres.vectors[:, column].tolist(), strict=True))
    return np.array([by_id.get(id_, 0.0) for id_ in known.index.ids.tolist()], np.float32)
