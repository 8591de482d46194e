"""A library as it was at one moment, ready to answer: vectors, songs, and what the options mean there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from beets.ui import UserError

from musrec_core.search import sets
from musrec_core.search.hubness import MutualIndex
from musrec_core.search.index import Neighbour
from musrec_core.search.joined import JoinedIndex
from musrec_core.search.recordings import Recordings
from musrec_core.search.rows import RowFilter, Rows, cap_rows, reject_rows

from ..library import sql
from ..similar import groups, steering
from ..similar.arguments import resolved
from ..similar.criteria import Criteria, criteria_from
from ..similar.nearness import LibraryNearness
from ..similar.option import Use
from .errors import ServeError
from .plans import Copies, Part, Plan, Vectors, moment
from .song_table import SongTable

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.search.index import VectorIndex
    from musrec_core.words.request import WordRequest

    from ..config import Space
    from ..library.vectors import Snapshot
    from ..similar.find import SimilarSearch
    from ..similar.options import SimilarOptions

ValueT = TypeVar("ValueT")
MAX_KEPT = 16  # of each kind

MAX_PARTS = 3  # of a library: each may weigh as much as all its vectors


class LibraryState:
    """What was read of a library; many threads ask it at once, and nothing of it changes.

    What takes long and is the same for many requests is made once, when it is first needed.

    Parameters
    ----------
    snapshot : Snapshot
        The embeddings.
    songs : SongTable
    search : SimilarSearch
    log : BeetsLogger
    """

    def __init__(self, snapshot: Snapshot, songs: SongTable, search: SimilarSearch, log: BeetsLogger) -> None:
        self.card, self.counts, self.songs = snapshot.card, snapshot.counts, songs
        self._search, self._log = search, log
        self._lock = threading.RLock()
        self.turn = threading.Lock()  # many at once would only take the interpreter from each other
        self._kept: dict[str, dict[Any, Any]] = {}
        self._embeddings = self._indexed(snapshot)
        self._row_of = {id_: row for row, id_ in enumerate(self._embeddings.ids.tolist())}
        self._recordings = Recordings(Copies(songs), Vectors(self._embeddings, self._row_of))
        self._unwanted: dict[int, bool] = {}  # by an exclude that SQL can't tell

    def _indexed(self, snapshot: Snapshot) -> JoinedIndex:
        index = JoinedIndex.projected(snapshot.index)
        known = self.songs.holds(index.ids)  # a song may have gone between two statements
        return index if known.all() else index.at(np.flatnonzero(known))

    # What is the same for many requests.

    def index(self, lib: Library, space: Space) -> JoinedIndex:
        """The vectors of a space."""
        if space == "embedding":
            return self._embeddings
        return self._once("space", space, lambda: self._indexed(self._search.vectors.get(lib, space, self.card)))

    def plan(self, lib: Library, options: SimilarOptions, use: Use = Use.PLAYER) -> Plan:
        """What options mean; raises `UserError`."""
        now = moment(options.candidates, *options.unlike, self._search.exclude)
        return self._once("plan", (options, use, now), lambda: self._planned(lib, options, use))

    def prepare(self, lib: Library, before: LibraryState | None, options: SimilarOptions) -> None:
        """Make at once what requests wanted of the state before, and what they will want by some options."""
        kept = before._kept if before is not None else {}
        wanted = {id(plan): (asked, use) for (asked, use, _), plan in [*kept.get("plan", {}).items()]}
        parts = [(wanted[plan], among) for _, plan, among in [*kept.get("part", {})] if plan in wanted]
        if "artists" in kept:
            self.artists(lib)
        for (asked, use), among in dict.fromkeys([((options, Use.PLAYER), None), *parts]):
            try:
                self.part(lib, self.plan(lib, asked, use), among)
            except UserError as error:  # which requests are told
                self._log.debug("{}", error)

    def _planned(self, lib: Library, options: SimilarOptions, use: Use) -> Plan:
        wanted = resolved(options, self._search.settings, use)
        criteria = criteria_from(self.card, lib, wanted, self._search.qualities, exclude=self._search.exclude)
        index = self.index(lib, criteria.space)
        lean = steering.leaning(
            criteria.steering, lib, index, card=self.card, qualities=self._search.qualities, log=self._log
        )
        out = None
        self._unwanted = {}  # dates relative to now may have moved on
        if use is not Use.PLAYER or criteria.exclude is None or criteria.exclude.clause()[0]:
            out = np.array([] if criteria.exclude is None else sql.matching_ids(lib, criteria.exclude), np.int64)
        return Plan(criteria, out, lean, wanted.closer_than, criteria.hub_correction and use is Use.PLAYER)

    def part(self, lib: Library, plan: Plan, among: Collection[int] | None) -> Part:
        """The songs that may be found; a frozenset as ``among`` is looked at once."""
        wanted = among if among is None or isinstance(among, frozenset) else frozenset(among)
        key = plan.criteria.space, id(plan), wanted
        return self._once("part", key, lambda: (plan, self._part(lib, plan, wanted)))[1]

    def _part(self, lib: Library, plan: Plan, among: frozenset[int] | None) -> Part:
        index = self.index(lib, plan.criteria.space)
        allowed = np.ones(len(index), np.bool_)
        for ids in (among, plan.criteria.candidates):
            if ids is not None:
                allowed &= np.isin(index.ids, np.fromiter(ids, np.int64))
        if plan.out is not None and not plan.ranks_excluded:
            allowed &= ~np.isin(index.ids, plan.out)
        rows = None if allowed.all() else np.flatnonzero(allowed)
        key = plan.criteria.space, allowed.tobytes()  # other options may allow the same songs, which weigh much
        return self._once("songs", key, lambda: Part.of(index, self.songs, rows), most=MAX_PARTS)

    def mutual(self, lib: Library, criteria: Criteria, part: Part) -> MutualIndex:
        """What ranks a part by mutual proximity."""
        index, key = self.index(lib, criteria.space), (criteria.space, criteria.metric)
        whole = self._once("mutual", key, lambda: MutualIndex(index, metric=criteria.metric))
        if part.rows is None:
            return whole
        return self._once("mutual part", id(part), lambda: (part, whole.among(part.index.ids.tolist())))[1]

    def nearness(self, lib: Library, criteria: Criteria) -> LibraryNearness:
        """What distances mean."""
        key = criteria.space, criteria.metric
        index = self.index(lib, criteria.space)
        return self._once("nearness", key, lambda: LibraryNearness(lib, index, criteria.metric))

    def artists(self, lib: Library) -> groups.Groups:
        """Whose songs are whose."""
        return self._once("artists", None, lambda: groups.by_artist(lib))

    def artist_means(self, lib: Library, part: Part, criteria: Criteria) -> VectorIndex:
        """The mean of each artist's songs in a part, under the artist's number."""

        def means() -> tuple[Part, VectorIndex]:
            of_song = self.artists(lib).of_song
            numbers = np.array([of_song.get(id_, sets.NONE) for id_ in part.index.ids.tolist()], np.int64)
            return part, sets.means(part.index, numbers, metric=criteria.metric)

        return self._once("means", (id(part), criteria.metric), means)[1]

    def scores(self, wanted: WordRequest) -> NDArray[np.float32]:
        """How well each song answers a request for words, as the embeddings are ordered [shape=(n,)]."""
        words = self._search.qualities.words(self.card)
        return self._once("scores", wanted.text, lambda: wanted.scores(words, self._embeddings.vectors))

    def _once(self, kind: str, key: Hashable, make: Callable[[], ValueT], *, most: int = MAX_KEPT) -> ValueT:
        """What was made before, or is made now: by one thread, for which others wait."""
        found = self._kept.get(kind, {}).get(key)
        if found is None:
            with self._lock:
                kept = self._kept.setdefault(kind, {})
                if (found := kept.get(key)) is None:
                    found = make()
                    if len(kept) >= most:
                        del kept[next(iter(kept))]
                    kept[key] = found
        return found

    # Songs.

    def filters(self, lib: Library, plan: Plan, part: Part, own: Collection[int]) -> list[RowFilter]:
        """What may not be found: excluded songs that are in the part, copies, too many of an artist or an album."""
        filters: list[RowFilter] = []
        ids, criteria = part.index.ids, plan.criteria
        if plan.out is None:
            filters.append(lambda rows: rows[~np.isin(ids[rows], self.excluded(lib, plan, ids[rows].tolist()))])
        elif plan.ranks_excluded and len(plan.out):
            filters.append(reject_rows(ids, plan.out))
        if not criteria.duplicates:
            filters.append(lambda rows: self._one_each(part, rows, own))
        limits = [(part.artists, criteria.max_per_artist), (part.albums, criteria.max_per_album)]
        if limits := [limit for limit in limits if limit[1]]:
            filters.append(cap_rows(*limits))
        return filters

    def excluded(self, lib: Library, plan: Plan, ids: Sequence[int]) -> list[int]:
        """Which of some songs `musrec.exclude` leaves out, where SQL can't tell."""
        assert plan.criteria.exclude is not None
        if new := [id_ for id_ in ids if id_ not in self._unwanted]:
            out = set(sql.matching_ids(lib, plan.criteria.exclude, among=new))
            self._unwanted.update((id_, id_ in out) for id_ in new)
        return [id_ for id_ in ids if self._unwanted[id_]]

    def _one_each(self, part: Part, rows: Rows, own: Collection[int]) -> Rows:
        """One song a recording, the best copy, and none of the recordings of ``own``."""
        doubtful = np.flatnonzero(part.twins[rows])
        if not len(doubtful):
            return rows
        ids = part.index.ids[rows[doubtful]]
        kept = self.one_each(ids.tolist(), own)
        return np.delete(rows, doubtful[~np.isin(ids, kept)])

    def one_each(self, ids: Sequence[int], others: Collection[int]) -> list[int]:
        """One of some songs for each recording, the best copy, and none of the recordings of others."""
        some = [Neighbour(id_, 0.0) for id_ in ids]
        return [neighbour.id for neighbour in self._recordings.collapse(some, others)]

    def require_songs(self, ids: Sequence[int], advice: Callable[[Sequence[int]], str]) -> list[int]:
        """Those of some items that have an embedding of the model in use; raises `ServeError` where there are none."""
        known = [id_ for id_, is_known in zip(ids, self.songs.holds(ids).tolist(), strict=True) if is_known]
        if not known:
            raise ServeError(404, "there is no such song")
        embedded = [id_ for id_ in dict.fromkeys(known) if id_ in self._row_of]
        if not embedded:
            raise ServeError(409, f"the song has no embedding of the model in use: {advice(known)}")
        return embedded

    def advice(self, lib: Library, ids: Iterable[int]) -> str:
        """What to do about songs without an embedding."""
        return self._search.advice(lib, ids)

    def points(self, lib: Library, space: Space, ids: Sequence[int]) -> NDArray[np.float32]:
        """The vectors of some songs [shape=(m, d)]."""
        index = self.index(lib, space)
        if index is self._embeddings:
            return self._embeddings.vectors[[self._row_of[id_] for id_ in ids]]
        return index.vectors_of(ids)
