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

    from musrec_core.genres.learning import FitReport

    from ..config import GenreSettings
    from ..library.vectors import VectorStore


class VocabularyLearner:
    """Fits a vocabulary to the genres that a library's songs have.

    Parameters
    ----------
    vectors : VectorStore
        Genres are learnt from embeddings of the model in use.
    settings : GenreSettings
        ``map``, ``least_songs`` and ``least_artists``.
    """

    def __init__(self, vectors: VectorStore, settings: GenreSettings) -> None:
        self._vectors, self._settings = vectors, settings

    def tagged_embeddings(self, lib: Library, args: list[str]) -> tuple[tags.TaggedSongs, NDArray[np.float32], str]:
        """The songs that a query matches and that have an embedding, their embeddings [shape=(n, d)], and the model's
        id.
        """
        known = self._vectors.get(lib, "embedding")
        index = known.index
        if not len(index):
            raise nothing_embedded(known.counts, known.card.model_id)
        if args:
            index = index.among(sql.matching(lib, args))
            if not len(index):
                raise sql.no_match(" ".join(args), "song with an embedding matches")
        tagged = tags.read(lib, index.ids.tolist(), tags.Synonyms(self._settings.map))
        vectors = index.vectors[np.isin(index.ids, tagged.ids)]  # less those that went meanwhile
        return tagged, vectors, known.card.model_id

    def fit(self, tagged: tags.TaggedSongs, vectors: NDArray[np.float32], model_id: str) -> FitReport:
        """What can be learnt from some songs, as `tagged_embeddings` gives them; raises `UserError`."""
        if importlib.util.find_spec("sklearn") is None:
            raise UserError("learning needs scikit-learn: pip install 'beets-musrec[learn]'")
        from musrec_core.genres.learning import fit_vocabulary

        try:
            return fit_vocabulary(
                vectors,
                tagged.genres,
                tagged.artists,
                model=model_id,
                least_songs=self._settings.least_songs,
                least_artists=self._settings.least_artists,
            )
        except VocabularyError as error:
            raise UserError(
                f"nothing can be learnt: {error} (musrec.genreguess.least_songs and least_artists)"
            ) from None
