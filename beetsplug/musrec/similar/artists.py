"""Artists and albums that sound alike (`--artists`, `--albums`): sets of songs, each compared by its mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from beets.ui import UserError

from musrec_core._text import one_line
from musrec_core.search import ranking, sets
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.index import Neighbour, Ranker, VectorIndex

from ..library import recordings, sql
from . import groups, search
from .found_sets import FoundSets, SongSet
from .request import Result

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.card import Card

    from .criteria import Criteria
    from .groups import Groups
    from .options import SimilarOptions
    from .request import Request

SONGS_OF_AN_ARTIST = 3  # in a playlist


def find(
    lib: Library,
    index: VectorIndex,
    request: Request,
    options: SimilarOptions,
    criteria: Criteria,
    card: Card,
    *,
    advice: Callable[[Iterable[int]], str],
    tell: Callable[[Iterable[tuple[int, float]]], None],
    log: BeetsLogger,
) -> Result:
    """The artists or albums that a request asks for, and the songs of a playlist; raises `UserError`.

    Parameters
    ----------
    options : SimilarOptions
        The request's, into which the settings have been resolved.
    tell : callable
        Keeps the distances of songs: that of the artist or album that each is of.
    """
    found = find_sets(lib, index, options, request.args, criteria, advice=advice, log=log)
    if not found.sets:
        log.warning("no other {} is left to choose from", "album" if options.albums else "artist")
    tell((id_, each.distance) for each in found.sets for id_ in each.songs)
    ids = for_playlist(lib, found, criteria, card) if request.playlist else []
    songs = [item for item in sql.items_of(lib, ids) if item.path]
    return Result(songs, options.count or 0, model_id=card.model_id, sets=found)


def find_sets(
    lib: Library,
    index: VectorIndex,
    options: SimilarOptions,
    args: list[str],
    criteria: Criteria,
    *,
    advice: Callable[[Iterable[int]], str],
    log: BeetsLogger,
) -> FoundSets:
    """The artists or albums nearest to those that a query names; raises `UserError`.

    Parameters
    ----------
    index : VectorIndex
        Of the criteria's space.
    advice : callable
        What to do about songs without an embedding.
    """
    found = groups.by_album(lib) if options.albums else groups.by_artist(lib)
    seeds = groups.meant(lib, found, args, log, first=options.first)
    return nearest_sets(lib, index, found, seeds, options, criteria, advice=advice)


def nearest_sets(
    lib: Library,
    index: VectorIndex,
    found: Groups,
    seeds: list[int],
    options: SimilarOptions,
    criteria: Criteria,
    *,
    advice: Callable[[Iterable[int]], str],
) -> FoundSets:
    """The groups nearest to some of them; raises `UserError` where none of these has an embedded song.

    Parameters
    ----------
    index : VectorIndex
        Of the criteria's space.
    seeds : list of int
        The numbers of the groups that are the seeds.
    advice : callable
        What to do about songs without an embedding.
    """
    of_song = np.array([found.of_song.get(id_, sets.NONE) for id_ in index.ids.tolist()], np.int64)
    points = sets.means(index, np.where(np.isin(of_song, seeds), of_song, sets.NONE), metric=criteria.metric).vectors
    if not len(points):
        ids = [id_ for seed in seeds for id_ in found.songs.get(seed, ())]
        raise UserError(f"no song of {one_line(groups.listed(found, seeds))} is embedded: {advice(ids)}")
    of_song[np.isin(of_song, seeds) | ~_allowed(lib, index, criteria)] = sets.NONE
    means = sets.means(index, of_song, metric=criteria.metric)
    ranker: Ranker = MutualIndex(means, metric=criteria.metric) if criteria.hub_correction else means
    filters = [ranking.cap((lambda numbers: {n: found.labels[n] or None for n in numbers}, criteria.max_per_artist))]
    near = ranking.nearest(
        ranker,
        points,
        options.count or 0,
        metric=criteria.metric,
        filters=filters if options.albums and criteria.max_per_artist else (),
    )
    order = np.argsort(of_song, kind="stable")
    first, last = (np.searchsorted(of_song[order], [each.id for each in near], side) for side in ("left", "right"))
    rows = [np.sort(order[low:high]) for low, high in zip(first, last, strict=True)]
    made = [_made(lib, index, found, each, some, points, criteria) for each, some in zip(near, rows, strict=True)]
    return FoundSets(made, [found.names[seed] for seed in seeds])


def _allowed(lib: Library, index: VectorIndex, criteria: Criteria) -> NDArray[np.bool_]:
    """Which songs count [shape=(n,)]."""
    allowed = np.ones(len(index), np.bool_)
    if criteria.candidates is not None:
        allowed = np.isin(index.ids, np.fromiter(criteria.candidates, np.int64))
    if criteria.exclude is not None:
        allowed &= ~np.isin(index.ids, np.array(sql.matching_ids(lib, criteria.exclude), np.int64))
    return allowed


def _made(
    lib: Library,
    index: VectorIndex,
    found: Groups,
    neighbour: Neighbour,
    rows: NDArray[np.int64],
    points: NDArray[np.float32],
    criteria: Criteria,
) -> SongSet:
    """One set, with its songs (``rows`` of the index) in order."""
    songs = VectorIndex(index.ids[rows], index.vectors[rows])
    typical = int(songs.ids[sets.most_typical(songs.vectors, metric=criteria.metric)])
    name = found.names[neighbour.id]
    if found.album_ids:
        ids = _in_order(lib, songs.ids.tolist())
        return SongSet(name, neighbour.distance, typical, ids, found.album_ids[neighbour.id])
    ranked = ranking.nearest(songs, points, len(songs), metric=criteria.metric)
    return SongSet(name, neighbour.distance, typical, [song.id for song in ranked])


def _in_order(lib: Library, ids: list[int]) -> list[int]:
    places = sql.columns(lib, ids, ("disc", "track"))
    return sorted(ids, key=lambda id_: (places[id_], id_))


def for_playlist(lib: Library, found: FoundSets, criteria: Criteria, card: Card) -> list[int]:
    """The ids of the songs that a playlist of these sets holds: a few of each artist, or whole albums."""
    lookup = recordings.RecordingLookup(lib, card)
    chosen: list[int] = []
    for each in found.sets:
        ids = each.songs
        if criteria.removed:
            unwanted = search.removed_ids(lib, ids, criteria, card)
            ids = [id_ for id_ in ids if id_ not in unwanted]
        if not criteria.duplicates:
            ids = lookup.one_each(ids, [])
        chosen += ids if each.album_id else ids[:SONGS_OF_AN_ARTIST]
    return chosen
