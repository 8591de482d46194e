"""Made-up rows of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from musrec_core.catalogue.schema import ModelColumns, dataset_schema, vector_column

DIMENSIONS = 16
COLUMNS = ModelColumns("made-1@0123abcd", DIMENSIONS, {"jazz": "jazz", "hip_hop": "hip hop"}, ("valence", "arousal"))


def unit_vectors(rng: np.random.Generator, n: int, d: int = DIMENSIONS) -> NDArray[np.float32]:
    """Random directions [shape=(n, d)]."""
    x = rng.standard_normal((n, d)).astype(np.float32)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def rows(
    ids: Sequence[str],
    vectors: Sequence[NDArray[np.float32] | None] | NDArray[np.float32],
    further: Mapping[str, Sequence[Any]] | None = None,
    columns: ModelColumns = COLUMNS,
) -> pa.Table:
    """Embedded tracks, or failed ones where the vector is None: all jazz for two thirds."""
    more = pa.table(dict(further or {}))
    schema = dataset_schema(columns, more.schema)
    n = len(ids)
    heard = [v is not None for v in vectors]
    first, *others = columns.genres
    genres = [{first: 0.75, **dict.fromkeys(others, 0.25 / max(len(others), 1))} if ok else None for ok in heard]
    own = {
        "id": list(ids),
        "path": [f"/music/{id_}.flac" for id_ in ids],
        "vector": vector_column(vectors, schema),
        "genre": [columns.genres[first] if ok else None for ok in heard],
        "genres": genres,
        "mood": [dict.fromkeys(columns.moods, 0.5) if ok else None for ok in heard],
        "model": [columns.model] * n,
        "heard": ["size:1000"] * n,
        "status": ["ok" if ok else "unreadable" for ok in heard],
        "error": [None if ok else "no decoder" for ok in heard],
    }
    return pa.table({**own, **{name: more[name] for name in more.column_names}}, schema=schema)
