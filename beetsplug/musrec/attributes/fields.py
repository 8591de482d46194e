"""The item attributes: names, beets types, getters, and what they say of an item."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from beets.dbcore import types

from .types import EmbeddingText, EmbeddingType, GenresType, MoodType, Percentage, Probability, pairs_of

if TYPE_CHECKING:
    from beets.library import Item

    from musrec_core.card import Card
EMBEDDING = "musrec_embedding"
GENRES = "musrec_genres"
MOOD = "musrec_mood"
MODEL = "musrec_model"
HEARD = "musrec_heard"  # `attribute_text.file_properties` of the embedded file
STATUS = "musrec_status"
OWN = "musrec_my_"  # begins the names of learnt genres' fields
TAG = "musrec_tag_"  # begins the names of the notes of what we wrote into a tag of the file
SOUNDS = "musrec_sounds"  # computed: the words that say most of the song
SOUND = "musrec_sound_"  # begins the names of words' fields
DISTANCE = "musrec_distance"  # never stored: what `beet similar` gives a format
NEARNESS = "musrec_nearness"  # the same

Nearness = Callable[[float], float | None]  # a distance -> the share of the library's pairs of songs farther apart


# Types, and getters of what is computed.


def item_types(cards: Sequence[Card], learnt: Iterable[str] = ()) -> dict[str, types.Type]:
    """The type of every attribute, stored and computed.

    Parameters
    ----------
    cards : sequence of Card
        Of all models that may have made the embeddings.
    learnt : iterable of str
        The keys of learnt genres.
    """
    found: dict[str, types.Type] = {
        EMBEDDING: EmbeddingType(),
        GENRES: GenresType(),
        MOOD: MoodType(),
        MODEL: types.STRING,
        HEARD: types.STRING,
        STATUS: types.STRING,
        DISTANCE: Probability(3),
        NEARNESS: Percentage(),
        "musrec_genre": types.STRING,
        "musrec_confidence": Probability(2),
        SOUNDS: types.STRING,
    }
    for card in cards:
        for key in (*card.mood, *(genre.key for genre in card.genres)):
            found[f"musrec_{key}"] = Probability(2)
    for key in learnt:
        found[f"{OWN}{key}"] = Probability(2)
    found.update(dict.fromkeys((f"{SOUND}{key}" for key in word_keys(cards).values()), Probability(2)))
    return found


def computed_fields(
    cards: Sequence[Card], answer: Callable[[Item], tuple[str, float | None]]
) -> dict[str, Callable[[Item], Any]]:
    """Getters of the computed attributes: ``answer`` returns a genre and its probability; the rest is stored."""
    labels: dict[str, list[str]] = {}  # of each key, in any model
    for genre in (genre for card in cards for genre in card.genres):
        labels.setdefault(genre.key, []).append(genre.label)

    def probability_of(labels: list[str]) -> Callable[[Item], float | None]:
        return lambda item: next((p for label, p in genres_of(item).items() if label in labels), None)

    def mood_of(axis: str) -> Callable[[Item], float | None]:
        return lambda item: pairs_of(item.get(MOOD)).get(axis)

    getters: dict[str, Callable[[Item], Any]] = {
        "musrec_genre": lambda item: answer(item)[0],
        "musrec_confidence": lambda item: answer(item)[1],
    }
    for key, spellings in labels.items():
        getters[f"musrec_{key}"] = probability_of(spellings)
    for axis in (axis for card in cards for axis in card.mood):
        getters[f"musrec_{axis}"] = mood_of(axis)
    return getters


def learnt_fields(
    keys: Mapping[str, str], probability: Callable[[Item, str], float | None]
) -> dict[str, Callable[[Item], Any]]:
    """Getters of learnt genres' probabilities, of their labels and keys."""

    def probability_of(label: str) -> Callable[[Item], float | None]:
        return lambda item: probability(item, label)

    return {f"{OWN}{key}": probability_of(label) for label, key in keys.items()}


def word_fields(
    cards: Sequence[Card], text: Callable[[Item], str], probability: Callable[[Item, str], float | None]
) -> dict[str, Callable[[Item], Any]]:
    """Getters of the words that say most of an item, and of each word's probability."""

    def probability_of(word: str) -> Callable[[Item], float | None]:
        return lambda item: probability(item, word)

    return {SOUNDS: text, **{f"{SOUND}{key}": probability_of(word) for word, key in word_keys(cards).items()}}


def word_keys(cards: Sequence[Card]) -> dict[str, str]:
    """The words of all models, and the suffix of the field of each: ``female vocals``: ``female_vocals``."""
    words = dict.fromkeys(word for card in cards if card.words for word in card.words.names)
    keys = genre_keys(word.replace("'", "") for word in words)
    return dict(zip(words, keys.values(), strict=True))


class LastResult:
    """The songs that were found last, for the fields that tell of them."""

    def __init__(self) -> None:
        self._distances: dict[int, float] = {}
        self._nearness: Nearness | None = None

    def set(self, distances: Iterable[tuple[int, float]], nearness: Nearness | None = None) -> None:
        """Keep another result, in place of the last one.

        Parameters
        ----------
        distances : iterable of (int, float)
            The id and the distance of each song.
        nearness : callable, optional
            Asked only when a format shows it; None where the numbers are no distances between songs.
        """
        self._distances, self._nearness = dict(distances), nearness

    def distance(self, id_: int | None) -> float | None:
        """A song's distance; None where it is not in the result."""
        return self._distances.get(id_ or 0)

    def nearness(self, id_: int | None) -> float | None:
        """The share of the library's pairs of songs that are farther apart, 0 to 1; None where there is no telling."""
        distance = self.distance(id_)
        return None if distance is None or self._nearness is None else self._nearness(distance)


def genres_of(item: Item) -> dict[str, float]:
    """An item's genre probabilities, descending; empty if it is not embedded."""
    return pairs_of(item.get(GENRES))


# Learnt genres.


def vocabulary_path(library: str | bytes | os.PathLike[str]) -> str:
    """The file of a library's learnt vocabulary."""
    return f"{os.fsdecode(library)}.musrec-genres.json"


def genre_keys(labels: Iterable[str]) -> dict[str, str]:
    """A unique key for each genre, the suffix of its field: ``R&B``: ``rnb``, ``Drum & Bass``: ``drum_n_bass``."""
    found: dict[str, str] = {}
    for n, label in enumerate(labels, 1):
        folded = unicodedata.normalize("NFKD", label.casefold().replace("&", "n"))
        bare = "".join(character for character in folded if not unicodedata.combining(character))
        key = re.sub(r"[\W_]+", "_", bare).strip("_") or f"genre_{n}"
        found[label] = f"{key}_{n}" if key in found.values() else key
    return found


def learnt_labels(library: str) -> list[str]:
    """The genres that were learnt for a library; empty if there are none, or their file is damaged.

    They name fields, which beets needs before it opens the library: so this loads no numpy and logs nothing.
    """
    try:
        with open(vocabulary_path(library), "rb") as file:
            labels = json.load(file)["labels"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    return labels if isinstance(labels, list) and all(isinstance(label, str) for label in labels) else []


# One item.


def mtime_of(item: Item) -> int:
    """When the file last changed [s]; 0 if it is missing or can't be read, so that it is tried again."""
    try:
        return int(os.stat(item.path).st_mtime) if os.access(item.path, os.R_OK) else 0
    except (OSError, ValueError, TypeError):  # a damaged library may hold no path
        return 0


def has_tags(item: Item) -> bool:
    """Whether we have written something into the file's own tags."""
    return any(key.startswith(TAG) for key in item.keys(with_album=False))


def stored_embedding(item: Item) -> str:
    """An item's embedding as the library has it; empty where it has none."""
    value = item.get(EMBEDDING) or ""
    return value.stored if isinstance(value, EmbeddingText) else str(value)


def is_current(item: Item, model_id: str) -> bool:
    """Whether an item has an embedding of this model."""
    return bool(item.get(EMBEDDING)) and item.get(MODEL) == model_id


def failed_before(item: Item) -> bool:
    """Whether the file failed before and has not changed since."""
    _, separator, when = str(item.get(STATUS) or "").rpartition(" @ ")
    return bool(separator) and when == str(mtime_of(item))
