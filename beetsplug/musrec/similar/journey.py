"""From song to song, and lists in a smooth order: what `beet similar` does with `--to` and `--order smooth`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from beets.dbcore.query import TrueQuery
from beets.ui import UserError

from ..console import formatted
from ..library import coverage, recordings, sql
from . import search, seeds

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.search.index import Metric, Neighbour, VectorIndex

    from ..components import Components
    from .search import Criteria


def find_journey(
    plugin: Components,
    lib: Library,
    args: list[str],
    to: Sequence[str],
    count: int,
    wanted: Criteria,
    *,
    mix: bool,
) -> list[Neighbour]:
    """The songs of a journey, the ends among them, each with its distance from the one before; the first has 0."""
    from musrec_core.search.index import Neighbour, step_lengths
    from musrec_core.sequence.journey import NoJourneyError, journey

    queries = [args, *map(sql.words, to)]
    if not all("".join(query).strip() for query in queries):  # an empty query would be the library's first song
        raise UserError('a journey needs a start and an end, as in: beet similar "The Scientist" --to "Teardrop"')
    stops = _stops(plugin, lib, queries)
    if count < len(stops):
        raise UserError(f"a journey with {len(stops)} stops needs --count {len(stops)} or more")
    coverage.require_current(plugin.vectors.get(lib, wanted.space).counts, plugin.card.model_id, plugin._log)
    start = seeds.embedded(plugin, lib, stops)
    if missing := [item for item in stops if item.id not in {found.id for found in start.items}]:
        raise UserError(f"no journey: {formatted(missing[0], '$artist - $title')} has no embedding")
    index = plugin.vectors.get(lib, wanted.space).index
    ids = [sql.id_of(item) for item in stops]
    try:
        path = journey(
            index,
            ids,
            count,
            metric=wanted.metric,
            candidates=search.candidate_ids(lib, wanted.candidates),
            exclude=_unwanted(plugin, lib, wanted),
            artists=lambda some: search.artists(lib, some),
            max_per_artist=wanted.per_artist or None,
            mismatch=(lambda some: mismatch(lib, some)) if mix else None,
            one_each=None if wanted.duplicates else recordings.RecordingLookup(lib, plugin.card.dimensions).one_each,
        )
    except NoJourneyError:
        raise UserError(f"there are not enough songs for a journey of {count}") from None
    except ValueError:  # the one thing that is left: a stop's stored vector does not read as one
        known = set(index.ids.tolist())
        damaged = next(id_ for id_ in ids if id_ not in known)
        raise UserError(f"a stop's embedding is damaged: run `beet embed --force id:{damaged}`") from None
    steps = [0.0, *step_lengths(index, path, wanted.metric)]
    return [Neighbour(id_, step) for id_, step in zip(path, steps, strict=True)]


def _stops(plugin: Components, lib: Library, queries: Sequence[list[str]]) -> list[Item]:
    """The first song that each query matches."""
    stops: list[Item] = []
    for query in queries:
        found = seeds.matching(lib, query)
        if len(found) > 1:
            first = formatted(found[0], "$artist - $title")
            plugin._log.info("{} songs match {}: taking {}", len(found), " ".join(query), first)
        stops.append(found[0])
    if len({item.id for item in stops}) < len(stops):
        raise UserError("a journey can't visit the same song twice")
    return stops


def _unwanted(plugin: Components, lib: Library, wanted: Criteria) -> set[int]:
    """What neither the configuration nor the question allows, of the whole library."""
    unwanted: set[int] = set()
    if search.excluded(plugin, lib) is not None:
        unwanted.update(sql.matching_ids(lib, sql.parse(plugin.config["exclude"].as_str())))
    if wanted.without:
        unwanted |= search.taken_out(plugin, lib, sql.matching_ids(lib, TrueQuery()), wanted)
    return unwanted


def mismatch(lib: Library, ids: Sequence[int]) -> NDArray[np.float64]:
    """How badly songs go together by tempo and key, where beets knows them [shape=(n, n)]."""
    from musrec_core.sequence import harmonic

    known = sql.columns(lib, ids, ("bpm", "initial_key"))
    rows = [known.get(id_, (None, None)) for id_ in ids]
    return harmonic.mismatch([row[0] for row in rows], [row[1] for row in rows])


def smooth(
    lib: Library,
    index: VectorIndex,
    points: NDArray[np.float32],
    neighbours: list[Neighbour],
    *,
    metric: Metric,
    mix: bool,
) -> list[Neighbour]:
    """The same songs, in the order in which each leads to the next, from the seed on."""
    from musrec_core.search.index import positions
    from musrec_core.search.ranking import centroid
    from musrec_core.sequence.smooth import smooth_order

    ids = [neighbour.id for neighbour in neighbours]
    order = smooth_order(
        index.vectors[positions(index, ids)],
        centroid(points, metric=metric),
        metric=metric,
        mismatch=mismatch(lib, ids) if mix else None,
    )
    return [neighbours[i] for i in order]
