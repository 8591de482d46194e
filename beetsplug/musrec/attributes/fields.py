"""The item attributes: names, beets types, codecs, and raw reading of a whole library with one SQL statement."""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from beets.dbcore import types
from beets.dbcore.query import NumericQuery

from .types import EmbeddingType, RoundedType

if TYPE_CHECKING:
    import numpy as np
    from beets.dbcore import Model
    from beets.library import Item
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.encoder import TrackEmbedding
    from musrec_core.errors import UnusableAudio

EMBEDDING = "musrec_embedding"
GENRES = "musrec_genres"
MOOD = "musrec_mood"
MODEL = "musrec_model"
HEARD = "musrec_heard"  # what the file was like then: format, length, bit rate, sample rate
STATUS = "musrec_status"
OWN = "musrec_my_"  # begins the names of learnt genres' fields
DISTANCE = "musrec_distance"  # never stored: what `beet similar` gives a format

_NUMBER = re.compile(r":(\d+(?:\.\d+)?)(?=\s|$)")  # ends a pair; the label before it may hold spaces: "hip hop:0.1200"


# Types: how beets prints, queries and sorts the attributes.


class GenresType(RoundedType):
    """Prints as ``rock 83%, pop 10%``."""

    def format(self, value: str | None) -> str:
        return ", ".join(f"{label} {p:.0%}" for label, p in parse_genres(value or "").items() if p >= 0.05)


class MoodType(RoundedType):
    """Prints as ``valence 0.62, arousal 0.80``."""

    def format(self, value: str | None) -> str:
        return ", ".join(f"{axis} {p:.2f}" for axis, p in parse_genres(value or "").items())


class KnownNumberQuery(NumericQuery):
    """A range of a computed number; an item without the number does not match."""

    def match(self, obj: Model) -> bool:
        return obj.get(self.field_name) is not None and super().match(obj)


class Probability(types.NullFloat):
    """0 to 1, or nothing for an item that is not embedded."""

    query = KnownNumberQuery

    def format(self, value: float | None) -> str:
        return "" if value is None else f"{value:.{self.digits}f}"


def item_types(card: Card | None, own: Iterable[str] = ()) -> dict[str, types.Type]:
    """The type of every attribute, stored and computed; ``own`` are the keys of learnt genres."""
    found: dict[str, types.Type] = {
        EMBEDDING: EmbeddingType(),
        GENRES: GenresType(),
        MOOD: MoodType(),
        MODEL: types.STRING,
        HEARD: types.STRING,
        STATUS: types.STRING,
        DISTANCE: Probability(3),
        "musrec_genre": types.STRING,
        "musrec_confidence": Probability(2),
    }
    for axis in card.mood if card else ():
        found[f"musrec_{axis}"] = Probability(2)
    for genre in card.genres if card else ():
        found[f"musrec_{genre.key}"] = Probability(2)
    for key in own:
        found[f"{OWN}{key}"] = Probability(2)
    return found


def computed_fields(
    card: Card | None, answer: Callable[[Item], tuple[str, float | None]]
) -> dict[str, Callable[[Item], Any]]:
    """Getters of the computed attributes: ``answer`` gives a genre and its probability, the rest is stored."""

    def probability_of(label: str) -> Callable[[Item], float | None]:
        return lambda item: genres_of(item).get(label)

    def mood_of(axis: str) -> Callable[[Item], float | None]:
        return lambda item: parse_genres(item.get(MOOD) or "").get(axis)

    getters: dict[str, Callable[[Item], Any]] = {
        "musrec_genre": lambda item: answer(item)[0],
        "musrec_confidence": lambda item: answer(item)[1],
    }
    for genre in card.genres if card else ():
        getters[f"musrec_{genre.key}"] = probability_of(genre.label)
    for axis in card.mood if card else ():
        getters[f"musrec_{axis}"] = mood_of(axis)
    return getters


def own_fields(
    keys: Mapping[str, str], probability: Callable[[Item, str], float | None]
) -> dict[str, Callable[[Item], Any]]:
    """Getters of learnt genres' probabilities, of their labels and keys."""

    def probability_of(label: str) -> Callable[[Item], float | None]:
        return lambda item: probability(item, label)

    return {f"{OWN}{key}": probability_of(label) for label, key in keys.items()}


# Codecs.


def encode_vector(vector: NDArray[np.float32]) -> str:
    """A vector -> base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def text_length(dimensions: int) -> int:
    """How long the text of a vector is that is not damaged [characters]."""
    return 4 * math.ceil(2 * dimensions / 3)


def decode_vectors(texts: list[str | None], dimensions: int) -> NDArray[np.float32]:
    """The inverse for many rows [shape=(n, d)]; a damaged row becomes NaN."""
    import numpy as np

    damaged = np.full(dimensions, np.nan, "<f2").tobytes()
    blobs = [blob if len(blob) == len(damaged) else damaged for blob in map(_unbase64, texts)]
    return np.frombuffer(b"".join(blobs), "<f2").reshape(len(texts), dimensions).astype(np.float32)


def _unbase64(text: str | None) -> bytes:
    try:
        return binascii.a2b_base64(text or "")  # `base64.b64decode` takes twice as long for the same
    except ValueError:
        return b""


def format_genres(genres: Mapping[str, float]) -> str:
    """Probabilities -> ``rock:0.8312 pop:0.1034 ...``, descending."""
    return " ".join(f"{label}:{p:.4f}" for label, p in sorted(genres.items(), key=lambda pair: -pair[1]))


def parse_genres(text: str) -> dict[str, float]:
    """The inverse of `format_genres`; whatever does not read as such gives no genre."""
    found, end = {}, 0
    for number in _NUMBER.finditer(text):
        if label := text[end : number.start()].strip():
            found[label] = float(number[1])
        end = number.end()
    return found


def genres_of(item: Item) -> dict[str, float]:
    """An item's genre probabilities, descending; empty where it is not embedded."""
    return parse_genres(item.get(GENRES) or "")


# One item.


def record(item: Item, outcome: TrackEmbedding | UnusableAudio) -> None:
    """Put an embedding, or why there is none, into an item's attributes, and store it.

    A failure leaves an older embedding in place: it is still the song's.
    """
    from musrec_core.errors import UnusableAudio

    if isinstance(outcome, UnusableAudio):
        item[STATUS] = f"{outcome.reason} @ {mtime_of(item)}"
    else:
        item[EMBEDDING] = encode_vector(outcome.vector)
        item[GENRES] = format_genres(outcome.genres)
        item[MODEL] = outcome.model
        item[HEARD] = _likeness(item)
        if outcome.mood:
            item[MOOD] = " ".join(f"{axis}:{p:.4f}" for axis, p in outcome.mood.items())
        for outdated in ({STATUS} if outcome.mood else {STATUS, MOOD}) & set(item.keys()):
            del item[outdated]
    item.store()


def mtime_of(item: Item) -> int:
    """When the file last changed [s]; 0 where there is none, or where it can't be read, so that it is tried again."""
    try:
        return int(os.stat(item.path).st_mtime) if os.access(item.path, os.R_OK) else 0
    except (OSError, ValueError, TypeError):  # a damaged library may hold no path
        return 0


def is_current(item: Item, model_id: str) -> bool:
    """Whether an item has an embedding of this model."""
    return bool(item.get(EMBEDDING)) and item.get(MODEL) == model_id


def _likeness(item: Item) -> str:
    return likeness(item.format, item.length, item.bitrate, item.samplerate)


def likeness(format_: str, length: float, bit_rate: int, sample_rate: int) -> str:
    """What `HEARD` keeps of a file; beets' columns may be empty."""
    return f"{format_ or ''} {length or 0:.1f} {bit_rate or 0} {sample_rate or 0}"


def is_another_recording(heard: str | None, now: str) -> bool:
    """Whether the file was replaced since it was heard, as far as beets knows: a better rip, another edit.

    Tags do not count, so writing them makes nothing stale; cover art moves some formats' bit rate by a little.
    """
    then, there = str(heard or "").rsplit(" ", 3), now.rsplit(" ", 3)
    if len(then) != len(there):  # not noted
        return False
    try:
        length, bit_rate = (abs(float(then[k]) - float(there[k])) for k in (1, 2))
    except ValueError:  # damaged
        return True
    return then[0] != there[0] or then[3] != there[3] or length > 0.5 or bit_rate > 0.2 * float(there[2])


def failure_of(status: str | None) -> str:
    """Why an item could not be embedded when it was tried last; empty where it could."""
    return str(status or "").partition(" @ ")[0]


def failed_before(item: Item) -> bool:
    """Whether the file failed and has not changed since."""
    _, separator, when = str(item.get(STATUS) or "").rpartition(" @ ")
    return bool(separator) and when == str(mtime_of(item))
