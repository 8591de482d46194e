"""The results of `similar:` queries: patterns are parsed, and each result is kept until the library changes."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets.dbcore.query import InvalidQueryArgumentValueError, InvalidQueryError, PathQuery
from beets.ui import UserError
from confuse import ConfigError

from musrec_core._text import one_line

from ..attributes import fields
from ..library import sql
from ..library.vectors import LibraryState, state_of
from .seeds import Seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from beets.dbcore.query import Query
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.search.index import Neighbour

    from ..library.vectors import Snapshot
    from .find import SimilarSearch
    from .search import SongRanker

COUNT = 25
EXPECTED = "SEEDS, SEEDS|COUNT, SEEDS|DISTANCE (with a decimal point: 0.2) or SEEDS|QUERY"
NUMBER = re.compile(r"[-+]?\d*[.,]?\d*(e[-+]?\d+)?", re.IGNORECASE)  # -3, 0,2 and 1e3: nobody means a query by that
MAX_CACHED = 16  # patterns
REFRESH_SHARE = 20  # while songs change one by one, searching anew takes at most one part in so many of the time


@dataclass(frozen=True)
class Pattern:
    """What a pattern asks for."""

    text: str
    seeds: Query
    count: int | None
    within: float | None
    candidates: str | None


def parse(pattern: str) -> Pattern:
    """Read a pattern; raises `InvalidQueryArgumentValueError`, of which beets makes one sentence."""
    text, *rest = (part.strip() for part in pattern.split("|"))
    count, within, candidates = None, None, None
    for part in rest:
        if part.isdecimal() and count is None:
            count = int(part)
        elif re.fullmatch(r"\d*\.\d+", part) and within is None:
            within = float(part)
        elif part and not NUMBER.fullmatch(part) and candidates is None:
            candidates = part
        else:
            raise InvalidQueryArgumentValueError(pattern, EXPECTED)
    if not text or count == 0:
        raise InvalidQueryArgumentValueError(pattern, EXPECTED)
    # without a field's name it is a phrase, as a word in quotes is on the command line
    try:
        found = sql.parse(text if ":" in text else [text])
    except InvalidQueryError as error:
        raise InvalidQueryArgumentValueError(pattern, EXPECTED, str(error)) from None
    return Pattern(pattern, found, count or (None if within is not None else COUNT), within, candidates)


@dataclass(frozen=True)
class CachedResult:
    """The distances of the songs that were found, and what they were found in."""

    distances: dict[int, float]
    known: frozenset[int]
    state: LibraryState | None
    keep_until: float  # on the clock of `time.monotonic`


class QueryResults:
    """Answers patterns, and keeps the answers: path formats and `no_convert` make a query anew for each song.

    Parameters
    ----------
    similar : callable
        The search; raises `UserError` or ``ConfigError`` where there can be none.
    library : callable
        The library that beets opened; None before that.
    last_result : LastResult
        What ``$musrec_distance`` shows.
    log : BeetsLogger
        Gets one line for a pattern that can't be answered.
    """

    def __init__(
        self,
        similar: Callable[[], SimilarSearch],
        library: Callable[[], Library | None],
        last_result: fields.LastResult,
        log: BeetsLogger,
    ) -> None:
        self._similar, self.library, self._last_result, self._log = similar, library, last_result, log
        self._cached: dict[str, CachedResult] = {}
        self._told: set[str] = set()  # complaints

    def parse(self, pattern: str) -> Pattern:
        """Read a pattern; raises `InvalidQueryArgumentValueError`, of which beets makes one sentence."""
        return parse(pattern)

    def show_distances(self, result: CachedResult) -> None:
        """Let ``$musrec_distance`` show these."""
        self._last_result.set(result.distances.items())

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
            kept = self._search(lib, pattern, state)
        if len(self._cached) >= MAX_CACHED:
            self._cached.clear()
        self._cached[pattern.text] = kept
        return kept

    def _search(self, lib: Library, pattern: Pattern, state: LibraryState | None) -> CachedResult:
        began = time.monotonic()
        known: frozenset[int] = frozenset()
        found: list[Neighbour] = []
        try:
            similar = self._similar()
            snapshot = similar.query_snapshot(lib)
            known = frozenset(snapshot.index.ids.tolist())
            if seeds := self._seeds(lib, pattern, snapshot, known, similar):
                found = _nearest(similar.query_ranker(lib, snapshot, seeds, pattern.candidates), pattern)
        except (UserError, ConfigError) as error:
            self._tell(pattern, str(error))
        now = time.monotonic()
        return CachedResult({n.id: n.distance for n in found}, known, state, now + REFRESH_SHARE * (now - began))

    def _seeds(
        self, lib: Library, pattern: Pattern, snapshot: Snapshot, known: frozenset[int], similar: SimilarSearch
    ) -> Seeds | None:
        named = sql.matching_ids(lib, pattern.seeds)
        embedded = [id_ for id_ in named if id_ in known]
        if embedded:
            return Seeds(list(sql.items_of(lib, embedded)), [])
        model_id = snapshot.card.model_id
        if not named:
            why = "there is no such song"
        elif set(sql.attributes(lib, named, fields.MODEL).values()) - {model_id}:
            why = f"its songs are not embedded with {model_id}, as most are: run `beet embed`"
        else:
            why = f"its songs are not embedded: {similar.advice(lib, named)}"
        self._tell(pattern, why)
        return None

    def _tell(self, pattern: Pattern, why: str) -> None:
        """Say why nothing matches, once: a smart playlist asks on and on during an import."""
        if (message := f"similar:{one_line(pattern.text)} matches nothing: {why}") not in self._told:
            self._told.add(message)
            self._log.warning("{}", message)


def _nearest(ranker: SongRanker, pattern: Pattern) -> list[Neighbour]:
    """As many songs as a pattern asks for, or all within its distance."""
    if pattern.within is None:
        return ranker(pattern.count or COUNT)
    count = pattern.count or 4 * COUNT
    found = ranker(count)
    while pattern.count is None and len(found) == count and found[-1].distance <= pattern.within:
        count *= 4
        found = ranker(count)
    return [neighbour for neighbour in found if neighbour.distance <= pattern.within]


def _is_same(now: LibraryState | None, then: LibraryState | None) -> bool:
    return now is not None and then is not None and then.is_same(now)


def _id_of_file(lib: Library, item: Item) -> int | None:
    """The id of the song whose file this is: while beets imports a song once more, it carries none."""
    if not item.path:
        return None
    return next((known.id for known in lib.items(PathQuery("path", item.path)) if known.path == item.path), None)
