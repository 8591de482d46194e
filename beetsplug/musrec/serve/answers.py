"""What a library answers to a server's requests: read only, for many threads at once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from beets.ui import UserError
from threadpoolctl import threadpool_limits

from musrec_core.search.index import VectorIndex, step_lengths
from musrec_core.sequence.journey import NoJourneyError, journey

from ..library import coverage, sql
from ..similar.arguments import resolved
from ..similar.option import Use
from ..similar.options import SimilarOptions, given
from ..similar.recent import recent
from ..similar.words_alone import ABOUT_SEEDS
from . import best_songs, queries
from .artist_search import ArtistAnswer, ArtistSearch, some
from .errors import ServeError
from .follower import Follower
from .plans import Plan
from .song_table import Song, SongTable
from .state import LibraryState

if TYPE_CHECKING:
    from beets.library import Library

    from ..similar.find import SimilarSearch
    from ..similar.groups import Groups

__all__ = ["Answers", "ArtistAnswer", "Song"]

NOTHING = 409  # the status where the library can't answer
SWITCH_INTERVAL = 0.0005  # seconds: a thread that has the answer waits no longer for one that reads the library


class Answers:
    """Answers from a library. Nothing is embedded or stored here.

    Each method raises `ServeError` for what can't be answered: 404 where a song is none of the library, 409 where it
    has no embedding, 400 for a mistake in the request, 503 where the library can't be read.

    The parameter ``among`` of most of them are the items that may be found, None for all: a frozenset that is kept is
    looked at only once.

    Parameters
    ----------
    lib : Library
    search : SimilarSearch
    options : SimilarOptions
        Of `musrec.serve.options`: what every answer keeps to.
    """

    def __init__(self, lib: Library, search: SimilarSearch, options: SimilarOptions) -> None:
        self._search, self._options, self._log = search, options, search.log
        self._plain: dict[str, str] = {}  # titles in plain words, which survive a change of the library
        self._before: LibraryState | None = None  # what was read last
        self._follower = Follower(lib, self._read, self._log)

    def start(self) -> None:
        """Read the library for a server, and follow its changes in a thread until `close`.

        Without it each request looks itself whether the library changed.
        """
        threadpool_limits(1, user_api="blas")  # each request has a thread of its own
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._follower.start()
        self._tell_coverage()
        gc.collect()
        gc.freeze()  # what stays need not be looked through again and again

    def _tell_coverage(self) -> None:
        """Tell which songs can't be found, as `beet similar` does."""
        configured = self._search.vectors.models.configured.model_id
        try:
            with self._asking() as (state, _):
                coverage.require_current(state.counts, state.card.model_id, configured, self._log)
        except ServeError as error:
            if error.status == NOTHING:
                self._log.warning("{}", error.sentence)

    def close(self) -> None:
        """Follow the library no more."""
        self._follower.close()

    def refresh(self) -> None:
        """Wait until every change of the library before this call counts."""
        self._follower.refresh()

    def _read(self, lib: Library) -> LibraryState:
        self._search.vectors.forget()
        snapshot = self._search.query_snapshot(lib, "embedding")
        state = LibraryState(snapshot, SongTable.read(lib, self._plain), self._search, self._log)
        state.prepare(lib, self._before, self._options)
        self._before = state
        return state

    # Songs.

    def similar(
        self,
        seeds: Sequence[int],
        count: int,
        *,
        among: Collection[int] | None = None,
        options: SimilarOptions | None = None,
    ) -> list[Song]:
        """The songs nearest to some items, nearest first.

        Parameters
        ----------
        options : SimilarOptions, optional
            What a request wants in place of `musrec.serve.options`.
        """
        return self._nearest(seeds, (), count, among, options or self._options)

    def blend(
        self, add: Sequence[int], subtract: Sequence[int], count: int, *, among: Collection[int] | None = None
    ) -> list[Song]:
        """The songs nearest to some items and away from others, nearest first."""
        return self._nearest(add, subtract, count, among, self._options)

    def _nearest(
        self,
        seeds: Sequence[int],
        away: Sequence[int],
        count: int,
        among: Collection[int] | None,
        options: SimilarOptions,
    ) -> list[Song]:
        with self._asking() as (state, lib):
            ids = self._embedded(state, lib, seeds)
            plan = state.plan(lib, options)
            part = state.part(lib, plan, among)
            if away:
                plan = _unlike(plan, self._embedded(state, lib, away))
            points = state.points(lib, plan.criteria.space, ids)
            return state.songs.songs(best_songs.nearest(state, lib, plan, points, ids, part, count))

    def sounds(self, words: str, count: int, *, among: Collection[int] | None = None) -> list[Song]:
        """The songs that sound most like some words; `Song.distance` is one minus how well each answers them."""
        with self._asking() as (state, lib):
            _require_embedded(state)
            try:
                wanted = self._search.qualities.request(state.card, words)
            except UserError as error:
                raise ServeError(400, str(error)) from None
            options = replace(_without(self._options, (*ABOUT_SEEDS, "sounds")), space="embedding")
            plan = state.plan(lib, options)
            part = state.part(lib, plan, among)
            return state.songs.songs(best_songs.by_words(state, lib, plan, wanted, part, count))

    def journey(self, start: int, end: int, count: int, *, among: Collection[int] | None = None) -> list[Song]:
        """The songs of a journey between two items, these among them, each with its distance from the one before."""
        if start == end:
            raise ServeError(400, "a journey can't visit the same song twice")
        if count < 2:
            raise ServeError(400, "a journey needs 2 songs or more")
        with self._asking() as (state, lib):
            stops = [*self._embedded(state, lib, [start]), *self._embedded(state, lib, [end])]
            plan = state.plan(lib, _applying(self._options, Use.JOURNEY), Use.JOURNEY)
            criteria, index = plan.criteria, state.index(lib, plan.criteria.space)
            part = state.part(lib, plan, among)
            try:
                path = journey(
                    index, stops, count, metric=criteria.metric,
                    candidates=None if part.rows is None else part.index.ids.tolist(),
                    artists=state.songs.artists_of, max_per_artist=criteria.max_per_artist or None,
                    one_each=None if criteria.duplicates else state.one_each,
                )  # fmt: skip
            except NoJourneyError:
                raise ServeError(404, f"there are not enough songs for a journey of {count}") from None
            return state.songs.songs(zip(path, [0.0, *step_lengths(index, path, criteria.metric)], strict=True))

    # Artists.

    def artists(
        self, items: Sequence[int], count: int, *, among: Collection[int] | None = None, with_matches: bool = False
    ) -> list[ArtistAnswer]:
        """The artists that sound most like those of some items, nearest first.

        Parameters
        ----------
        with_matches : bool
            Whether the songs that are near to each other are wanted, too.
        """
        with self._asking() as (state, lib):
            found = state.artists(lib)
            seeds = list(dict.fromkeys(found.of_song[id_] for id_ in items if id_ in found.of_song))
            if not seeds:
                raise ServeError(404, "there is no such artist")
            own = self._embedded(state, lib, [id_ for seed in seeds for id_ in found.songs[seed]])
            plan = state.plan(lib, _applying(self._options, Use.ARTISTS), Use.ARTISTS)
            search = ArtistSearch(lib, state, plan, state.part(lib, plan, among))
            return search.nearest(seeds, own, count, with_matches=with_matches)

    # The library.

    def matching(self, query: str, count: int) -> list[Song]:
        """The first items that a beets query matches, as `beet ls` orders them; no regular expression is tried."""
        with self._asking() as (state, lib):
            try:
                ids = queries.listed(lib, query)
            except UserError as error:
                raise ServeError(404, str(error)) from None
            return state.songs.songs((id_, None) for id_ in ids[:count])

    def songs(self, ids: Sequence[int]) -> list[Song]:
        """Some items, in that order; those that are gone are left out."""
        return self._follower.current().songs.songs((id_, None) for id_ in ids)

    def holds(self, id_: int) -> bool:
        """Whether the library has an item."""
        return bool(self._follower.current().songs.holds([id_])[0])

    def artist_groups(self) -> Groups:
        """Whose songs are whose."""
        with self._asking() as (state, lib):
            return state.artists(lib)

    @property
    def options(self) -> SimilarOptions:
        """What every answer keeps to: `musrec.serve.options`."""
        return self._options

    @property
    def max_per_artist(self) -> int:
        """How many songs of one artist an answer may have, as configured; 0: any number."""
        return resolved(self._options, self._search.settings, Use.PLAYER).max_per_artist or 0

    def vectors(self, ids: Sequence[int]) -> VectorIndex:
        """The embeddings of those of some items that have one."""
        with self._asking() as (state, lib):
            return some(state.index(lib, "embedding"), ids)

    def recently_played(self, period: str) -> list[int]:
        """The ids of the items that were played within a period such as 30d, or else of the most played ones."""
        with self._asking() as (_, lib):
            return [sql.id_of(item) for item in recent(lib, period, self._log)]

    def words(self) -> list[tuple[str, str, float]]:
        """The words that the model knows: the name, the group, and how good each is, 0.5 to 1."""
        with self._asking() as (state, _):
            words = self._search.qualities.words(state.card)
            return list(zip(words.names, words.groups, words.auc.tolist(), strict=True))

    def status(self) -> dict[str, Any]:
        """What there is to answer from: the songs, those of them that can be found, the model."""
        state = self._follower.current()
        counts = state.counts
        return {
            "songs": counts.items,
            "embedded": counts.current,
            "failed": counts.failed,
            "model": state.card.model_id,
        }

    def _embedded(self, state: LibraryState, lib: Library, ids: Sequence[int]) -> list[int]:
        _require_embedded(state)
        return state.require_songs(ids, lambda some: self._search.advice(lib, some))

    @contextmanager
    def _asking(self) -> Iterator[tuple[LibraryState, Library]]:
        """The state to answer from, and the library itself; what `beet similar` refuses is refused in its words."""
        state = self._follower.current()
        with self._follower.library() as lib:
            try:
                yield state, lib
            except UserError as error:
                raise ServeError(NOTHING, str(error)) from None


def _require_embedded(state: LibraryState) -> None:
    """Raise `UserError` where there is no song to be found."""
    if not state.counts.current:
        raise coverage.nothing_embedded(state.counts, state.card.model_id)


def _unlike(plan: Plan, ids: Sequence[int]) -> Plan:
    """The same, away from some more songs."""
    steering = plan.criteria.steering
    steering = replace(steering, unlike=steering.unlike.union(ids))
    return replace(plan, criteria=replace(plan.criteria, steering=steering))


def _applying(options: SimilarOptions, use: Use) -> SimilarOptions:
    """The options that apply to a mode: a list's are no mistake in a journey."""
    return _without(options, [row.name for row in given(options) if use not in row.applies_to])


def _without(options: SimilarOptions, names: Sequence[str]) -> SimilarOptions:
    defaults = SimilarOptions()
    return replace(options, **{name: getattr(defaults, name) for name in names})
