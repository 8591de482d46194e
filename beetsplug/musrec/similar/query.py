"""``similar:SEEDS|COUNT|DISTANCE|QUERY``: the nearest songs, as a query wherever beets takes one."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from beets.dbcore.query import FieldQuery, InvalidQueryArgumentValueError, InvalidQueryError, MatchQuery, PathQuery
from beets.library import Album, Item
from beets.ui import UserError
from confuse import ConfigError

from musrec_core._text import one_line

from ..attributes import fields
from ..embedding import embedder
from ..library import sql, vectors
from . import search
from .seeds import Seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beets.dbcore import Model
    from beets.dbcore.query import Query
    from beets.library import Library

    from musrec_core.search.index import Neighbour

    from .. import MusrecPlugin

COUNT = 25
EXPECTED = "SEEDS, SEEDS|COUNT, SEEDS|DISTANCE (with a decimal point: 0.2) or SEEDS|QUERY"
NUMBER = re.compile(r"[-+]?\d*[.,]?\d*(e[-+]?\d+)?", re.IGNORECASE)  # -3, 0,2 and 1e3: nobody means a query by that
PATTERNS = 16  # whose answers are kept
SHARE = 20  # a song that changed is looked at anew at most for one part in so many of the time


@dataclass(frozen=True)
class Pattern:
    """What a pattern asks."""

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
    return Pattern(found, count or (None if within is not None else COUNT), within, candidates)


@dataclass(frozen=True)
class CachedResult:
    """The distances of the songs that were found, and what they were found in."""

    distances: dict[int, float]
    known: frozenset[int]
    state: Any
    keep_until: float  # on the clock of `time.monotonic`


class SimilarQuery(FieldQuery[str]):
    """Matches the songs nearest to its seeds. The answer is made when it is needed, and anew if the library changed.

    What can't be answered (no such seed, nothing embedded) matches nothing and is one line in the log: a smart playlist
    must not stop an import.
    """

    plugin: ClassVar[MusrecPlugin]
    answers: ClassVar[dict[str, CachedResult]]  # of patterns: path formats make a query anew for each song
    told: ClassVar[set[str]]  # complaints

    def __init__(self, field_name: str, pattern: str, fast: bool = True) -> None:
        super().__init__(field_name, pattern, fast)
        self._question = parse(pattern)
        self._answer: CachedResult | None = None

    @classmethod
    def of(cls, plugin: MusrecPlugin) -> type[SimilarQuery]:
        """The query class that beets gets."""
        return type(cls.__name__, (cls,), {"plugin": plugin, "answers": {}, "told": set()})

    def clause(self) -> tuple[str | None, Sequence[Any]]:
        if self.plugin.library is None:  # not opened by beets' program: `match` knows it from the song
            return None, ()
        self.plugin.distances = self._distances(self.plugin.library)
        return self._where(",".join(map(str, self.plugin.distances))), ()

    def _where(self, ids: str) -> str:
        return f"items.id IN ({ids})"

    def match(self, obj: Model) -> bool:
        """Whether a song is one of the nearest, or an album holds one of them.

        Plugins match songs with an album's query (ihate), and songs that are not in the library yet.
        """
        lib = obj._db or self.plugin.library
        if lib is None:
            return False
        if isinstance(obj, Album):
            songs = lib.items(MatchQuery("album_id", obj.id)) if obj.id else ()
            return any(self._matches(lib, item) for item in songs)
        return isinstance(obj, Item) and self._matches(lib, obj)

    def _matches(self, lib: Library, item: Item) -> bool:
        id_ = item.id or _id_of_file(lib, item)
        old = self._answer
        if old is not None and time.monotonic() < old.keep_until and vectors.state_of(lib) != old.state:
            # an import stores song upon song, which smart playlists ask about one by one: whether to look later
            return id_ in old.distances or (id_ not in old.known and bool(item.get(fields.EMBEDDING)))
        found = self._distances(lib)
        if self.plugin.library is None:  # else a format that asks in passing would take the distances of what is listed
            self.plugin.distances = found
        return id_ in found

    def _distances(self, lib: Library) -> dict[int, float]:
        state = vectors.state_of(lib)
        kept = self._answer or self.answers.get(self.pattern)
        if kept is None or state is None or state != kept.state:
            kept = self._answered(lib, state)
        if len(self.answers) >= PATTERNS:
            self.answers.clear()
        self._answer = self.answers[self.pattern] = kept
        return self._answer.distances

    def _answered(self, lib: Library, state: Any) -> CachedResult:
        began = time.monotonic()
        known: frozenset[int] = frozenset()
        found: list[Neighbour] = []
        try:
            library = vectors.load(self.plugin, lib, self.plugin.space)
            known = frozenset(library.index.ids.tolist())
            if start := self._seeds(lib, known):
                found = self._nearest(lib, library, start)
        except (UserError, ConfigError) as error:
            self._tell(str(error))
        now = time.monotonic()
        return CachedResult({n.id: n.distance for n in found}, known, state, now + SHARE * (now - began))

    def _seeds(self, lib: Library, known: frozenset[int]) -> Seeds | None:
        named = sql.matching_ids(lib, self._question.seeds)
        embedded = [id_ for id_ in named if id_ in known]
        if embedded:
            return Seeds(list(sql.items_of(lib, embedded)), [])
        advice = embedder.advice(self.plugin, lib, named) if named else ""
        self._tell(f"its songs are not embedded: {advice}" if named else "there is no such song")
        return None

    def _tell(self, why: str) -> None:
        """Say why nothing matches, once: a smart playlist asks on and on during an import."""
        if (message := f"similar:{one_line(self.pattern)} matches nothing: {why}") not in self.told:
            self.told.add(message)
            self.plugin._log.warning("{}", message)

    def _nearest(self, lib: Library, library: vectors.Snapshot, start: Seeds) -> list[Neighbour]:
        wanted = self.plugin.wanted(lib, candidates=self._question.candidates)
        find = search.make_ranker(self.plugin, lib, library, start, wanted)
        count, within = self._question.count, self._question.within
        if within is None:
            return find(count or COUNT)
        wide = count or 4 * COUNT
        found = find(wide)
        while count is None and len(found) == wide and found[-1].distance <= within:
            wide *= 4
            found = find(wide)
        return [neighbour for neighbour in found if neighbour.distance <= within]


class SimilarAlbumQuery(SimilarQuery):
    """Matches the albums that hold one of the nearest songs."""

    def _where(self, ids: str) -> str:
        return f"albums.id IN (SELECT album_id FROM items WHERE id IN ({ids}))"


def _id_of_file(lib: Library, item: Item) -> int | None:
    """The id of the song whose file this is: while beets imports a song once more, it carries none."""
    if not item.path:
        return None
    return next((known.id for known in lib.items(PathQuery("path", item.path)) if known.path == item.path), None)


def item_queries(plugin: MusrecPlugin) -> dict[str, type[SimilarQuery]]:
    """What `BeetsPlugin.item_queries` wants."""
    return {"similar": SimilarQuery.of(plugin)}


def album_queries(plugin: MusrecPlugin) -> dict[str, type[SimilarQuery]]:
    """What `BeetsPlugin.album_queries` wants."""
    return {"similar": SimilarAlbumQuery.of(plugin)}
