"""What the commands and import stages work with: each component is imported and built when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from beets.ui import UserError
from confuse import ConfigError

from musrec_core.errors import ModelError

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from musrec_core.card import Card

    from .config import Settings
    from .embedding.embedder import Embedder
    from .embedding.import_similar import ImportSimilar
    from .embedding.import_stage import EmbeddingStage
    from .genres.import_stage import GenreStage
    from .genres.learn import VocabularyLearner
    from .genres.vocabulary import Genres
    from .library.vectors import VectorStore
    from .playlists.build import PlaylistBuilder
    from .playlists.files import PlaylistWriter
    from .playlists.mixes import Mixes
    from .playlists.refresh import PlaylistRefresher
    from .similar.hubs import HubFinder
    from .similar.query_results import QueryResults
    from .similar.request import SimilarSearch


class Components:
    """The parts of the plugin, wired together.

    Parameters
    ----------
    settings : Settings
    new_card : callable
        Reads the model's card; raises `ModelError` or ``ConfigError``.
    log : BeetsLogger
    library : callable
        The library that beets opened; None before that.
    distances : dict
        An item's id -> its distance in the last result; what ``$musrec_distance`` shows.
    """

    def __init__(
        self,
        settings: Settings,
        new_card: Callable[[], Card],
        log: BeetsLogger,
        library: Callable[[], Library | None],
        distances: dict[int, float],
    ) -> None:
        self.settings, self.log, self.library, self.distances = settings, log, library, distances
        self._new_card = new_card

    @cached_property
    def card(self) -> Card:
        """The model in use; raises `UserError` where it can't be used."""
        from musrec_core.encoder import verify_files

        try:
            card = self._new_card()
        except (ModelError, ConfigError) as error:
            raise UserError(f"{error}; check `musrec.model` in the configuration") from None
        try:
            verify_files(card)
        except ModelError as error:
            raise UserError(f"{error}; reinstall beets-musrec, or check `musrec.model`") from None
        return card

    @cached_property
    def vectors(self) -> VectorStore:
        from .library.vectors import VectorStore

        return VectorStore(self.card, self.settings.library.cache, self.log)

    @cached_property
    def embedder(self) -> Embedder:
        from .embedding.embedder import Embedder

        return Embedder(self.card, self.settings.embedding, self.log)

    @cached_property
    def embedding_stage(self) -> EmbeddingStage:
        from .embedding.import_stage import EmbeddingStage

        return EmbeddingStage(lambda: self.embedder, self._new_import_similar, self.log)

    def _new_import_similar(self) -> ImportSimilar | None:
        settings = self.settings.embedding
        if not settings.import_similar:
            return None
        from .embedding.import_similar import ImportSimilar

        return ImportSimilar(self.vectors, settings, self.log)

    @cached_property
    def genres(self) -> Genres:
        from .genres.vocabulary import Genres

        return Genres(lambda: self.card, lambda: self.settings.genreguess, self.log)

    @cached_property
    def genre_stage(self) -> GenreStage:
        from .genres.import_stage import GenreStage

        return GenreStage(self.genres, lambda: self.settings.genreguess, self.log)

    @cached_property
    def learner(self) -> VocabularyLearner:
        from .genres.learn import VocabularyLearner

        return VocabularyLearner(self.card, self.vectors, self.settings.genreguess)

    @cached_property
    def similar(self) -> SimilarSearch:
        from .similar.request import SimilarSearch

        settings = self.settings
        return SimilarSearch(
            self.card,
            settings.similar,
            settings.library.exclude,
            settings.playlist,
            self.vectors,
            lambda: self.embedder,
            self.distances,
            self.log,
        )

    @cached_property
    def hubs(self) -> HubFinder:
        from .similar.hubs import HubFinder

        return HubFinder(self.settings.similar, self.vectors, self.card.model_id, self.log)

    @cached_property
    def query_results(self) -> QueryResults:
        from .similar.query_results import QueryResults

        return QueryResults(lambda: self.similar, self.library, self.distances, self.log)

    @cached_property
    def playlist_writer(self) -> PlaylistWriter:
        from .playlists.files import PlaylistWriter

        return PlaylistWriter(self.settings.playlist, self.log)

    @cached_property
    def playlist_builder(self) -> PlaylistBuilder:
        from .playlists.build import PlaylistBuilder

        return PlaylistBuilder(self.similar, self.playlist_writer, self.card.model_id, self.log)

    @cached_property
    def mixes(self) -> Mixes:
        from .playlists.mixes import Mixes

        return Mixes(self.settings.mixes, self.playlist_builder, self.log)

    @cached_property
    def refresher(self) -> PlaylistRefresher:
        from .playlists.refresh import PlaylistRefresher

        return PlaylistRefresher(self.playlist_builder, lambda: self.mixes, self.log)
