"""The results of `similar:` and `sounds:` queries, each of which is kept until the library changes."""

from __future__ import annotations

import math
import re
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beets.dbcore.query import InvalidQueryArgumentValueError, InvalidQueryError, PathQuery
from beets.ui import UserError
from confuse import ConfigError

from musrec_core._text import one_line

from ..attributes import fields
from ..library import sql
from ..library.music_dir import in_music_dir
from ..library.vectors import LibraryState, state_of
from .percentages import percentage_of
from .seeds import Seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from beets.dbcore.query import Query
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.search.index import Neighbour

    from ..library.vectors import Snapshot
    from .find import SimilarSearch
    from .nearness import LibraryNearness
    from .search import SongRanker

COUNT = 25
EXPECTED = "SEEDS, SEEDS|COUNT, SEEDS|DISTANCE (with a decimal point: 0.2), SEEDS|PERCENTAGE (99%) or SEEDS|QUERY"
# -3, 0,2, 1e3 and 101%: nobody means a query by that
NUMBER = re.compile(r"[-+]?\d*[.,]?\d*(e[-+]?\d+)?\s*%?", re.IGNORECASE)
MAX_CACHED = 16  # patterns
REFRESH_SHARE = 20  # while songs change one by one, searching anew takes at most one part in so many of the time


class InvalidPatternError(InvalidQueryArgumentValueError):
    """A pattern that says nothing; beets makes one sentence of it."""


@dataclass(frozen=True)
class Pattern:
    """What a pattern asks for."""

    text: str
    wanted: str  # seeds or words
    count: int | None
    within: float | None  # a distance
    closer_than: float | None  # the share of pairs of songs that are farther apart
    candidates: str | None
    seeds: Query | None = None

    def inner(self) -> list[Query]:
        """The queries in it."""
        candidates = None if self.candidates is None else sql.parse(self.candidates)
        return [query for query in (self.seeds, candidates) if query is not None]


def parse(pattern: str, expected: str = EXPECTED) -> Pattern:
    """Read a pattern but for what is wanted; raises `InvalidPatternError`, of which beets makes a sentence.

    Parameters
    ----------
    expected : str
        How a pattern looks.
    """
    text, *rest = (part.strip() for part in pattern.split("|"))
    count, within, closer_than, candidates = None, None, None, None
    for part in rest:
        if part.isdecimal() and count is None:
            count = int(part)
        elif re.fullmatch(r"\d*\.\d+", part) and within is None:
            within = float(part)
        elif closer_than is None and (share := percentage_of(part)) is not None:
            closer_than = share
        elif part and not NUMBER.fullmatch(part) and candidates is None:
            candidates = part
        else:
            raise InvalidPatternError(pattern, expected)
    if not text or count == 0 or (within is not None and closer_than is not None):
        raise InvalidPatternError(pattern, expected)
    if candidates is not None:
        _parsed(candidates, pattern, expected)
    if count is None and within is None and closer_than is None:
        count = COUNT
    return Pattern(pattern, text, count, within, closer_than, candidates)


def _parsed(query: str | list[str], pattern: str, expected: str) -> Query:
    """A query within a pattern; raises `InvalidPatternError`."""
    try:
        return sql.parse(query)
    except InvalidQueryError as error:
        raise InvalidPatternError(pattern, expected, str(error)) from None


@dataclass(frozen=True)
class CachedResult:
    """The distances of the songs that were found, and what they were found in."""

    distances: dict[int, float]
    nearness: fields.Nearness | None
    known: frozenset[int]
    state: LibraryState | None
    keep_until: float  # on the clock of `time.monotonic`


class QueryResults(ABC):
    """Answers patterns, and keeps the answers: path formats and `no_convert` make a query anew for each song.

    Parameters
    ----------
    similar : callable
        The search; raises `UserError` or ``ConfigError`` where there can be none.
    library : callable
        The library that beets opened; None before that.
    last_result : LastResult
        What ``$musrec_distance`` and ``$musrec_nearness`` show.
    log : BeetsLogger
        Gets one line for a pattern that can't be answered.
    """

    name = ""  # of the query

    def __init__(
        self,
        similar: Callable[[], SimilarSearch],
        library: Callable[[], Library | None],
        last_result: fields.LastResult,
        log: BeetsLogger,
    ) -> None:
        self.similar, self.library, self._last_result, self._log = similar, library, last_result, log
        self._cached: dict[str, CachedResult] = {}
        self._told: set[str] = set()  # complaints

    @abstractmethod
    def parse(self, pattern: str) -> Pattern:
        """Read a pattern; raises `InvalidPatternError`, of which beets makes one sentence."""

    @abstractmethod
    def snapshot(self, lib: Library) -> Snapshot:
        """The vectors that patterns are answered from."""

    @abstractmethod
    def ranker(self, lib: Library, pattern: Pattern, snapshot: Snapshot) -> SongRanker | None:
        """What ranks the songs; None where a pattern can't be answered, which is told. Raises `UserError`."""

    def nearness(self, lib: Library, snapshot: Snapshot) -> LibraryNearness | None:
        """What the distances mean; None where they are none between songs."""
        return None

    def show_distances(self, result: CachedResult) -> None:
        """Let ``$musrec_distance`` and ``$musrec_nearness`` tell of these."""
        self._last_result.set(result.distances.items(), result.nearness)

    def matches(
        self, lib: Library, item: Item, pattern: Pattern, old: CachedResult | None
    ) -> tuple[bool, CachedResult]:
        """Whether an item is one of the nearest, and the result that says so; ``old`` is the last one."""
        id_ = item.id or _id_of_file(lib, item)
        if old is not None and time.monotonic() < old.keep_until and not _is_same(state_of(lib), old.state):
            # an import stores song upon song, which smart playlists ask about one by one: whether to look later
            return id_ in old.distances or (id_ not in old.known and bool(item.get(fields.EMBEDDING))), old
        found = self.result(lib, pattern, old)
        if self.library() is None:  # else a format that asks in passing would take the distances of what is listed
            self.show_distances(found)
        return id_ in found.distances, found

    def result(self, lib: Library, pattern: Pattern, old: CachedResult | None) -> CachedResult:
        """The nearest songs: those of the last result, unless the library changed."""
        state = state_of(lib)
        kept = old or self._cached.get(pattern.text)
        if kept is None or not _is_same(state, kept.state):
            with in_music_dir(lib):  # `web` asks in threads of its own
                kept = self._search(lib, pattern, state)
        if len(self._cached) >= MAX_CACHED:
            self._cached.clear()
        self._cached[pattern.text] = kept
        return kept

    def _search(self, lib: Library, pattern: Pattern, state: LibraryState | None) -> CachedResult:
        began = time.monotonic()
        known: frozenset[int] = frozenset()
        found: list[Neighbour] = []
        nearness: LibraryNearness | None = None
        try:
            snapshot = self.snapshot(lib)
            known = frozenset(snapshot.index.ids.tolist())
            if ranker := self.ranker(lib, pattern, snapshot):
                nearness = self.nearness(lib, snapshot)
                within = pattern.within
                if pattern.closer_than is not None and nearness is not None:
                    within = nearness.distance(pattern.closer_than)
                found = _nearest(ranker, pattern.count, within)
        except (UserError, ConfigError) as error:
            self.tell(pattern, str(error))
        now = time.monotonic()
        distances, keep_until = {n.id: n.distance for n in found}, now + REFRESH_SHARE * (now - began)
        return CachedResult(distances, nearness, known, state, keep_until)

    def tell(self, pattern: Pattern, why: str) -> None:
        """Say why nothing matches, once: a smart playlist asks on and on during an import."""
        if (message := f"{self.name}:{one_line(pattern.text)} matches nothing: {why}") not in self._told:
            self._told.add(message)
            self._log.warning("{}", message)


class SimilarResults(QueryResults):
    """Answers `similar:`: the nearest songs to seeds."""

    name = "similar"

    def parse(self, pattern: str) -> Pattern:
        """Read a pattern; raises `InvalidPatternError`, of which beets makes one sentence."""
        found = parse(pattern)
        # without a field's name it is a phrase, as a word in quotes is on the command line
        return replace(found, seeds=_parsed(found.wanted if ":" in found.wanted else [found.wanted], pattern, EXPECTED))

    def snapshot(self, lib: Library) -> Snapshot:
        """The vectors of the configured space."""
        return self.similar().query_snapshot(lib)

    def nearness(self, lib: Library, snapshot: Snapshot) -> LibraryNearness:
        """What the distances between songs mean in this library."""
        return self.similar().query_nearness(lib, snapshot)

    def ranker(self, lib: Library, pattern: Pattern, snapshot: Snapshot) -> SongRanker | None:
        """What ranks the songs by their nearness to the seeds."""
        seeds = self._seeds(lib, pattern, snapshot)
        return self.similar().query_ranker(lib, snapshot, seeds, pattern.candidates) if seeds else None

    def _seeds(self, lib: Library, pattern: Pattern, snapshot: Snapshot) -> Seeds | None:
        try:
            return self._embedded(lib, sql.matching_ids(lib, pattern.seeds) if pattern.seeds else [], snapshot)
        except UserError as error:
            self.tell(pattern, str(error))
        return None

    def _embedded(self, lib: Library, named: Sequence[int], snapshot: Snapshot) -> Seeds:
        """Some songs as seeds; raises `UserError` where none of them has an embedding."""
        known = set(snapshot.index.ids.tolist())
        if embedded := [id_ for id_ in named if id_ in known]:
            return Seeds(list(sql.items_of(lib, embedded)), [])
        if not named:
            raise UserError("there is no such song")
        model_id = snapshot.card.model_id
        if set(sql.attributes(lib, named, fields.MODEL).values()) - {model_id}:
            raise UserError(f"its songs are not embedded with {model_id}, as most are: run `beet embed`")
        raise UserError(f"its songs are not embedded: {self.similar().advice(lib, named)}")

    def nearest(self, lib: Library, ids: Sequence[int], count: int) -> list[Neighbour]:
        """The songs nearest to some, as a query lists them, nearest first; raises `UserError` where none can be."""
        snapshot = self.snapshot(lib)
        return self.similar().query_ranker(lib, snapshot, self._embedded(lib, ids, snapshot), None)(count)


def _nearest(ranker: SongRanker, most: int | None, within: float | None) -> list[Neighbour]:
    """As many songs as a pattern asks for, or all within its distance.

    With weights or the correction of hubs, songs are not ranked by distance: the end is where of many none is near.
    """
    if within is None:
        return ranker(most or COUNT)
    count, before = max(most or 0, 4 * COUNT), 0
    while True:
        found = ranker(count)
        near = [neighbour for neighbour in found if neighbour.distance <= within]
        new = [neighbour.distance for neighbour in found[before:]]
        is_over = min(new, default=math.inf) > within if new != sorted(new) else not new or new[-1] > within
        if len(found) < count or is_over or (most is not None and len(near) >= most):
            return near[:most]
        before, count = count, count * 4


def _is_same(now: LibraryState | None, then: LibraryState | None) -> bool:
    return now is not None and then is not None and then.is_same(now)


def _id_of_file(lib: Library, item: Item) -> int | None:
    """The id of the song whose file this is: while beets imports a song once more, it carries none."""
    if not item.path:
        return None
    return next((known.id for known in lib.items(PathQuery("path", item.path)) if known.path == item.path), None)
