"""The search that answers a request, from seeds to songs in order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from beets.ui import UserError

from ..console import formatted
from ..library import coverage, song_keys, sql
from . import artists, journey, no_result, search, seeds, steering, words_alone
from .arguments import resolved
from .criteria import Criteria, criteria_from, default_metric
from .nearness import LibraryNearness
from .option import Use
from .options import SimilarOptions
from .ordering import ordered
from .request import PlaylistContext, Request, Result, check
from .seeds import Seeds
from .times import parse_length

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.card import Card
    from musrec_core.search.index import Metric, Neighbour, VectorIndex
    from musrec_core.words.ranker import ScoreIndex

    from ..attributes.fields import LastResult
    from ..config import PlaylistSettings, SimilarSettings, Space
    from ..embedding.embedder import Embedder
    from ..library.song_keys import RemovedSongs
    from ..library.vectors import Snapshot, VectorStore
    from .qualities import Qualities

RANDOM_SEEDS = 100_000


class SimilarSearch:
    """Finds similar songs.

    Parameters
    ----------
    settings : SimilarSettings
    exclude : str
        The setting `musrec.exclude`.
    playlists : PlaylistSettings
        Where `--from-playlist` looks.
    vectors : VectorStore
        Whose model in use, of a library, is the one that everything is done with.
    embedder : callable
        Gives what embeds seeds with a model, if it is needed.
    qualities : Qualities
        What words and genres mean.
    last_result : LastResult
        What ``$musrec_distance`` and ``$musrec_nearness`` show.
    log : BeetsLogger
    """

    def __init__(
        self,
        settings: SimilarSettings,
        exclude: str,
        playlists: PlaylistSettings,
        vectors: VectorStore,
        embedder: Callable[[Card], Embedder],
        qualities: Qualities,
        last_result: LastResult,
        log: BeetsLogger,
    ) -> None:
        self.settings, self.exclude, self._playlists = settings, exclude, playlists
        self.vectors, self._embedder, self.qualities = vectors, embedder, qualities
        self._last_result, self.log = last_result, log
        self._nearness: LibraryNearness | None = None  # of the last search
        self._told: coverage.Counts | None = None  # how many songs are embedded, as the user was told last

    def find(self, lib: Library, request: Request) -> Result:
        """The songs that a request asks for; raises `UserError` where that can't be, and warns where there are none."""
        check(request.options, self.settings)
        options = resolved(request.options, self.settings, request.options.mode)
        if request.is_words_alone:
            words_alone.check(request.options)
            options = words_alone.without_seeds(options)
        card = self.vectors.get(lib, options.space or "embedding").card
        criteria = self._criteria(lib, card, options, request.removed).among(request.among)
        criteria = replace(criteria, unwanted=request.unwanted)
        if options.artists or options.albums:
            index = self._current(lib, criteria.space, card).index
            advice, tell = partial(self.advice, lib), self._last_result.set
            return artists.find(lib, index, request, options, criteria, card, advice=advice, tell=tell, log=self.log)
        if options.to:
            return self._find_journey(lib, request, options, criteria, card)
        return self._find_nearest(lib, request, options, criteria, card)

    def _criteria(
        self, lib: Library, card: Card, options: SimilarOptions, removed: RemovedSongs | None = None
    ) -> Criteria:
        return criteria_from(card, lib, options, self.qualities, exclude=self.exclude, removed=removed)

    def card(self, lib: Library) -> Card:
        """Of the model whose embeddings of this library are compared."""
        return self.vectors.card(lib)

    def query_snapshot(self, lib: Library, space: Space | None = None) -> Snapshot:
        """The vectors that queries are answered from: of the configured space, or another one."""
        return self.vectors.get(lib, space or self.settings.space)

    def query_ranker(
        self, lib: Library, snapshot: Snapshot, start: Seeds, candidates: str | None, sounds: str | None = None
    ) -> search.SongRanker:
        """A ranker of the songs near some seeds, or without any of those that sound like words, as is configured."""
        options = resolved(SimilarOptions(candidates=candidates, sounds=sounds), self.settings, Use.QUERY)
        if not start.count:
            options = words_alone.without_seeds(options)
        criteria = self._criteria(lib, snapshot.card, options)
        return self._ranker(lib, snapshot.index, start, criteria, snapshot.card)

    def query_nearness(self, lib: Library, snapshot: Snapshot) -> LibraryNearness:
        """What the distances of `similar:` queries mean."""
        return self._nearness_in(lib, snapshot.index, default_metric(self.settings.space))

    def advice(self, lib: Library, ids: Iterable[int]) -> str:
        """What to do about songs that have no embedding of the model in use."""
        card, configured = self.card(lib), self.vectors.models.configured
        return "run `beet embed`" if card is not configured else self._embedder(card).advice(lib, ids)

    # A list.

    def _find_nearest(
        self, lib: Library, request: Request, options: SimilarOptions, criteria: Criteria, card: Card
    ) -> Result:
        random_seed = self._random_seed(options)
        items: list[Item] = []
        files: list[str] = []
        if request.items is not None:
            items = request.items
        elif not request.is_words_alone:
            items, files = seeds.named(lib, options, request.args, self._playlists, self.log)
        snapshot = self._current(lib, criteria.space, card)
        start = Seeds([], []) if request.is_words_alone else self._embedded(lib, items, files, card, at=options.at)
        if start.new:
            snapshot = self.vectors.get(lib, criteria.space, card)
        index = seeds.with_heard(snapshot.index, start, criteria.space, _labels(card))
        nearness = self._nearness_in(lib, snapshot.index, criteria.metric)
        near = criteria
        if options.closer_than:
            points = seeds.points(start, index, criteria.space, _labels(card))
            near = nearness.only_near(criteria, index, points, options.closer_than)
        playlist = request.playlist or PlaylistContext()
        leads = playlist.begins_with_seed and (playlist.begins_with_seeds or start.count == 1)
        seconds = self._seconds(options, start if leads else None)

        ranker = self._ranker(lib, index, start, near, card, identify=request.playlist is None)
        ranker = search.unlisted(lib, ranker, playlist.listed)
        count = options.count or 0
        neighbours = search.select(lib, ranker, count, seconds=seconds, random_seed=random_seed)
        neighbours = ordered(
            lib, index, neighbours, request, options, criteria, start,
            genres=_labels(card), leading=start.items[-1] if leads and start.items else None,
            is_drawn=random_seed is not None,
        )  # fmt: skip
        songs = self._items(lib, neighbours, None if request.is_words_alone else nearness)
        if not songs:
            farther = None
            if options.closer_than and not ranker(1):
                alone = self._ranker(
                    lib, index, start, criteria.by_distance_alone(), card, identify=request.playlist is None
                )
                alone = search.unlisted(lib, alone, playlist.listed)
                farther = search.first_but(alone, criteria.steering.unlike)
            if farther:
                self.log.warning("{}", nearness.too_far(farther, options.closer_than or ""))
            else:
                no_result.explain(snapshot, start, options, self.log, too_long=bool(seconds and ranker(1)))
        paths = [path for path, _ in start.files]
        return Result(
            songs, count, paths, start.items, card.model_id, random_seed, leads, start, criteria.space,
            sounds=criteria.steering.sounds, distances=dict(neighbours),
        )  # fmt: skip

    def _embedded(
        self, lib: Library, items: list[Item], files: Sequence[str], card: Card, *, at: str | None = None
    ) -> Seeds:
        return seeds.embedded(
            lib,
            items,
            files,
            at=at,
            model_id=card.model_id,
            embedder=lambda: self._embedder(card),
            may_store=card is self.vectors.models.configured,
        )

    def _current(self, lib: Library, space: Space, card: Card) -> Snapshot:
        """The vectors of a space; raises `UserError` where there are none, and tells once how many songs have none."""
        snapshot = self.vectors.get(lib, space, card)
        if snapshot.counts != self._told:
            coverage.require_current(snapshot.counts, card.model_id, self.vectors.models.configured.model_id, self.log)
            self._told = snapshot.counts
        return snapshot

    def _ranker(
        self,
        lib: Library,
        index: VectorIndex,
        start: Seeds,
        criteria: Criteria,
        card: Card,
        *,
        identify: bool = True,
    ) -> search.SongRanker:
        """A ranker; with ``identify``, the library's own copy of a seed's file may be a result, the nearest."""
        sounds = criteria.steering.sounds
        ranked: VectorIndex | ScoreIndex = index
        if start.count or sounds is None:
            points = seeds.points(start, index, criteria.space, _labels(card))
        else:
            points = words_alone.no_point(index)
            ranked = words_alone.ranked(lib, card, index, sounds, self.qualities)
        return search.make_ranker(
            lib,
            ranked,
            points,
            criteria,
            card=card,
            own=() if criteria.with_seeds else seeds.own_ids(lib, start),
            files=() if identify or criteria.with_seeds else start.files,
            heard=start.heard,
            offsets=steering.offsets(
                criteria.steering,
                lib,
                index,
                ranked,
                points,
                criteria.metric,
                card=card,
                qualities=self.qualities,
                advice=lambda ids: self.advice(lib, ids),
                log=self.log,
            ),
        )

    def _seconds(self, options: SimilarOptions, leading: Seeds | None) -> float:
        """How long the songs may play [s], beside the seeds that the playlist begins with; 0 where they are counted."""
        if options.length is None:
            return 0.0
        seconds = parse_length(options.length) - (leading.seconds if leading else 0.0)
        if seconds <= 0:
            raise UserError("the seed, which comes first in the playlist, is longer than --length")
        return seconds

    def _random_seed(self, options: SimilarOptions) -> int | None:
        """What the draw starts from; None where the nearest are wanted."""
        if options.seed is not None or not options.shuffle:
            return options.seed
        seed = secrets.randbelow(RANDOM_SEEDS)
        self.log.info("shuffled with --seed {}, which repeats this choice", seed)
        return seed

    def _nearness_in(self, lib: Library, index: VectorIndex, metric: Metric) -> LibraryNearness:
        """What distances mean among the songs of the library."""
        last = self._nearness
        if last is None or last.index is not index or last.metric != metric:
            self._nearness = last = LibraryNearness(lib, index, metric)
        return last

    def _items(self, lib: Library, neighbours: list[Neighbour], nearness: LibraryNearness | None) -> list[Item]:
        """The songs themselves, which ``$musrec_distance`` and ``$musrec_nearness`` tell of from now on."""
        self._last_result.set(((neighbour.id, neighbour.distance) for neighbour in neighbours), nearness)
        return [item for item in sql.items_of(lib, [neighbour.id for neighbour in neighbours]) if item.path]

    # A journey.

    def _find_journey(
        self, lib: Library, request: Request, options: SimilarOptions, criteria: Criteria, card: Card
    ) -> Result:
        count = options.count or 0
        stops = journey.find_stops(lib, request.args, options.to, count, self.log)
        self._current(lib, criteria.space, card)
        start = self._embedded(lib, stops, [], card)
        usable = {item.id for item in start.items}
        if missing := [item for item in stops if item.id not in usable]:
            raise UserError(f"no journey: {formatted(missing[0], '$artist - $title')} has no embedding")
        known = self.vectors.get(lib, criteria.space, card).index
        index = seeds.with_heard(known, start, criteria.space, _labels(card))
        path = journey.find_journey(lib, index, stops, count, criteria, card=card, mix=options.mix)
        found = self._items(lib, path, self._nearness_in(lib, known, criteria.metric))
        removed = song_keys.removed_namesakes(lib, [sql.id_of(item) for item in found], request.removed)
        songs = [item for item in found if item.id not in removed.get(sql.id_of(item), ())]
        return Result(
            songs, count, model_id=card.model_id, start=start, space=criteria.space, is_journey=True,
            distances=dict(path),
        )  # fmt: skip


def _labels(card: Card) -> list[str]:
    """The model's genres, as the genre space orders them."""
    return [genre.label for genre in card.genres]
