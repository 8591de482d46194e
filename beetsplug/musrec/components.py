"""What the commands and import stages work with: each component is imported and built when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING

from beets.ui import UserError

from musrec_core.errors import ModelError

from .component import component

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from musrec_core.card import Card

    from .attributes.fields import LastResult
    from .config import Settings
    from .embedding.embedder import Embedder
    from .embedding.import_similar import ImportSimilar
    from .embedding.import_stage import EmbeddingStage
    from .genres.import_stage import GenreStage
    from .genres.learn import VocabularyLearner
    from .genres.vocabulary import Genres
    from .library.item_words import ItemWords
    from .library.vectors import VectorStore
    from .library.word_heads import WordHeads
    from .playlists.build import PlaylistBuilder
    from .playlists.files import PlaylistWriter
    from .playlists.mixes import Mixes
    from .playlists.refresh import PlaylistRefresher
    from .playlists.target_copies import TargetCopies
    from .radio.radio import Radio
    from .serve.answers import Answers
    from .serve.ids import BeetsIds
    from .serve.subsonic.ids import SubsonicIds
    from .similar.copies import CopyFinder
    from .similar.find import SimilarSearch
    from .similar.hubs import HubFinder
    from .similar.qualities import Qualities
    from .similar.query_results import QueryResults
    from .similar.why import Reasons
    from .tags.import_stage import TagStage
    from .tags.wanted import WantedTags
    from .tags.writer import TagWriter


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
    default_library : callable
        The path of the configured library, for items that are in none yet; raises ``ConfigError``.
    last_result : LastResult
        What ``$musrec_distance`` shows.
    """

    def __init__(
        self,
        settings: Settings,
        new_card: Callable[[], Card],
        log: BeetsLogger,
        library: Callable[[], Library | None],
        last_result: LastResult,
        default_library: Callable[[], str],
    ) -> None:
        self.settings, self.log, self.library, self.last_result = settings, log, library, last_result
        self._new_card, self._default_library = new_card, default_library
        self.lock = RLock()
        self.is_importing = False

    @component
    def card(self) -> Card:
        """The configured model; raises `UserError` where it can't be used."""
        from musrec_core.encoder import verify_files

        try:
            card = self._new_card()
        except ModelError as error:
            raise UserError(f"{error}; check `musrec.model` in the configuration") from None
        try:
            verify_files(card)
        except ModelError as error:
            raise UserError(f"{error}; reinstall beets-musrec, or check `musrec.model`") from None
        return card

    @component
    def vectors(self) -> VectorStore:
        from musrec_core.card import known_cards

        from .library.models import Models
        from .library.vectors import VectorStore

        return VectorStore(Models(known_cards(self.card)), self.settings.library.cache, self.log)

    @component
    def words(self) -> WordHeads:
        from .library.word_heads import WordHeads

        return WordHeads(lambda: self.card)

    @component
    def embedder(self) -> Embedder:
        return self.embedder_of(self.card)

    def embedder_of(self, card: Card) -> Embedder:
        """What embeds with a model that need not be the configured one."""
        from .embedding.embedder import Embedder

        return Embedder(card, self.settings.embedding, self.log)

    @component
    def embedding_stage(self) -> EmbeddingStage:
        from .embedding.import_stage import EmbeddingStage

        return EmbeddingStage(lambda: self.embedder, self._new_import_similar, self.log)

    def _new_import_similar(self) -> ImportSimilar | None:
        settings = self.settings.embedding
        if not settings.import_similar:
            return None
        from .embedding.import_similar import ImportSimilar

        return ImportSimilar(self.vectors, settings, self.log)

    @component
    def genres(self) -> Genres:
        from .genres.vocabulary import Genres

        return Genres(
            lambda: self.card, self._card_in_use, lambda: self.settings.genreguess, self._default_library, self.log
        )

    def _card_in_use(self) -> Card:
        lib = self.library()
        return self.card if lib is None else self.vectors.card(lib)

    @component
    def genre_stage(self) -> GenreStage:
        from .genres.import_stage import GenreStage

        return GenreStage(self.genres, lambda: self.settings.genreguess, self.log)

    @component
    def wanted_tags(self) -> WantedTags:
        from .genres.tags import Rules
        from .tags.wanted import WantedTags

        models = self.vectors.models
        cards = {id_: models[id_] for id_ in models.ids}
        rules = Rules.of(self.settings.genreguess)
        return WantedTags(self.settings.tags, cards, self.words, self.genres, rules)

    @component
    def tag_writer(self) -> TagWriter:
        from .tags.writer import TagWriter

        return TagWriter(self.log)

    @component
    def tag_stage(self) -> TagStage:
        from .tags.import_stage import TagStage

        return TagStage(lambda: self.wanted_tags, self.tag_writer, self.log)

    @component
    def learner(self) -> VocabularyLearner:
        from .genres.learn import VocabularyLearner

        return VocabularyLearner(self.vectors, self.settings.genreguess)

    @component
    def similar(self) -> SimilarSearch:
        from .similar.find import SimilarSearch

        settings = self.settings
        return SimilarSearch(
            settings.similar,
            settings.library.exclude,
            settings.playlist,
            self.vectors,
            self.embedder_of,
            self.qualities,
            self.last_result,
            self.log,
        )

    @component
    def reasons(self) -> Reasons:
        from .similar.why import Reasons

        return Reasons(self.vectors, self.words, self.genres, self.log)

    @component
    def qualities(self) -> Qualities:
        from .similar.qualities import Qualities

        return Qualities(self.words, lambda lib: self.genres.in_use(lib.path), self.vectors)

    @component
    def item_words(self) -> ItemWords:
        from .library.item_words import ItemWords

        return ItemWords(lambda: self.vectors.models, self.words, self.log)

    @component
    def copies(self) -> CopyFinder:
        from .similar.copies import CopyFinder

        return CopyFinder(self.settings.embedding, self.settings.library.exclude, self.vectors, self.log)

    @component
    def hubs(self) -> HubFinder:
        from .similar.hubs import HubFinder

        return HubFinder(self.settings.similar, self.vectors, self.log)

    @component
    def similar_results(self) -> QueryResults:
        from .similar.query_results import SimilarResults

        return SimilarResults(lambda: self.similar, self.library, self.last_result, self.log)

    @component
    def sounds_results(self) -> QueryResults:
        from .similar.sounds_results import SoundsResults

        return SoundsResults(
            lambda: self.similar, self.library, self.last_result, self.log, is_importing=lambda: self.is_importing
        )

    @component
    def playlist_writer(self) -> PlaylistWriter:
        from .playlists.files import PlaylistWriter

        return PlaylistWriter(self.settings.playlist, self.log)

    @component
    def playlist_builder(self) -> PlaylistBuilder:
        from .playlists.build import PlaylistBuilder

        return PlaylistBuilder(self.similar, self.playlist_writer, self.target_copies, self.log)

    @component
    def target_copies(self) -> TargetCopies:
        from .playlists.target_copies import TargetCopies

        return TargetCopies(self.settings.playlist, self.log)

    @component
    def mixes(self) -> Mixes:
        from .playlists.mixes import Mixes

        return Mixes(self.settings.mixes, self.playlist_builder, self.log)

    @component
    def refresher(self) -> PlaylistRefresher:
        from .playlists.refresh import PlaylistRefresher

        return PlaylistRefresher(self.playlist_builder, lambda: self.mixes, self.log)

    @component
    def radio(self) -> Radio:
        try:
            from .radio.radio import Radio
        except ModuleNotFoundError as error:
            if error.name != "mpd":
                raise
            raise UserError("the radio needs python-mpd2: pip install 'beets-musrec[mpd]'") from None

        return Radio(self.settings.radio, self.similar, self.log)

    @component
    def answers(self) -> Answers:
        """What a server answers from; raises `UserError` for a mistake in `musrec.serve.options`."""
        from .serve.answers import Answers
        from .similar import player_options

        lib = self._opened()
        options = player_options.read(self.settings.serve.options, "musrec.serve.options", lib, self.similar)
        return Answers(lib, self.similar, options)

    @component
    def song_ids(self) -> BeetsIds | SubsonicIds:
        """Of beets, or of the media server of the configuration; raises `UserError` if that can't be read."""
        if self.settings.subsonic.url:
            from .serve.subsonic.ids import SubsonicIds

            ids = SubsonicIds(self._opened(), self.settings.subsonic, self.log)
            ids.start()
            return ids
        from .serve.ids import BeetsIds

        return BeetsIds(self._opened(), self.answers)

    def _opened(self) -> Library:
        """The library of a command, which beets has opened."""
        if (lib := self.library()) is None:
            raise RuntimeError("beets has opened no library")
        return lib
