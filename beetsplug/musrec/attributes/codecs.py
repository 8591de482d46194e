"""How a vector is stored: as base64 of float16."""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def encode_vector(vector: NDArray[np.float32]) -> str:
    """A vector -> base64 of little-endian float16."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode("ascii")


def text_length(dimensions: int) -> int:
    """Length of the text of an undamaged vector [characters]."""
    return 4 * math.ceil(2 * dimensions / 3)


def decode_vectors(texts: list[str | None], dimensions: int) -> NDArray[np.float32]:
    """The inverse for many rows [shape=(n, d)]; a damaged row becomes NaN."""
    import numpy as np  # `beet ls` reads no vector

    damaged = np.full(dimensions, np.nan, "<f2").tobytes()
    blobs = [blob if len(blob) == len(damaged) else damaged for blob in map(_unbase64, texts)]
    return np.frombuffer(b"".join(blobs), "<f2").reshape(len(texts), dimensions).astype(np.float32)


def _unbase64(text: str | None) -> bytes:
    try:
        return binascii.a2b_base64(text or "")  # `base64.b64decode` takes twice as long for the same
    except ValueError:
        return b""
