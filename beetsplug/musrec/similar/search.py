"""What to choose from, which songs were chosen, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from beets.ui import UserError

from ..library import recordings, song_keys, sql
from . import seeds
from . import steering as steering_module

if TYPE_CHECKING:
    from beets.library import Item, Library

    from musrec_core.search.index import Metric, Neighbour

    from ..components import Components
    from ..config import Space
    from ..library.vectors import Snapshot
    from .seeds import Seeds

TYPICAL_SECONDS = 60.0  # of a song when it is guessed how many fill a time: rather too many
WIDER = 4  # times as many songs are drawn from as are wanted


@dataclass(frozen=True)
class Criteria:
    """Which songs a question asks for, apart from what they should be near to."""

    space: Space = "embedding"
    metric: Metric = "cosine"
    candidates: str | None = None  # a query to choose from
    per_artist: int = 0  # 0: no limit
    per_album: int = 0
    duplicates: bool = False  # every copy of a recording
    steering: steering_module.Steering = field(default_factory=steering_module.Steering)
    variety: float = 0.0  # 0 to 1: how much the songs should differ from each other
    hub_correction: bool = False
    with_seeds: bool = False  # the seeds may be answers
    without: song_keys.RemovedSongs = field(default_factory=song_keys.RemovedSongs)


Ranker = Callable[[int], "list[Neighbour]"]  # how many -> the best so many


def make_ranker(
    plugin: Components, lib: Library, known: Snapshot, start: Seeds, wanted: Criteria, *, identify: bool = True
) -> Ranker:
    """A function that names the best songs, as many as it is asked for or as there are.

    With ``identify`` the library's own copy of a seed's file is an answer, the nearest; in a playlist it would come
    twice.
    """
    from musrec_core.search import ranking
    from musrec_core.search.hubness import MutualIndex

    points = seeds.points(plugin, start, known.index, wanted.space)
    own = set() if wanted.with_seeds else seeds.own_ids(lib, start)
    among = candidate_ids(lib, wanted.candidates)
    steering = steering_module.steering(plugin, lib, known, points, wanted.steering, wanted.metric)
    hidden = [] if identify or wanted.with_seeds else start.files
    unwanted = _rejected(plugin, lib, wanted)
    filters = [ranking.reject(unwanted)] if unwanted else []
    filters += [] if wanted.duplicates else [recordings.one_a_recording(lib, plugin.card.dimensions, own, hidden)]
    limits = [((lambda ids: artists(lib, ids)), wanted.per_artist), ((lambda ids: albums(lib, ids)), wanted.per_album)]
    filters += [ranking.cap(*found)] if (found := [limit for limit in limits if limit[1]]) else []
    index = MutualIndex(known.index, metric=wanted.metric) if wanted.hub_correction else known.index

    def nearest(count: int) -> list[Neighbour]:
        return ranking.nearest(
            index,
            points,
            count,
            metric=wanted.metric,
            exclude=own | wanted.steering.unlike,
            candidates=among,
            filters=filters,
            steering=steering,
        )

    def find(count: int) -> list[Neighbour]:
        if not wanted.variety:
            return nearest(count)
        return ranking.diversify(
            known.index, nearest(ranking.pool_size(count)), count, wanted.variety, metric=wanted.metric
        )

    return find


# How many of them, and in which order.


def select(lib: Library, find: Ranker, count: int, *, seconds: float = 0.0, draw: int | None = None) -> list[Neighbour]:
    """So many songs, or those that fill a time [s]: the best, or with ``draw`` (a random seed) some of the best."""
    from musrec_core.sequence import order

    if not seconds:
        return find(count) if draw is None else order.draw(find(WIDER * count), count, draw)
    count = max(1, math.ceil(seconds / TYPICAL_SECONDS))
    found = find(count)
    while sum(lengths(lib, found)) <= WIDER * seconds and len(found) == count:
        count *= 2
        found = find(count)
    if draw is not None:
        found = order.draw(_first(lib, found, WIDER * seconds), len(found), draw)
    return [found[place] for place in order.fill(lengths(lib, found), seconds)]


def _first(lib: Library, found: list[Neighbour], seconds: float) -> list[Neighbour]:
    """As many of the first as it takes to fill a time."""
    kept: list[Neighbour] = []
    left = seconds
    for neighbour, length in zip(found, lengths(lib, found), strict=True):
        if left <= 0:
            break
        kept.append(neighbour)
        left -= length
    return kept


def apart(lib: Library, found: list[Neighbour], before: Item | None) -> list[Neighbour]:
    """The same songs, no artist twice in a row where there is such an order."""
    from musrec_core.sequence import order

    names = artists(lib, [neighbour.id for neighbour in found])
    last = before.artist.casefold() or None if before is not None else None
    return [found[place] for place in order.apart([names.get(neighbour.id) for neighbour in found], before=last)]


def lengths(lib: Library, found: Iterable[Neighbour]) -> list[float]:
    """How long each song plays [s]."""
    ids = [neighbour.id for neighbour in found]
    rows = sql.columns(lib, ids, ("length",))
    return [float(rows[id_][0] or 0) if id_ in rows else 0.0 for id_ in ids]


# What is looked over, and what is not.


def candidate_ids(lib: Library, text: str | None) -> set[int] | None:
    if text is None:
        return None
    ids = set(sql.matching_ids(lib, sql.parse_option(text, "--in")))
    if not ids:
        raise UserError(f"no song matches --in: {text}")
    return ids


def excluded(plugin: Components, lib: Library) -> Callable[[Sequence[int]], Collection[int]] | None:
    """Which of some songs the configuration keeps out of answers: audiobooks, hour-long mixes."""
    if not (text := plugin.config["exclude"].as_str()):
        return None
    if "similar:" in text:  # it would have to be known to be found
        raise UserError("musrec.exclude can't contain a `similar:` query")
    unwanted = sql.parse_option(text, "musrec.exclude")
    return lambda ids: sql.matching_ids(lib, unwanted, among=ids)


def _rejected(plugin: Components, lib: Library, wanted: Criteria) -> Callable[[Sequence[int]], Collection[int]] | None:
    """Which of some songs neither the configuration nor the question allows."""
    unwanted = excluded(plugin, lib)
    if not wanted.without:
        return unwanted

    def rejected(ids: Sequence[int]) -> Collection[int]:
        out = taken_out(plugin, lib, ids, wanted)
        return out.union(unwanted(ids)) if unwanted else out

    return rejected


def taken_out(plugin: Components, lib: Library, ids: Iterable[int], wanted: Criteria) -> set[int]:
    """Which of some songs were taken out by hand, or are copies of such a song where copies are no answers."""
    found = song_keys.removed_namesakes(lib, ids, wanted.without)
    out = {id_ for id_, meant in found.items() if id_ in meant}
    if wanted.duplicates or len(out) == len(found):
        return out
    known, keys = recordings.RecordingLookup(lib, plugin.card.dimensions), song_keys.of_ids(lib, found)
    return out | {
        id_
        for id_, meant in found.items()
        if keys[id_] not in wanted.without.kept and any(known.same(id_, other) for other in meant)
    }


def artists(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    rows = sql.columns(lib, ids, ("artist",))
    return {id_: artist.casefold() or None for id_, (artist,) in rows.items()}


def albums(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    rows = sql.columns(lib, ids, ("album_id",))
    return {id_: album_id for id_, (album_id,) in rows.items()}


def results(plugin: Components, lib: Library, neighbours: list[Neighbour]) -> list[Item]:
    """The songs themselves; ``musrec_distance`` is the distance of each from now on."""
    plugin.distances.clear()
    plugin.distances.update({neighbour.id: neighbour.distance for neighbour in neighbours})
    found = (lib.get_item(neighbour.id) for neighbour in neighbours)
    return [item for item in found if item is not None and item.path]
