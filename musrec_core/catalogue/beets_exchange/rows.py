"""Items of a beets library -> rows of a dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...attribute_text import decode_vectors, failure_of, parse_pairs
from ...errors import CatalogueError
from ..schema import ID, OK, OWN, PATH, VECTOR, ModelColumns, vector_column
from .ids import ItemIds
from .library import (
    EMBEDDING,
    GENRES,
    HEARD,
    MOOD,
    STATUS,
    BeetsItem,
    positive_number,
    positive_whole,
    text_of,
)

LIBRARY = "beets_library"  # the column that says which library a row comes from
LAST_SECOND = 253_402_300_799  # of the year 9999
TEXTS = ("title", "artist", "albumartist", "album", "format", "label", "country", "language", "mb_trackid",
         "mb_albumid", "mb_artistid")  # fmt: skip
NUMBERS = ("year", "original_year", "disc", "track", "bpm", "bitrate", "samplerate")

Vectors = Sequence[NDArray[np.float32] | None]  # None: damaged, or none at all


def _time_of(value: Any) -> int | None:
    seconds = positive_number(value)
    return int(seconds) if seconds is not None and seconds <= LAST_SECOND else None


_TAGS: dict[str, tuple[pa.DataType, Callable[[Any], Any]]] = {
    **dict.fromkeys(TEXTS, (pa.string(), text_of)),
    **dict.fromkeys(NUMBERS, (pa.int64(), positive_whole)),
    "length": (pa.float64(), positive_number),
    "added": (pa.timestamp("s", "UTC"), _time_of),
}
FURTHER = pa.schema([pa.field(LIBRARY, pa.string()), *(pa.field(name, kind) for name, (kind, _) in _TAGS.items())])
WRITTEN = frozenset((*OWN, *FURTHER.names))  # the columns that an import fills


def is_embedded(item: BeetsItem) -> bool:
    """Whether an item has an embedding, of whichever model."""
    return bool(item.attributes.get(EMBEDDING))


def failure(item: BeetsItem) -> str | None:
    """Why an item could not be embedded; None where that did not fail."""
    reason = failure_of(item.attributes.get(STATUS))
    return None if reason in ("", OK) else reason


class ItemRows:
    """Makes the rows of items.

    Parameters
    ----------
    columns : ModelColumns
        Of the dataset.
    schema : pa.Schema
        Of the dataset.
    ids : ItemIds
    name : str
        Of the library, for the column ``beets_library``.
    """

    def __init__(self, columns: ModelColumns, schema: pa.Schema, ids: ItemIds, name: str) -> None:
        self._columns, self._ids, self._name = columns, ids, name
        self._schema = pa.schema([each for each in schema if each.name in WRITTEN])

    @property
    def columns(self) -> tuple[str, ...]:
        """What to read of the items."""
        return (*self._ids.columns, *_TAGS)

    def vectors(self, items: Sequence[BeetsItem]) -> Vectors:
        """The embedding [shape=(d,)] of each item."""
        vectors = decode_vectors([item.attributes.get(EMBEDDING) for item in items], self._columns.dimensions)
        return [v if np.isfinite(v).all() and v.any() else None for v in vectors]

    def table(self, items: Sequence[BeetsItem], vectors: Vectors) -> pa.Table:
        """The rows of items that have these vectors, or failed; raises `CatalogueError` where a column can't be cast.

        The columns are those of `WRITTEN`, as the dataset has them.
        """
        ok = [v is not None for v in vectors]
        own = self._own(items, ok) | {ID: [self._ids.of(item) for item in items], LIBRARY: [self._name] * len(items)}
        first = len(self._ids.columns)
        for n, (name, (kind, parse)) in enumerate(_TAGS.items(), first):
            own[name] = pa.array([parse(item.values[n]) for item in items], kind)
        own[VECTOR] = vector_column(vectors, self._schema)
        return pa.table([_cast(own[each.name], each) for each in self._schema], schema=self._schema)

    def _own(self, items: Sequence[BeetsItem], ok: Sequence[bool]) -> dict[str, Any]:
        attributes = [item.attributes if e else {} for item, e in zip(items, ok, strict=True)]
        genres = [parse_pairs(each.get(GENRES, "")) for each in attributes]
        moods = [parse_pairs(each.get(MOOD, "")) for each in attributes]
        return {
            PATH: [self._ids.path_of(item) for item in items],
            "genre": [max(each, key=each.__getitem__) if each else None for each in genres],
            "genres": self._genres(genres),
            "mood": [{axis: each.get(axis) for axis in self._columns.moods} if each else None for each in moods],
            "model": [self._columns.model] * len(items),
            "heard": [each.get(HEARD) for each in attributes],
            "status": [OK if e else failure(item) for item, e in zip(items, ok, strict=True)],
            "error": [None] * len(items),
        }

    def _genres(self, found: Sequence[Mapping[str, float]]) -> list[dict[str, float | None] | None]:
        """Probabilities by key. Of equal ones in a text, each is a float32 step above the next: that is their order."""
        width = max(map(len, found), default=0)
        ranked = np.full((len(found), width), np.nan, np.float32)
        for n, each in enumerate(found):
            ranked[n, : len(each)] = list(each.values())
        equal = ranked[:, :-1] == ranked[:, 1:]
        for rank in range(width - 2, -1, -1):
            above = np.nextafter(ranked[:, rank + 1], np.float32(np.inf))
            ranked[:, rank] = np.where(equal[:, rank], above, ranked[:, rank])
        rows: list[dict[str, float | None] | None] = []
        for each, numbers in zip(found, ranked.tolist(), strict=True):
            by_label = dict(zip(each, numbers, strict=False))
            by_key = {key: by_label.get(label) for key, label in self._columns.genres.items()}
            rows.append(by_key if each else None)
        return rows


def _cast(values: Any, field: pa.Field) -> pa.Array:
    """Values as the dataset's column has them, which may be of another origin than a library."""
    if not isinstance(values, pa.Array):
        return pa.array(values, field.type)
    try:
        return values.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise CatalogueError(
            f"the dataset's column {field.name} is of type {field.type}, and a library's is of type {values.type}"
        ) from None
