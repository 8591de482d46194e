"""The columns of a dataset of embedded tracks, and what its metadata says of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..card import Card
from ..errors import CatalogueError
from ..mood import AXES

FORMAT = 1
OK = "ok"  # the status of a track that has an embedding; others are those of `errors.REASONS`, and `STORAGE`
STORAGE = "storage"  # the status of a track whose file could not be fetched: it is tried again
ID, PATH, VECTOR, GENRE, GENRES, MOOD = "id", "path", "vector", "genre", "genres", "mood"
MODEL, HEARD, STATUS, ERROR = "model", "heard", "status", "error"
OWN = (ID, PATH, VECTOR, GENRE, GENRES, MOOD, MODEL, HEARD, STATUS, ERROR)  # what a manifest's further columns can't be
HAS_VECTOR = f"{STATUS} = '{OK}'"  # quicker than to look at the vectors
RESERVED = ("_distance", "query_index")  # what Lance calls its own columns of an answer
_FORMAT_KEY, _MODEL_KEY, _GENRES_KEY = b"musrec.format", b"musrec.model", b"musrec.genres"


@dataclass(frozen=True)
class ModelColumns:
    """What the columns of a model's output look like.

    Attributes
    ----------
    model : str
        ``NAME@sha256[:8]``.
    dimensions : int
        Of the embedding.
    genres : dict of str to str
        Key -> label of each genre, in the order of the network's logits.
    moods : tuple of str
        The axes of the mood.
    """

    model: str
    dimensions: int
    genres: dict[str, str]
    moods: tuple[str, ...]

    @classmethod
    def of_card(cls, card: Card) -> ModelColumns:
        """Those of a model's card."""
        genres = {genre.key: genre.label for genre in card.genres}
        return cls(card.model_id, card.dimensions, genres, tuple(card.mood) or AXES)  # without a mood head: all null

    @classmethod
    def of_schema(cls, schema: pa.Schema, uri: str) -> ModelColumns:
        """Those of a dataset; raises `CatalogueError` where it is none of ours, or of another version."""
        metadata: Mapping[bytes, bytes] = schema.metadata or {}
        if _FORMAT_KEY not in metadata:
            raise CatalogueError(f"{uri} is a Lance dataset, but none of embedded tracks")
        if metadata[_FORMAT_KEY] != str(FORMAT).encode():
            version = metadata[_FORMAT_KEY].decode(errors="replace")
            raise CatalogueError(f"{uri} is of format {version}, and this version reads {FORMAT}")
        missing = [name for name in OWN if name not in schema.names]
        if missing:
            raise CatalogueError(f"{uri} lacks the column {missing[0]}")
        genres = json.loads(metadata[_GENRES_KEY])
        moods = tuple(field.name for field in schema.field(MOOD).type)
        return cls(metadata[_MODEL_KEY].decode(), schema.field(VECTOR).type.list_size, genres, moods)

    def fits(self, other: ModelColumns) -> bool:
        """Whether both can be in one dataset."""
        return (self.dimensions, list(self.genres), self.moods) == (
            other.dimensions,
            list(other.genres),
            other.moods,
        )


def dataset_schema(columns: ModelColumns, further: pa.Schema | None = None) -> pa.Schema:
    """The schema of a dataset: our columns, then a manifest's further ones.

    The vector is float16, of unit length, and null where the status is not ``ok``; a genre's probability is a field of
    ``genres``, by its key (``genres.hip_hop > 0.5``), an axis of the mood one of ``mood``; ``genre`` is the label of
    the likeliest.

    Raises
    ------
    CatalogueError
        A further column is named as one of ours, or of Lance's.
    """
    taken = [field.name for field in further or () if field.name in OWN[2:]]
    if taken:
        raise CatalogueError(f"the manifest has a column {taken[0]}, which the dataset makes itself: rename it")
    kept = [field.name for field in further or () if field.name in RESERVED or field.name.startswith("_row")]
    if kept:
        raise CatalogueError(f"the manifest has a column {kept[0]}, a name that Lance keeps for itself: rename it")
    own = [
        pa.field(ID, pa.string(), nullable=False),
        pa.field(PATH, pa.string()),
        pa.field(VECTOR, pa.list_(pa.float16(), columns.dimensions)),
        pa.field(GENRE, pa.string()),
        pa.field(GENRES, pa.struct([pa.field(key, pa.float32()) for key in columns.genres])),
        pa.field(MOOD, pa.struct([pa.field(axis, pa.float32()) for axis in columns.moods])),
        pa.field(MODEL, pa.string()),
        pa.field(HEARD, pa.string()),
        pa.field(STATUS, pa.string(), nullable=False),
        pa.field(ERROR, pa.string()),
    ]
    more = [field for field in further or () if field.name not in (ID, PATH)]
    return pa.schema([*own, *more], metadata=metadata_of(columns))


def metadata_of(columns: ModelColumns) -> dict[str, str]:
    """What a dataset's schema says of the model and the format."""
    return {
        _FORMAT_KEY.decode(): str(FORMAT),
        _MODEL_KEY.decode(): columns.model,
        _GENRES_KEY.decode(): json.dumps(columns.genres, ensure_ascii=False),
    }


def vectors_in(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float32]:
    """A column of vectors without nulls -> [shape=(n, d)]."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # of no chunks
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    return np.asarray(array.flatten().to_numpy(zero_copy_only=False), np.float32).reshape(-1, column.type.list_size)


def vector_column(vectors: Any, schema: pa.Schema) -> pa.Array:
    """Vectors, or None for each track without one -> the column.

    Parameters
    ----------
    vectors : sequence of (np.ndarray [shape=(d,)] or None)
    """
    return pa.array([None if v is None else v.astype("<f2") for v in vectors], schema.field(VECTOR).type)
