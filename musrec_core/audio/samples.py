"""Decoded frames of any sample format -> mono float32."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import downmix

MAX_SAMPLE = 1e10  # above it a float sample is damaged; unscaled 32-bit integers reach 2e9
MAX_PLANES = 8  # FFmpeg's AV_NUM_DATA_POINTERS: so many channels of planar audio are read
MOVING_AVERAGES_PER_SECOND = 40  # a window is 25 ms: what is slower than some 20 Hz is no sound
_TYPES = {
    name: np.dtype(code)
    for name, code in {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}.items()
}
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63, "flt": 1.0, "dbl": 1.0}


@dataclass
class Span:
    """Consecutive samples of one rate.

    Attributes
    ----------
    rate : int
        Samples a second.
    y : np.ndarray [shape=(n,)], float32
        Mono: full scale at 1, finite.
    excerpts : list of np.ndarray [shape=(channels, m)]
        Stretches of all channels, which `downmix.louder_channel` wants to see.
    """

    rate: int
    y: NDArray[np.float32]
    excerpts: list[NDArray[np.float32]] = field(default_factory=list)


@np.errstate(over="ignore", invalid="ignore")
def mono(rate: int, pieces: Iterable[tuple[Any, int]], channel: int | None = None) -> Span:
    """The mean of the channels of frames, or one of them, joined.

    Adding up each frame while it is in the core's cache, and joining the sums, is quicker than joining the frames
    (``av.AudioFifo``) and adding them up.

    Parameters
    ----------
    rate : int
        Samples a second.
    pieces : iterable of (av.AudioFrame, int)
        One or more frames of the same sample format and layout, each with how many of its first samples to skip.
    channel : int, optional
        The channel to take; the last one where there are fewer.
    """
    span = Span(rate, np.zeros(0, np.float32))
    parts, divisor, position = [], 1.0, 0
    stretch: list[NDArray[Any]] = []
    for frame, skip in pieces:
        sample_format = frame.format.name.removesuffix("p")  # planar or packed
        channels = _channels(frame, sample_format)
        if skip:
            channels = [samples[skip:] for samples in channels]
        if channel is None:
            parts.append(_sum(channels))
            divisor = len(channels) * _FULL_SCALE[sample_format]
        else:
            parts.append(channels[min(channel, len(channels) - 1)].astype(np.float32))
            divisor = _FULL_SCALE[sample_format]
        if len(channels) > 1 and downmix.is_in_excerpt(position):
            stretch.append(np.array(channels, np.float32))
        elif stretch:
            span.excerpts.append(np.concatenate(stretch, axis=1))
            stretch = []
        position += frame.samples - skip
    if stretch:
        span.excerpts.append(np.concatenate(stretch, axis=1))
    span.y = _finite(np.concatenate(parts), divisor)
    if parts and sample_format == "u8":
        span.y -= 1
    return span


@np.errstate(over="ignore", invalid="ignore")  # damaged float samples need no warning
def _finite(y: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Samples divided by their full scale; damaged ones become 0."""
    y *= np.float32(1 / scale)
    if not (y.min(initial=0) > -MAX_SAMPLE and y.max(initial=0) < MAX_SAMPLE):  # false for a NaN too
        y[~(np.abs(y) < MAX_SAMPLE)] = 0
    return y


def _sum(channels: list[NDArray[Any]]) -> NDArray[np.float32]:
    total = np.add(channels[0], channels[1] if len(channels) > 1 else 0, dtype=np.float32)
    for channel in channels[2:]:
        total += channel
    return total


@np.errstate(over="ignore", invalid="ignore")
def loudest_deviation(pieces: Sequence[tuple[Any, int]], rate: int) -> float:
    """The standard deviation of the loudest channel without infrasound; damaged samples count as 0."""
    sample_format = pieces[0][0].format.name.removesuffix("p")
    x = np.concatenate([np.array(_channels(f, sample_format), np.float32)[:, skip:] for f, skip in pieces], axis=1)
    x /= np.float32(_FULL_SCALE[sample_format])
    x[~(np.abs(x) < MAX_SAMPLE)] = 0
    for _ in range(2):
        x = _less_moving_average(x, rate // MOVING_AVERAGES_PER_SECOND)
    return float(x.std(axis=1).max()) if x.size else 0.0


def _less_moving_average(x: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """A high-pass; the ends, where the average lacks samples, are cut off."""
    if x.shape[1] <= 2 * width or width < 2:
        return x
    total = np.cumsum(x, axis=1, dtype=np.float64)
    average = (total[:, width:] - total[:, :-width]) / width
    middle = width // 2 + 1
    return np.asarray(x[:, middle : middle + average.shape[1]] - average, np.float32)


def _channels(frame: Any, sample_format: str) -> list[NDArray[Any]]:
    """A frame's channels [shape=(n,) each].

    ``frame.to_ndarray`` is slower, and takes eight planar channels for nine: a crash, or an error (PyAV 18.1, 19.0).
    """
    channels, dtype = frame.layout.nb_channels, _TYPES[sample_format]
    if frame.format.is_planar:
        planes = [_plane(frame, index) for index in range(min(channels, MAX_PLANES))]
        return [np.frombuffer(plane, dtype, count=frame.samples) for plane in planes]
    packed = np.frombuffer(_plane(frame, 0), dtype, count=frame.samples * channels).reshape(-1, channels)
    return list(packed.astype(np.float32).T)  # all at once is twice as quick as channel by channel


def _plane(frame: Any, index: int) -> Any:
    """What ``frame.planes[index]`` is; PyAV 19 can't list the planes of eight planar channels."""
    return _plane_type()(frame, index)


@cache
def _plane_type() -> Any:
    from av.audio.plane import AudioPlane  # looked up once: there are two thousand planes in a clip

    return AudioPlane
