"""Which songs come next: the request that what was heard makes, answered as `beet similar` answers it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from beets.ui import UserError

from ..attributes.fields import is_current
from ..library import recordings, sql
from ..similar import search, seeds
from ..similar.option import Use
from ..similar.options import BY_NAME, SimilarOptions
from ..similar.recent import LAST_PLAYED, TOMORROW
from ..similar.request import Request
from .song_lookup import named

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from ..similar.find import SimilarSearch

APART = 3  # songs between two of one artist, where there are enough other ones
POOL = 10  # songs more than are wanted, each of another artist, from which those are taken
JOURNEY = 10  # songs, both ends included
MOST_STARTED = 100  # songs that `--start` appends


@dataclass(frozen=True)
class Wish:
    """What to go by, as ids of items."""

    seeds: Sequence[int]  # that the songs should be like
    against: Sequence[int] = ()  # and not like these
    unwanted: Collection[int] = ()  # nor of these recordings
    absent: Collection[int] = ()  # files that the player does not know: another copy may come


class Chooser:
    """Chooses songs.

    Parameters
    ----------
    find : SimilarSearch
    options : SimilarOptions
        Of `musrec.radio.options`.
    period : float
        For how long a song is not repeated [s]: also by the time at which mpdstats saw it.
    log : BeetsLogger
    """

    def __init__(self, find: SimilarSearch, options: SimilarOptions, period: float, log: BeetsLogger) -> None:
        self._find, self._options, self._period, self._log = find, options, period, log

    def nearest(self, lib: Library, wish: Wish, count: int) -> list[Item]:
        """Songs to choose ``count`` from, the best first; raises `UserError`."""
        items = self._embedded(lib, wish.seeds)
        if not items:
            raise UserError("no song to go by is embedded: run `beet embed`, or play one that is")
        against = [f"id:{item.id}" for item in self._embedded(lib, wish.against)]
        given = self._options.max_per_artist
        options = replace(
            self._options,
            count=POOL + count,
            order="nearest",
            max_per_artist=1 if given is None else given,
            unlike=(*self._options.unlike, *against),
        )
        return self._find.find(lib, self._request(lib, options, wish, items=items)).songs

    def _request(
        self, lib: Library, options: SimilarOptions, wish: Wish, *, items: list[Item] | None = None, first: int = 0
    ) -> Request:
        among = None
        if wish.absent:
            among = set(self._find.query_snapshot(lib, options.space).index.ids.tolist()).difference(wish.absent)
        unwanted = frozenset({*wish.unwanted, *self._played_elsewhere(lib)})
        args = [f"id:{first}"] if first else []
        return Request(options, args, items=items, among=among, unwanted=unwanted)

    def _played_elsewhere(self, lib: Library) -> set[int]:
        """What mpdstats, or another plugin, has seen played within the period."""
        now = time.time()
        played = sql.numeric_attribute(lib, LAST_PLAYED)
        return {id_ for id_, at in played.items() if now - self._period <= at <= now + TOMORROW}

    def _embedded(self, lib: Library, ids: Iterable[int]) -> list[Item]:
        """Those of some items that have an embedding: the radio embeds nothing, and writes nothing to the library."""
        model_id = self._find.card(lib).model_id
        return [item for item in sql.items_of(lib, ids) if is_current(item, model_id)]

    def matching(self, lib: Library, query: str) -> list[Item]:
        """The songs with which `--start` begins, each recording once; raises `UserError` where there are none."""
        items = seeds.matching(lib, sql.words(query))
        ids = recordings.RecordingLookup(lib, self._find.card(lib)).one_each([sql.id_of(item) for item in items], ())
        if len(ids) > MOST_STARTED:
            self._log.warning("{} songs match --start: beginning with the first {}", len(ids), MOST_STARTED)
        return [item for item in items if item.id in set(ids[:MOST_STARTED])]

    def journey(self, lib: Library, start: int, query: str, wish: Wish) -> list[Item]:
        """The songs that lead from one, which is not among them, to the first that a query matches.

        Raises
        ------
        UserError
            There is no such song, or one of the two is not embedded.
        """
        matching = seeds.matching(lib, sql.words(query))
        end = matching[0]
        if len(matching) > 1:
            self._log.info("{} songs match --to: taking {}", len(matching), named(end))
        stops = list(sql.items_of(lib, [start, sql.id_of(end)]))
        if end.id == start:
            raise UserError(f"--to: the queue ends with {named(end)} already")
        embedded = {item.id for item in self._embedded(lib, [start, sql.id_of(end)])}
        if missing := [item for item in stops if item.id not in embedded]:
            raise UserError(f"no journey: {named(missing[0])} is not embedded: run `beet embed`")
        wish = replace(wish, unwanted=set(wish.unwanted) - {start, sql.id_of(end)})
        options = replace(_for_journey(self._options), to=(f"id:{end.id}",))
        for count in range(JOURNEY, 2, -1):
            try:
                request = self._request(lib, replace(options, count=count), wish, first=start)
                return self._find.find(lib, request).songs[1:]
            except UserError as error:  # a small library has not so many
                self._log.debug("a journey of {}: {}", count, error)
        return [end]


def _for_journey(options: SimilarOptions) -> SimilarOptions:
    """What of some options a journey can have."""
    given = {each.name: getattr(options, each.name) for each in fields(options)}
    return SimilarOptions(**{name: value for name, value in given.items() if Use.JOURNEY in BY_NAME[name].applies_to})


class Spacing:
    """Takes songs of a list one by one, no artist twice within `APART` songs where there is another one.

    Parameters
    ----------
    lib : Library
    latest : sequence of int
        The items that play before, the last one last.
    """

    def __init__(self, lib: Library, latest: Sequence[int]) -> None:
        self._lib = lib
        self._latest = self._artists(latest[-APART:])

    def next(self, items: Sequence[Item]) -> Item:
        """The first song of those whose artist was heard longest ago; one without an artist is like no other."""
        artists = self._artists([sql.id_of(item) for item in items])
        ago = [self._songs_ago(artist) for artist in artists]
        return items[ago.index(max(ago))]

    def taken(self, item: Item) -> None:
        """Note that a song comes next."""
        self._latest += self._artists([sql.id_of(item)])

    def _songs_ago(self, artist: str | None) -> int:
        latest = self._latest[-APART:][::-1]
        return latest.index(artist) if artist is not None and artist in latest else APART

    def _artists(self, ids: Sequence[int]) -> list[str | None]:
        names = search.artists(self._lib, ids)
        return [names.get(id_) for id_ in ids]
