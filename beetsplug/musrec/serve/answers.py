"""What a library answers to a server's requests: read only, for many threads at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import beets.logging
from beets.dbcore.query import InvalidQueryError
from beets.ui import UserError

from musrec_core.search.ranking import nearest

from ..attributes import fields
from ..library import coverage, sql
from ..similar import artists, groups
from ..similar.arguments import resolved
from ..similar.criteria import criteria_from
from ..similar.option import Use
from ..similar.options import OPTIONS, SimilarOptions, given
from ..similar.recent import recent
from ..similar.request import Request
from ..similar.words_alone import ABOUT_SEEDS
from .errors import ServeError

if TYPE_CHECKING:
    from beets.library import Item, Library

    from musrec_core.search.index import VectorIndex

    from ..similar.find import SimilarSearch
    from ..similar.request import Result

LOG = beets.logging.getLogger("beets.musrec")
SONGS_OF_A_MATCH = 3  # of an artist that sounds like another, and of that other one


@dataclass(frozen=True)
class Song:
    """A song of an answer."""

    id: int  # of the item
    title: str
    artist: str
    album: str
    length: float  # [s]
    distance: float | None = None  # from the seeds; None where it is not one of those that were found


@dataclass(frozen=True)
class ArtistAnswer:
    """An artist that sounds like another."""

    name: str
    distance: float
    songs: list[Song]  # some that are nearest to the artist asked for
    seed_songs: list[Song]  # those of the artist asked for that they are near to


class Answers:
    """Answers from a library. Nothing is embedded or stored here.

    Each method raises `ServeError` for what can't be answered: 404 where a song is none of the library, 409 where it
    has no embedding, 400 for a mistake in the request.

    Parameters
    ----------
    lib : Library
    search : SimilarSearch
    options : SimilarOptions
        Of `musrec.serve.options`: what every answer keeps to.
    """

    def __init__(self, lib: Library, search: SimilarSearch, options: SimilarOptions) -> None:
        self._lib, self._search, self._options = lib, search, options

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
        among : collection of int, optional
            The items that may be found; None: all.
        options : SimilarOptions, optional
            What a request wants in place of `musrec.serve.options`.
        """
        items = self._embedded(seeds)
        return self._found(Request(replace(options or self._options, count=count), items=items, among=among))

    def blend(
        self, add: Sequence[int], subtract: Sequence[int], count: int, *, among: Collection[int] | None = None
    ) -> list[Song]:
        """The songs nearest to some items and away from others, nearest first."""
        items = self._embedded(add)
        away = tuple(f"id:{sql.id_of(item)}" for item in self._embedded(subtract)) if subtract else ()
        options = replace(self._options, count=count, unlike=(*self._options.unlike, *away))
        return self._found(Request(options, items=items, among=among))

    def sounds(self, words: str, count: int, *, among: Collection[int] | None = None) -> list[Song]:
        """The songs that sound most like some words; `Song.distance` is one minus how well each answers them."""
        options = _without(self._options, ABOUT_SEEDS)
        return self._found(Request(replace(options, sounds=words, count=count), among=among))

    def journey(self, start: int, end: int, count: int, *, among: Collection[int] | None = None) -> list[Song]:
        """The songs of a journey between two items, these among them, each with its distance from the one before."""
        self._embedded([start]), self._embedded([end])
        options = replace(_applying(self._options, Use.JOURNEY), to=(f"id:{end}",), count=count)
        return self._found(Request(options, [f"id:{start}"], among=among))

    def artists(
        self, items: Sequence[int], count: int, *, among: Collection[int] | None = None, with_matches: bool = False
    ) -> list[ArtistAnswer]:
        """The artists that sound most like those of some items, nearest first.

        Parameters
        ----------
        with_matches : bool
            Whether the songs that are near to each other are wanted, too.
        """
        found = groups.by_artist(self._lib)
        seeds = list(dict.fromkeys(found.of_song[id_] for id_ in items if id_ in found.of_song))
        if not seeds:
            raise ServeError(404, "there is no such artist")
        with _refusing():
            options = resolved(
                replace(_applying(self._options, Use.ARTISTS), count=count, artists=True),
                self._search.settings,
                Use.ARTISTS,
            )
            snapshot = self._search.query_snapshot(self._lib, options.space)
            criteria = criteria_from(
                snapshot.card, self._lib, options, self._search.qualities, exclude=self._search.exclude
            ).among(among)
            near = artists.nearest_sets(
                self._lib, snapshot.index, found, seeds, options, criteria,
                advice=lambda ids: self._search.advice(self._lib, ids),
            )  # fmt: skip
        own = [id_ for seed in seeds for id_ in found.songs[seed]]
        answers = []
        for each in near.sets:
            songs, of_seeds = each.songs[:SONGS_OF_A_MATCH] if with_matches else [], []
            if songs:
                points = snapshot.index.vectors_of(songs)
                of_seeds = [
                    n.id
                    for n in nearest(snapshot.index, points, SONGS_OF_A_MATCH, metric=criteria.metric, candidates=own)
                ]
            answers.append(ArtistAnswer(each.name, each.distance, self.songs(songs), self.songs(of_seeds)))
        return answers

    def matching(self, query: str, count: int) -> list[Song]:
        """The first items that a beets query matches, as `beet ls` orders them."""
        try:
            ids = sql.listed(self._lib, sql.words(query))
        except InvalidQueryError as error:
            raise ServeError(400, str(error)) from None
        except UserError as error:
            raise ServeError(404, str(error)) from None
        return self.songs(ids[:count])

    def songs(self, ids: Sequence[int]) -> list[Song]:
        """Some items, in that order; those that are gone are left out."""
        return [_song(item, {}) for item in sql.items_of(self._lib, ids)]

    @property
    def options(self) -> SimilarOptions:
        """What every answer keeps to: `musrec.serve.options`."""
        return self._options

    @property
    def max_per_artist(self) -> int:
        """How many songs of one artist an answer may have, as configured; 0: any number."""
        return resolved(self._options, self._search.settings, Use.LIST).max_per_artist or 0

    def vectors(self, ids: Sequence[int]) -> VectorIndex:
        """The embeddings of those of some items that have one."""
        return self._search.query_snapshot(self._lib, "embedding").index.among(ids)

    def recently_played(self, period: str) -> list[int]:
        """The ids of the items that were played within a period such as 30d, or else of the most played ones."""
        with _refusing():
            return [sql.id_of(item) for item in recent(self._lib, period, LOG)]

    def words(self) -> list[tuple[str, str, float]]:
        """The words that the model knows: the name, the group, and how good each is, 0.5 to 1."""
        with _refusing():
            words = self._search.qualities.words(self._search.card(self._lib))
        return list(zip(words.names, words.groups, words.auc.tolist(), strict=True))

    def status(self) -> dict[str, Any]:
        """What there is to answer from: the songs, those of them that can be found, the model."""
        card = self._search.card(self._lib)
        counts = coverage.counts(self._lib, card.model_id)
        return {"songs": counts.items, "embedded": counts.current, "failed": counts.failed, "model": card.model_id}

    def _embedded(self, ids: Sequence[int]) -> list[Item]:
        items = list(sql.items_of(self._lib, ids))
        if not items:
            raise ServeError(404, "there is no such song")
        model_id = self._search.card(self._lib).model_id
        embedded = [item for item in items if fields.is_current(item, model_id)]
        if not embedded:
            raise ServeError(409, f"the song has no embedding: {self._search.advice(self._lib, ids)}")
        return embedded

    def _found(self, request: Request) -> list[Song]:
        with _refusing():
            result: Result = self._search.find(self._lib, request)
        return [_song(item, result.distances) for item in result.songs]


def _song(item: Item, distances: Mapping[int, float]) -> Song:
    id_ = sql.id_of(item)
    return Song(id_, item.title, item.artist, item.album, item.length, distances.get(id_))


def _applying(options: SimilarOptions, use: Use) -> SimilarOptions:
    """The options that apply to a mode: a list's are no mistake in a journey."""
    return _without(options, [row.name for row in given(options) if use not in row.applies_to])


def _without(options: SimilarOptions, names: Sequence[str]) -> SimilarOptions:
    defaults = SimilarOptions()
    return replace(options, **{row.name: getattr(defaults, row.name) for row in OPTIONS if row.name in names})


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse what `beet similar` refuses, in its words."""
    try:
        yield
    except UserError as error:
        raise ServeError(409, str(error)) from None
