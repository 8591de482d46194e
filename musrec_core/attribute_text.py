"""The text forms of what beets stores for an item: vectors, probabilities, what was heard, why it failed.

A library of any version holds them, so a form never changes. Imports nothing heavy.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NUMBER = re.compile(r":(\d+(?:\.\d+)?)(?=\s|$)")  # ends a pair; the label before it may hold spaces: "hip hop:0.1200"
EXCERPTS = " excerpts:"
_HEARD = re.compile(rf".* \d+\.\d \d+ \d+(?:{EXCERPTS}\d+)?", re.DOTALL)

# Vectors: base64 of float16.


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


# Probabilities: pairs of a label and a number.


def format_genres(genres: Mapping[str, float]) -> str:
    """Probabilities -> ``rock:0.8312 pop:0.1034 ...``, descending."""
    return format_pairs(dict(sorted(genres.items(), key=lambda pair: -pair[1])))


def format_pairs(numbers: Mapping[str, float]) -> str:
    """Numbers -> ``valence:0.6200 arousal:0.8000``, in their order."""
    return " ".join(f"{label}:{p:.4f}" for label, p in numbers.items())


def parse_pairs(text: str) -> dict[str, float]:
    """The inverse of `format_genres` and `format_pairs`; text in another form is skipped."""
    found, end = {}, 0
    for number in _NUMBER.finditer(text):
        if label := text[end : number.start()].strip():
            found[label] = float(number[1])
        end = number.end()
    return found


# What was heard, and why nothing was.


def file_properties(
    format_: str, length: float, bit_rate: int, sample_rate: int, *, excerpts: int | None = None
) -> str:
    """``MP3 241.3 320000 44100``, the properties of an embedded file; beets' columns may be empty.

    Parameters
    ----------
    excerpts : int, optional
        How many of the file were embedded, where that is not what the model's card says.
    """
    properties = f"{format_ or ''} {length or 0:.1f} {bit_rate or 0} {sample_rate or 0}"
    return f"{properties}{EXCERPTS}{excerpts}" if excerpts else properties


def is_file_properties(text: str | None) -> bool:
    """Whether a text has the form of `file_properties`, with the number of excerpts or without."""
    return bool(text and _HEARD.fullmatch(text))


def is_another_recording(embedded: str | None, now: str) -> bool:
    """Whether the file was replaced after it was embedded, as far as beets knows: by a better rip, or another edit.

    Tags do not count, so writing them does not make an embedding stale; cover art changes some bit rates.
    """
    then, there = str(embedded or "").partition(EXCERPTS)[0].rsplit(" ", 3), now.rsplit(" ", 3)
    if len(then) != len(there):  # not noted
        return False
    try:
        length, bit_rate = (abs(float(then[k]) - float(there[k])) for k in (1, 2))
    except ValueError:  # damaged
        return True
    return then[0] != there[0] or then[3] != there[3] or length > 0.5 or bit_rate > 0.2 * float(there[2])


def excerpts_of(embedded: str | None) -> int | None:
    """How many excerpts of a file were embedded, where that was not the model's number."""
    number = str(embedded or "").partition(EXCERPTS)[2]
    return int(number) if number.isdecimal() else None


def failure_of(status: str | None) -> str:
    """Why the last attempt to embed an item failed (``too-short @ 1700000000``); empty if it did not."""
    return str(status or "").partition(" @ ")[0]
