"""Decoded frames of any sample format -> mono float32, at the rate that is wanted (soxr)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_SAMPLE = 1e10  # of float samples; full scale is 1, and whoever forgot to scale 32-bit integers reaches 2e9
PLANES = 8  # FFmpeg's AV_NUM_DATA_POINTERS: beyond it PyAV has no planes; the mean of eight will do
BLOCK = 11_025  # samples, a quarter of a second mostly: the channels may cancel in a part of the file only
LOOKS = 3  # frames of a block of which the energies are taken
CANCELLED = 0.02, 0.06  # of the channels' energy, what is left of all of it and of none of it is replaced
_TYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63, "flt": 1.0, "dbl": 1.0}


class Span(NamedTuple):
    """Consecutive samples of one rate [shape=(n,)], mono."""

    rate: int
    y: NDArray[np.float32]


@np.errstate(over="ignore", invalid="ignore")  # damaged float samples are mended below, and need no warning
def mono(pieces: Iterable[tuple[Any, int]]) -> NDArray[np.float32]:
    """The mean of the channels of frames, joined: full scale at 1, finite.

    Where the channels cancel each other, the louder one takes the place of the mean.

    Adding up each frame while it is in the core's cache, and joining the sums, is quicker than joining the frames
    (``av.AudioFifo``) and adding them up.

    Parameters
    ----------
    pieces : iterable of (av.AudioFrame, int)
        One or more frames of the same sample format and layout, each with how many of its first samples to skip.

    Returns
    -------
    y : np.ndarray [shape=(n,)], float32
    """
    sums, divisor, sample_format = [], 1.0, ""
    block: list[tuple[Any, int]] = []
    louder = 0
    for frame, skip in pieces:
        sample_format = frame.format.name.removesuffix("p")  # planar or packed
        channels = _channels(frame, sample_format)
        total = np.add(channels[0], channels[1] if len(channels) > 1 else 0, dtype=np.float32)
        for channel in channels[2:]:
            total += channel
        sums.append(total[skip:])
        divisor = len(channels) * _FULL_SCALE[sample_format]
        if len(channels) > 1:
            block.append((frame, skip))
            if sum(frame.samples for frame, _ in block) >= BLOCK:
                louder = _mend(sums, block, sample_format, louder)
                block = []
    if block:
        _mend(sums, block, sample_format, louder)
    y = np.concatenate(sums)
    y *= np.float32(1 / divisor)
    if sample_format == "u8":
        y -= 1
    if not (y.min(initial=0) > -MAX_SAMPLE and y.max(initial=0) < MAX_SAMPLE):  # false for a NaN too
        y[~(np.abs(y) < MAX_SAMPLE)] = 0
    return y


def _mend(sums: list[NDArray[np.float32]], block: list[tuple[Any, int]], sample_format: str, before: int) -> int:
    """Put the louder channel in the place of the last sums, as far as the channels of this block cancel each other.

    It stays the one of the block before until another is clearly louder: each change of sign is a click.
    """
    energies = sum(_energies(_channels(frame, sample_format)) for frame, _ in block[:: max(1, len(block) // LOOKS)])
    assert isinstance(energies, np.ndarray)
    apart = energies[:-1].sum(axis=0)  # the energy that the sum of independent channels has
    kept = (energies[-1] / np.where(apart > 0, apart, 1))[apart > 0]
    low, high = CANCELLED
    weight = float(np.clip((high - kept.min(initial=high)) / (high - low), 0, 1))
    if not weight > 0:  # false for a NaN too
        return before
    power = energies[:-1, 0]
    louder = int(power.argmax()) if power.max() > 2 * power[before] else before
    for k, (frame, skip) in enumerate(block, len(sums) - len(block)):
        channels = _channels(frame, sample_format)
        alone = channels[louder][skip:].astype(np.float32) * len(channels)
        sums[k] = (1 - weight) * sums[k] + weight * alone
    return louder


def _energies(channels: list[NDArray[Any]]) -> NDArray[np.float64]:
    """Of each channel and of their sum, and of the differences of neighbouring samples [shape=(channels + 1, 2)].

    The differences tell where the highs cancel while a bass that the channels share does not. A constant has none.
    """
    x = np.array(channels, np.float32)
    x -= x.mean(axis=1, keepdims=True)
    x = np.concatenate([x, x.sum(axis=0, keepdims=True)])
    steps = np.diff(x, axis=1)
    return np.stack([np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", steps, steps)], axis=1).astype(np.float64)


def _channels(frame: Any, sample_format: str) -> list[NDArray[Any]]:
    """A frame's channels [shape=(n,) each].

    ``frame.to_ndarray`` is slower, and reads a ninth plane of eight planar channels and crashes (seen with PyAV 18.1).
    """
    channels, dtype = frame.layout.nb_channels, _TYPES[sample_format]
    if frame.format.is_planar:
        return [np.frombuffer(plane, dtype, count=frame.samples) for plane in frame.planes[: min(channels, PLANES)]]
    packed = np.frombuffer(frame.planes[0], dtype, count=frame.samples * channels).reshape(-1, channels)
    return list(packed.astype(np.float32).T)  # all at once is twice as quick as channel by channel


def to_rate(y: NDArray[np.float32], rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Resample [Hz] with soxr's high quality, librosa's default."""
    if rate == sample_rate:
        return y
    import soxr

    return soxr.resample(y, rate, sample_rate, quality="HQ").astype(np.float32, copy=False)
