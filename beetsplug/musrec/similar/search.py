"""Seeds and criteria -> the best songs, so many of them or as many as fill a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from musrec_core.search import ranking
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.index import Neighbour, VectorIndex
from musrec_core.sequence import order

from ..library import recordings, song_keys, sql
from ..library.song_keys import RemovedSongs

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.encoder import TrackEmbedding
    from musrec_core.search.index import Ranker

    from .criteria import Criteria

GUESSED_SECONDS = 60.0  # of a song, when it is guessed how many fill a time: rather too many
POOL = 4  # times as many songs as are wanted, from which `--shuffle` draws

SongRanker = Callable[[int], list[Neighbour]]  # how many -> the best so many, or as many as there are


def make_ranker(
    lib: Library,
    index: Ranker,
    points: NDArray[np.float32],
    criteria: Criteria,
    *,
    card: Card,
    own: Collection[int] = (),
    files: Sequence[tuple[bytes, TrackEmbedding]] = (),
    heard: Mapping[int, TrackEmbedding] | None = None,
    offsets: NDArray[np.float32] | None = None,
) -> SongRanker:
    """A function that ranks the songs of the library.

    Parameters
    ----------
    index : Ranker
        The songs: a `VectorIndex`, or what ranks them by words.
    points : np.ndarray [shape=(m, d)]
        The seeds.
    card : Card
        Of the model in use, by whose embeddings copies of a recording are told.
    own : collection of int
        The seeds' own ids, which are no results.
    files : sequence of (path, TrackEmbedding)
        Files outside the library whose copies in it are no results.
    heard : mapping of int to TrackEmbedding, optional
        Embeddings of seeds that are not stored.
    offsets : np.ndarray [shape=(n,)], optional
        Added to the distances for the ranking (see `steering.offsets`).
    """
    own = {*own, *criteria.unwanted}
    copies = None if criteria.duplicates else recordings.one_a_recording(lib, card, own, list(files), heard)
    filters = _filters(lib, criteria, card, copies)
    corrected = index
    if criteria.hub_correction and isinstance(index, VectorIndex):  # words have no hubs
        corrected = MutualIndex(index, metric=criteria.metric)

    def nearest(count: int) -> list[Neighbour]:
        return ranking.nearest(
            corrected,
            points,
            count,
            metric=criteria.metric,
            exclude={*own, *criteria.steering.unlike},
            candidates=criteria.candidates,
            filters=filters,
            steering=offsets,
        )

    if not criteria.variety:
        return nearest
    return lambda count: ranking.diversify(
        index, nearest(ranking.pool_size(count)), count, criteria.variety, metric=criteria.metric
    )


def _filters(lib: Library, criteria: Criteria, card: Card, copies: ranking.Filter | None) -> list[ranking.Filter]:
    """What may not be a result: unwanted songs, copies, and more of an artist or an album than are allowed."""
    filters = []
    if criteria.removed or criteria.exclude is not None:
        filters.append(ranking.reject(lambda ids: unwanted_ids(lib, ids, criteria, card)))
    if copies is not None:
        filters.append(copies)
    limits = [(partial(artists, lib), criteria.max_per_artist), (partial(albums, lib), criteria.max_per_album)]
    if limits := [limit for limit in limits if limit[1]]:
        filters.append(ranking.cap(*limits))
    return filters


def unlisted(lib: Library, ranker: SongRanker, listed: Collection[str]) -> SongRanker:
    """A ranker of the songs that a playlist does not hold yet; those that it holds still count for the caps.

    Parameters
    ----------
    listed : collection of str
        The keys of the playlist's songs (see `song_keys`).
    """
    if not listed:
        return ranker
    held = RemovedSongs(frozenset(listed))

    def rank(count: int) -> list[Neighbour]:
        found = ranker(count + len(listed))
        there = song_keys.removed_namesakes(lib, [neighbour.id for neighbour in found], held)
        return [neighbour for neighbour in found if neighbour.id not in there.get(neighbour.id, ())][:count]

    return rank


def first_but(ranker: SongRanker, unwanted: Collection[int]) -> Neighbour | None:
    """The best song whose id is none of these."""
    return next((neighbour for neighbour in ranker(1 + len(unwanted)) if neighbour.id not in unwanted), None)


# How many of them, and in which order.


def select(
    lib: Library, ranker: SongRanker, count: int, *, seconds: float = 0.0, random_seed: int | None = None
) -> list[Neighbour]:
    """So many songs, or those that fill a time [s]: the best, or with a random seed some of the best."""
    if not seconds:
        return ranker(count) if random_seed is None else order.draw(ranker(POOL * count), count, random_seed)
    count = max(1, math.ceil(seconds / GUESSED_SECONDS))
    found = ranker(count)
    while sum(lengths(lib, found)) <= POOL * seconds and len(found) == count:
        count *= 2
        found = ranker(count)
    if random_seed is not None:
        found = order.draw(_first(lib, found, POOL * seconds), len(found), random_seed)
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
    names = artists(lib, [neighbour.id for neighbour in found])
    last = before.artist.casefold() or None if before is not None else None
    return [found[place] for place in order.apart([names.get(neighbour.id) for neighbour in found], before=last)]


def lengths(lib: Library, found: Iterable[Neighbour]) -> list[float]:
    """How long each song plays [s]."""
    ids = [neighbour.id for neighbour in found]
    rows = sql.columns(lib, ids, ("length",))
    return [float(rows[id_][0] or 0) if id_ in rows else 0.0 for id_ in ids]


# What the library says of songs.


def unwanted_ids(lib: Library, ids: Sequence[int], criteria: Criteria, card: Card) -> set[int]:
    """Which of some songs the configuration excludes, or were removed from the playlist."""
    unwanted = removed_ids(lib, ids, criteria, card) if criteria.removed else set()
    if criteria.exclude is not None:
        unwanted.update(sql.matching_ids(lib, criteria.exclude, among=ids))
    return unwanted


def removed_ids(lib: Library, ids: Iterable[int], criteria: Criteria, card: Card) -> set[int]:
    """Which of some songs were removed by hand, or are copies of such a song where copies are no results."""
    found = song_keys.removed_namesakes(lib, ids, criteria.removed)
    removed = {id_ for id_, meant in found.items() if id_ in meant}
    if criteria.duplicates or len(removed) == len(found):
        return removed
    lookup, keys = recordings.RecordingLookup(lib, card), song_keys.of_ids(lib, found)
    return removed | {
        id_
        for id_, meant in found.items()
        if keys[id_] not in criteria.removed.kept and any(lookup.same(id_, other) for other in meant)
    }


def artists(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    """The artist of each song, None where it has none."""
    rows = sql.columns(lib, ids, ("artist",))
    return {id_: artist.casefold() or None for id_, (artist,) in rows.items()}


def albums(lib: Library, ids: Sequence[int]) -> dict[int, Any]:
    """The album's id of each song, None where it has none."""
    rows = sql.columns(lib, ids, ("album_id",))
    return {id_: album_id for id_, (album_id,) in rows.items()}
