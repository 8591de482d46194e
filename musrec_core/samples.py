"""Decoded frames of any sample format -> mono float32, at the rate that is wanted (soxr)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import downmix

MAX_SAMPLE = 1e10  # of float samples; full scale is 1, and whoever forgot to scale 32-bit integers reaches 2e9
PLANES = 8  # FFmpeg's AV_NUM_DATA_POINTERS: beyond it PyAV has no planes; the mean of eight will do
BLOCK = 11_025  # samples, a quarter of a second mostly: the channels may cancel in a part of the file only
LOOKS = 3  # frames of a block of which the energies are taken
CANCELLED = 0.02, 0.06  # of the channels' energy, what is left of all of it and of none of it is replaced
_TYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63, "flt": 1.0, "dbl": 1.0}


class Span(NamedTuple):
    """Consecutive samples of one rate [shape=(n,)], mono, and excerpts of their channels."""

    rate: int
    y: NDArray[np.float32]
    excerpts: list[NDArray[np.float32]]


@np.errstate(over="ignore", invalid="ignore")  # damaged float samples are mended below, and need no warning
def mono(
    pieces: Iterable[tuple[Any, int]], channel: int | None = None, excerpts: list[NDArray[np.float32]] | None = None
) -> NDArray[np.float32]:
    """The mean of the channels of frames, or one of them, joined: full scale at 1, finite.

    Adding up each frame while it is in the core's cache, and joining the sums, is quicker than joining the frames
    (``av.AudioFifo``) and adding them up.

    Parameters
    ----------
    pieces : iterable of (av.AudioFrame, int)
        One or more frames of the same sample format and layout, each with how many of its first samples to skip.
    channel : int, optional
        The channel to take; the last one where there are fewer.
    excerpts : list, optional
        Gets the stretches of all channels [shape=(channels, m)] that `downmix.louder_channel` wants to see.

    Returns
    -------
    y : np.ndarray [shape=(n,)], float32
    """
    parts, divisor, sample_format, position = [], 1.0, "", 0
    stretch: list[NDArray[Any]] = []
    for frame, skip in pieces:
        sample_format = frame.format.name.removesuffix("p")  # planar or packed
        channels = _channels(frame, sample_format)
        part = _sum(channels) if channel is None else channels[min(channel, len(channels) - 1)].astype(np.float32)
        parts.append(part[skip:])
        divisor = (len(channels) if channel is None else 1) * _FULL_SCALE[sample_format]
        if excerpts is not None and len(channels) > 1:
            if downmix.wanted(position):
                stretch.append(np.array([c[skip:] for c in channels], np.float32))
            elif stretch:
                excerpts.append(np.concatenate(stretch, axis=1))
                stretch = []
            position += frame.samples - skip
    if excerpts is not None and stretch:
        excerpts.append(np.concatenate(stretch, axis=1))
    y = np.concatenate(parts)
    y *= np.float32(1 / divisor)
    if sample_format == "u8":
        y -= 1
    if not (y.min(initial=0) > -MAX_SAMPLE and y.max(initial=0) < MAX_SAMPLE):  # false for a NaN too
        y[~(np.abs(y) < MAX_SAMPLE)] = 0
    return y


def _sum(channels: list[NDArray[Any]]) -> NDArray[np.float32]:
    total = np.add(channels[0], channels[1] if len(channels) > 1 else 0, dtype=np.float32)
    for channel in channels[2:]:
        total += channel
    return total


@np.errstate(over="ignore", invalid="ignore")
def loudest_deviation(pieces: Iterable[tuple[Any, int]]) -> float:
    """The standard deviation of the loudest channel; damaged samples count as none."""
    count, sums, squares, scale = 0, np.zeros(1), np.zeros(1), 1.0
    for frame, skip in pieces:
        sample_format = frame.format.name.removesuffix("p")
        x = np.array([c[skip:] for c in _channels(frame, sample_format)], np.float32)
        x[~(np.abs(x) < MAX_SAMPLE * _FULL_SCALE[sample_format])] = 0
        count += x.shape[1]
        sums = sums + x.sum(axis=1, dtype=np.float64)
        squares = squares + np.einsum("ij,ij->i", x, x, dtype=np.float64)
        scale = _FULL_SCALE[sample_format]
    variances = squares / max(count, 1) - np.square(sums / max(count, 1))
    return float(np.sqrt(np.maximum(variances, 0)).max()) / scale


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
