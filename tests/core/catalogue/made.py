"""Made-up datasets that are clustered as music is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.schema import ModelColumns

from .rows import COLUMNS, rows

FURTHER = pa.schema([("artist", pa.string()), ("year", pa.int64())])


def clustered(rng: np.random.Generator, n: int, d: int) -> NDArray[np.float32]:
    """Vectors of unit length around some places [shape=(n, d)], as float16 keeps them."""
    places = rng.standard_normal((max(2, n // 100), d))
    x = places[rng.integers(len(places), size=n)] + 0.4 * rng.standard_normal((n, d))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float16).astype(np.float32)


def track(number: int) -> str:
    return f"t{number:05d}"


def made_catalogue(uri: str, vectors: NDArray[np.float32], columns: ModelColumns = COLUMNS) -> Catalogue:
    """A dataset of these vectors: ten tracks an artist, and the years 1950 to 2019."""
    catalogue = Catalogue.create(uri, columns, FURTHER)
    numbers = range(len(vectors))
    further: dict[str, Sequence[Any]] = {
        "artist": [f"artist {n // 10}" for n in numbers],
        "year": [1950 + n % 70 for n in numbers],
    }
    catalogue.merge(rows([track(n) for n in numbers], vectors, further, columns))
    return catalogue
