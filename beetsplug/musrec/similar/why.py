"""`--why`: a line for each song that was found, on what it shares with the song before it and where it differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from musrec_core import attribute_text
from musrec_core.words.explain import Explainer, Sound

from ..attributes import fields
from ..console import display_name, stem
from ..library import sql
from .why_sentence import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.card import Card
    from musrec_core.encoder import TrackEmbedding
    from musrec_core.genres.vocabulary import Vocabulary
    from musrec_core.words.heads import Words
    from musrec_core.words.request import WordRequest

    from ..genres.vocabulary import Genres
    from ..library.vectors import VectorStore
    from ..library.word_heads import WordHeads
    from .request import Result
    from .seeds import Seeds


@dataclass(frozen=True)
class NamedSound:
    """A song and how it sounds; ``id`` is None for a file outside the library."""

    id: int | None
    name: str
    sound: Sound


class Reasons:
    """Explains results.

    Parameters
    ----------
    vectors : VectorStore
    words : WordHeads
    genres : Genres
    log : BeetsLogger
    """

    def __init__(self, vectors: VectorStore, words: WordHeads, genres: Genres, log: BeetsLogger) -> None:
        self._vectors, self._words, self._genres, self._log = vectors, words, genres, log
        self._warned: set[str] = set()  # models without words

    def lines(self, lib: Library, result: Result) -> list[str]:
        """Of each song of a result a sentence, empty where there is no other song to compare it with.

        In a journey that is the song before, otherwise the nearest of the seeds, which is named if there are several.
        Without seeds, where words alone were asked for, it is the probability of each of them.
        """
        if not result.songs:
            return []
        card = self._vectors.card(lib)
        own = self._own_genres(lib, card)
        explainer = self._explainer(lib, card, own, in_genre_space=result.space == "genre")
        heard = result.start.heard if result.start else {}
        songs = [_of_item(item, card, own, heard) for item in result.songs]
        if result.sounds and result.start and not result.start.count:
            return [_asked(self._words.get(card), result.sounds, song) for song in songs]
        starts = [] if result.is_journey else _starts(result.start, card, own)
        before = [None, *songs[:-1]] if result.is_journey else [_nearest(song, starts) for song in songs]
        return [
            "" if other is None or song is None
            else sentence(explainer.explain(other.sound, song.sound), other.name if len(starts) > 1 else "")
            for other, song in zip(before, songs, strict=True)
        ]  # fmt: skip

    def _own_genres(self, lib: Library, card: Card) -> Vocabulary | None:
        """The genres that were learnt from the library, where they were learnt from this model's embeddings."""
        own = self._genres.in_use(lib.path)
        return own if own and own.model == card.model_id else None

    def _explainer(self, lib: Library, card: Card, own: Vocabulary | None, *, in_genre_space: bool) -> Explainer:
        words = None if in_genre_space else self._words.find(card)  # there the distance is one of genres
        if words is None and not in_genre_space and card.model_id not in self._warned:
            self._warned.add(card.model_id)
            self._log.warning(
                "the model {} knows no words, so that --why tells of genres and moods only: {}",
                card.name,
                self._words.advice(),
            )
        vectors = self._vectors.get(lib, "embedding", card).index.vectors
        if own:
            return Explainer(words, vectors, own.labels, own.probabilities(vectors))
        labels = [genre.label for genre in card.genres]
        if words and set(labels) <= set(words.names):  # which says the same, and reading a library's genres takes long
            return Explainer(words, vectors)
        return Explainer(words, vectors, labels, self._vectors.get(lib, "genre", card).index.vectors)


def _asked(words: Words, wanted: WordRequest, song: NamedSound | None) -> str:
    """``piano 91%, vocals 3%``: what a song has of the words that were asked for, or excluded."""
    if song is None:
        return ""
    probabilities = words.probabilities(song.sound.vector[None])[0]
    return ", ".join(f"{words.names[asked.index]} {probabilities[asked.index]:.0%}" for asked in wanted.asked)


def _of_item(item: Item, card: Card, own: Vocabulary | None, heard: Mapping[int, TrackEmbedding]) -> NamedSound | None:
    """A song of the library; None where its embedding is damaged."""
    id_ = sql.id_of(item)
    if id_ in heard:
        return _of_track(display_name(item), heard[id_], own, id_)
    (vector,) = attribute_text.decode_vectors([fields.stored_embedding(item)], card.dimensions)
    if not np.isfinite(vector).all():
        return None
    genres = own.guess(vector) if own else fields.genres_of(item)
    return NamedSound(
        id_, display_name(item), Sound(vector, genres, attribute_text.parse_pairs(item.get(fields.MOOD) or ""))
    )


def _of_track(name: str, track: TrackEmbedding, own: Vocabulary | None, id_: int | None = None) -> NamedSound:
    genres = own.guess(track.vector) if own else track.genres
    return NamedSound(id_, name, Sound(track.vector, genres, track.mood or {}))


def _starts(start: Seeds | None, card: Card, own: Vocabulary | None) -> list[NamedSound]:
    """The seeds."""
    if start is None:
        return []
    if start.excerpt:
        return [_of_track(display_name(item), start.excerpt, own) for item in start.items]
    items = [_of_item(item, card, own, start.heard) for item in start.items]
    return [found for found in items if found] + [_of_track(stem(path), track, own) for path, track in start.files]


def _nearest(song: NamedSound | None, starts: Sequence[NamedSound]) -> NamedSound | None:
    """The seed that sounds most like a song, but for the song itself."""
    others = [start for start in starts if song and start.id != song.id] if song else []
    return max(others, key=lambda start: float(start.sound.vector @ song.sound.vector)) if song and others else None
