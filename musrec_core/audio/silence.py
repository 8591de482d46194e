"""Silent stretches of a clip, and the clip without them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK_SECONDS = 0.1  # of which a level is taken
MIN_SILENCE_SECONDS = 2.0  # of a stretch that is left out; rests in music are shorter
SILENCE_RATIO = 10 ** (-45 / 20)  # of the loudest block's level: a record's surface noise; music's softest 2 s: -42 dB
MIN_LEVEL = 2e-5  # of a block that sounds, -94 dB of full scale: less is dithering


def levels(y: Floats, rate: int) -> Floats:
    """Standard deviation of each whole block of `BLOCK_SECONDS` [shape=(n,)]; 0 for a constant."""
    size = max(1, round(BLOCK_SECONDS * rate))
    if len(y) < size:
        return np.zeros(0, np.float32)
    blocks = (y[: len(y) // size * size] - y.mean()).reshape(-1, size)
    means = blocks @ np.full(size, 1 / size, np.float32)
    return np.sqrt(np.maximum(np.einsum("ij,ij->i", blocks, blocks) / size - means**2, 0))


def sounding(level: Floats, block_seconds: float = BLOCK_SECONDS) -> NDArray[np.bool_]:
    """Which blocks are not silent [shape=(n,)].

    Silence is a stretch of `MIN_SILENCE_SECONDS` or more below `SILENCE_RATIO` of the loudest block.
    """
    above = level > max(MIN_LEVEL, float(level.max(initial=0.0)) * SILENCE_RATIO)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], above, [True]]).astype(np.int8)))
    kept = above.copy()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):  # of each quiet stretch
        kept[start:stop] = (stop - start) * block_seconds < MIN_SILENCE_SECONDS
    return kept


def without_silence(excerpts: Sequence[Floats], rate: int, shortest: int) -> list[Floats]:
    """A clip's excerpts without their silent stretches, by the level of the loudest; a silent one is left out.

    They are as they were where fewer than ``shortest`` samples would be left.
    """
    found = [levels(y, rate) for y in excerpts]
    kept = sounding(np.concatenate(found))
    size = max(1, round(BLOCK_SECONDS * rate))
    if kept.all() or kept.sum() * size < shortest:
        return list(excerpts)
    ends = np.cumsum([len(level) for level in found])[:-1]
    left = (_kept_samples(y, blocks, size) for y, blocks in zip(excerpts, np.split(kept, ends), strict=True))
    return [y for y in left if len(y)]


def _kept_samples(y: Floats, kept: NDArray[np.bool_], size: int) -> Floats:
    """The blocks of ``size`` samples that are kept; what is left of the last one goes with it."""
    whole = np.repeat(kept, size)
    rest = np.full(len(y) - len(whole), kept[-1] if len(kept) else True)
    return y[np.concatenate([whole, rest])]
