"""Learning a vocabulary from the library's own genres."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
from beets.ui import UserError

from musrec_core.errors import VocabularyError

from ..library import sql
from ..library.coverage import nothing_embedded
from . import tags

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.genres.learning import FitReport

    from ..config import GenreSettings
    from ..library.vectors import VectorStore


class VocabularyLearner:
    """Fits a vocabulary to the genres that a library's songs have.

    Parameters
    ----------
    card : Card
        The model in use.
    vectors : VectorStore
    settings : GenreSettings
        ``map``, ``least_songs`` and ``least_artists``.
    """

    def __init__(self, card: Card, vectors: VectorStore, settings: GenreSettings) -> None:
        self._card, self._vectors, self._settings = card, vectors, settings

    def tagged_embeddings(self, lib: Library, args: list[str]) -> tuple[tags.TaggedSongs, NDArray[np.float32]]:
        """The songs that a query matches and that have an embedding, and their embeddings [shape=(n, d)]."""
        known = self._vectors.get(lib, "embedding")
        index = known.index
        if not len(index):
            raise nothing_embedded(known.counts, self._card.model_id)
        if args:
            index = index.among(sql.matching(lib, args))
            if not len(index):
                raise sql.no_match(" ".join(args), "song with an embedding matches")
        tagged = tags.read(lib, index.ids.tolist(), tags.Synonyms(self._settings.map))
        return tagged, index.vectors[np.isin(index.ids, tagged.ids)]  # less those that went meanwhile

    def fit(self, tagged: tags.TaggedSongs, vectors: NDArray[np.float32]) -> FitReport:
        """What can be learnt from some songs; raises `UserError`."""
        if importlib.util.find_spec("sklearn") is None:
            raise UserError("learning needs scikit-learn: pip install 'beets-musrec[learn]'")
        from musrec_core.genres.learning import fit_vocabulary

        try:
            return fit_vocabulary(
                vectors,
                tagged.genres,
                tagged.artists,
                model=self._card.model_id,
                least_songs=self._settings.least_songs,
                least_artists=self._settings.least_artists,
            )
        except VocabularyError as error:
            raise UserError(
                f"nothing can be learnt: {error} (musrec.genreguess.least_songs and least_artists)"
            ) from None
