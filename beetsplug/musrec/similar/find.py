"""The search that answers a request, from seeds to songs in order."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from beets.ui import UserError

from ..console import formatted
from ..library import coverage, song_keys, sql
from . import journey, search, seeds, steering
from .arguments import resolved
from .criteria import Criteria, criteria_from
from .option import Use
from .options import SimilarOptions
from .request import PlaylistContext, Request, Result, check
from .times import parse_length

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.search.index import Neighbour, VectorIndex

    from ..attributes.fields import LastResult
    from ..config import PlaylistSettings, SimilarSettings, Space
    from ..embedding.embedder import Embedder
    from ..library.vectors import Snapshot, VectorStore
    from .seeds import Seeds

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
    last_result : LastResult
        What ``$musrec_distance`` shows.
    log : BeetsLogger
    """

    def __init__(
        self,
        settings: SimilarSettings,
        exclude: str,
        playlists: PlaylistSettings,
        vectors: VectorStore,
        embedder: Callable[[Card], Embedder],
        last_result: LastResult,
        log: BeetsLogger,
    ) -> None:
        self.settings, self._exclude, self._playlists = settings, exclude, playlists
        self._vectors, self._embedder, self._last_result, self._log = vectors, embedder, last_result, log
        self._told: coverage.Counts | None = None  # how many songs are embedded, as the user was told last

    def find(self, lib: Library, request: Request) -> Result:
        """The songs that a request asks for; raises `UserError` where that can't be, and warns where there are none."""
        check(request.options, self.settings)
        options = resolved(request.options, self.settings, request.options.mode)
        card = self._vectors.get(lib, options.space or "embedding").card
        criteria = criteria_from(card, lib, options, exclude=self._exclude, removed=request.removed)
        if options.to:
            return self._find_journey(lib, request, options, criteria, card)
        return self._find_nearest(lib, request, options, criteria, card)

    def card(self, lib: Library) -> Card:
        """Of the model whose embeddings of this library are compared."""
        return self._vectors.card(lib)

    def query_snapshot(self, lib: Library) -> Snapshot:
        """The vectors that `similar:` queries are answered from."""
        return self._vectors.get(lib, self.settings.space)

    def query_ranker(self, lib: Library, snapshot: Snapshot, start: Seeds, candidates: str | None) -> search.SongRanker:
        """A ranker of the songs near some seeds, as the configuration wants it."""
        options = resolved(SimilarOptions(candidates=candidates), self.settings, Use.QUERY)
        criteria = criteria_from(snapshot.card, lib, options, exclude=self._exclude)
        return self._ranker(lib, snapshot.index, start, criteria, snapshot.card)

    def advice(self, lib: Library, ids: Iterable[int]) -> str:
        """What to do about songs that have no embedding of the model in use."""
        card, configured = self.card(lib), self._vectors.models.configured
        return "run `beet embed`" if card is not configured else self._embedder(card).advice(lib, ids)

    # A list.

    def _find_nearest(
        self, lib: Library, request: Request, options: SimilarOptions, criteria: Criteria, card: Card
    ) -> Result:
        random_seed = self._random_seed(options)
        if request.items is None:
            items, files = seeds.named(lib, options, request.args, self._playlists, self._log)
        else:
            items, files = request.items, []
        snapshot = self._current(lib, criteria.space, card)
        start = self._embedded(lib, items, files, card, at=options.at)
        if start.new:
            snapshot = self._vectors.get(lib, criteria.space, card)
        index = seeds.with_heard(snapshot.index, start, criteria.space, _labels(card))
        playlist = request.playlist or PlaylistContext()
        leads = playlist.begins_with_seed and (playlist.begins_with_seeds or start.count == 1)
        seconds = self._seconds(options, start if leads else None)

        ranker = self._ranker(lib, index, start, criteria, card, identify=request.playlist is None)
        ranker = search.unlisted(lib, ranker, playlist.listed)
        count = options.count or 0
        neighbours = search.select(lib, ranker, count, seconds=seconds, random_seed=random_seed)
        order = options.order
        if order == "auto":
            order = "apart" if request.playlist else ""
        if order == "smooth":
            points = self._smooth_start(start, playlist.last, index, criteria.space, card)
            neighbours = journey.smooth(lib, index, points, neighbours, metric=criteria.metric, mix=options.mix)
        elif order == "apart":
            before = playlist.last or (start.items[-1] if leads and start.items else None)
            neighbours = search.apart(lib, neighbours, before)
        elif random_seed is not None and request.options.order == "nearest":  # else a draw has its own order
            neighbours.sort(key=lambda neighbour: neighbour.distance)
        songs = self._items(lib, neighbours)
        if not songs:
            self._explain(snapshot, start, options, too_long=bool(seconds and ranker(1)))
        paths = [path for path, _ in start.files]
        return Result(songs, count, paths, start.items, card.model_id, random_seed, leads, start, criteria.space)

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
            may_store=card is self._vectors.models.configured,
        )

    def _current(self, lib: Library, space: Space, card: Card) -> Snapshot:
        """The vectors of a space; raises `UserError` where there are none, and tells once how many songs have none."""
        snapshot = self._vectors.get(lib, space, card)
        if snapshot.counts != self._told:
            coverage.require_current(
                snapshot.counts, card.model_id, self._vectors.models.configured.model_id, self._log
            )
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
        labels = _labels(card)
        points = seeds.points(start, index, criteria.space, labels)
        return search.make_ranker(
            lib,
            index,
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
                points,
                criteria.metric,
                card=card,
                vectors=self._vectors,
                advice=lambda ids: self.advice(lib, ids),
                log=self._log,
            ),
        )

    def _smooth_start(
        self, start: Seeds, last: Item | None, index: VectorIndex, space: Space, card: Card
    ) -> NDArray[np.float32]:
        """Where a smooth order starts: at the playlist's last song, or else at the seeds [shape=(m, d)]."""
        points = index.vectors_of([sql.id_of(last)] if last else [])
        return points if len(points) else seeds.points(start, index, space, _labels(card))

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
        self._log.info("shuffled with --seed {}, which repeats this choice", seed)
        return seed

    def _items(self, lib: Library, neighbours: list[Neighbour]) -> list[Item]:
        """The songs themselves; ``$musrec_distance`` is the distance of each from now on."""
        self._last_result.set((neighbour.id, neighbour.distance) for neighbour in neighbours)
        found = (lib.get_item(neighbour.id) for neighbour in neighbours)
        return [item for item in found if item is not None and item.path]

    def _explain(self, snapshot: Snapshot, start: Seeds, options: SimilarOptions, *, too_long: bool) -> None:
        """Say why no song was found."""
        if len(snapshot.index) <= len(start.items) <= 1:
            counts = snapshot.counts
            if counts.items > counts.current + counts.failed:
                raise UserError("no other song is embedded yet: run `beet embed`")
            if counts.failed:
                raise UserError("no other song could be embedded: `beet embed --report` says why")
            raise UserError("there is no other song in the library: run `beet import`")
        if len(snapshot.index) <= len(start.items) and not options.with_seeds:
            raise UserError("every embedded song is a seed: add --with-seeds to list seeds, too")
        if too_long:
            self._log.warning("no song is short enough for --length {}", options.length)
        else:
            self._log.warning("no other song is left to choose from")

    # A journey.

    def _find_journey(
        self, lib: Library, request: Request, options: SimilarOptions, criteria: Criteria, card: Card
    ) -> Result:
        count = options.count or 0
        stops = journey.find_stops(lib, request.args, options.to, count, self._log)
        self._current(lib, criteria.space, card)
        start = self._embedded(lib, stops, [], card)
        usable = {item.id for item in start.items}
        if missing := [item for item in stops if item.id not in usable]:
            raise UserError(f"no journey: {formatted(missing[0], '$artist - $title')} has no embedding")
        known = self._vectors.get(lib, criteria.space, card).index
        index = seeds.with_heard(known, start, criteria.space, _labels(card))
        path = journey.find_journey(lib, index, stops, count, criteria, card=card, mix=options.mix)
        found = self._items(lib, path)
        removed = song_keys.removed_namesakes(lib, [sql.id_of(item) for item in found], request.removed)
        songs = [item for item in found if item.id not in removed.get(sql.id_of(item), ())]
        return Result(songs, count, model_id=card.model_id, start=start, space=criteria.space, is_journey=True)


def _labels(card: Card) -> list[str]:
    """The model's genres, as the genre space orders them."""
    return [genre.label for genre in card.genres]
