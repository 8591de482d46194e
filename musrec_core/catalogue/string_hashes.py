"""64-bit hashes of text, and which texts of 100 million are there twice: 8 bytes a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_PRIME, _SEED = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_NAMED = 1_000  # hashes that are looked up once more, to name one text

Hashes = NDArray[np.uint64]


def hash_texts(texts: pa.Array | pa.ChunkedArray) -> Hashes:
    """A hash of each text, the same on every machine; nulls as empty ones [shape=(n,)]."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    large = whole.cast(pa.large_string()).fill_null("")
    if not len(large):
        return np.zeros(0, np.uint64)
    _, offsets, content = large.buffers()
    starts = np.frombuffer(offsets, np.int64)[large.offset : large.offset + len(large) + 1]
    lengths = np.diff(starts)
    padded = np.zeros(int(starts[-1]) - int(starts[0]) + 8, np.uint8)
    padded[:-8] = np.frombuffer(content or b"", np.uint8)[starts[0] : starts[-1]]
    words = np.ndarray((len(padded) - 7,), "<u8", padded, 0, (1,))  # the 8 bytes from every byte on
    return _mixed(words, starts[:-1] - starts[0], lengths)


def _mixed(words: Hashes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Hashes:
    hashes = _stirred(lengths.astype(np.uint64) ^ _SEED)
    rest = np.arange(len(lengths))
    for at in range(0, int(lengths.max(initial=0)), 8):
        rest = rest[lengths[rest] > at]
        unused = np.maximum(8 - (lengths[rest] - at), 0).astype(np.uint64) * np.uint64(8)
        word = words[starts[rest] + at] << unused >> unused
        hashes[rest] = _stirred(hashes[rest] ^ word)
    return _stirred(hashes)


def _stirred(x: Hashes) -> Hashes:
    for _ in range(2):
        x = x * _PRIME
        x = x ^ (x >> _SHIFT)
    return x


@dataclass(frozen=True)
class Repeated:
    """Texts that are there more than once.

    Attributes
    ----------
    example : str
        One of them.
    rows : int
        How many rows are one too many.
    """

    example: str
    rows: int


class RepeatFinder:
    """Finds texts that come twice among ``count`` of them; holds 8 bytes a text."""

    def __init__(self, count: int) -> None:
        self._hashes = np.empty(count, np.uint64)
        self._taken = 0

    def __len__(self) -> int:
        return self._taken

    def add(self, texts: pa.Array | pa.ChunkedArray) -> None:
        """Take some more; raises `IndexError` where they are more than were promised."""
        end = self._taken + len(texts)
        if end > len(self._hashes):
            raise IndexError(end)
        self._hashes[self._taken : end] = hash_texts(texts)
        self._taken = end

    def repeated(self, again: Callable[[], Iterable[pa.ChunkedArray]]) -> Repeated | None:
        """What is there twice, or None; ``again`` gives all texts once more, to tell it from a hash's coincidence."""
        found = self._hashes[: self._taken]
        found.sort()  # in place: the order of the rows is not needed any more
        twice = np.unique(found[1:][found[1:] == found[:-1]])
        for first in range(0, len(twice), _NAMED):
            some = twice[first : first + _NAMED]
            counts: Counter[str] = Counter()
            for texts in again():
                suspect = np.isin(hash_texts(texts), some)
                if suspect.any():
                    counts.update(texts.filter(pa.array(suspect)).to_pylist())
            for text, count in counts.items():
                if count > 1:
                    return Repeated(text, int((found[1:] == found[:-1]).sum()))
        return None
