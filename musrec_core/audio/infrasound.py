"""Removal of what is inaudible but fills the lowest mel band: a constant offset, drift, rumble below 20 Hz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

HIGH_PASS_EDGES = 18.0, 23.0  # Hz: nothing passes below the first, everything above the second
HOP_LENGTH = 64  # samples, half a Hann window: the low frequencies are sampled in steps of so many
PADDED_HOPS = 64  # a clip is padded to a multiple of so many hops: an FFT of a prime length is slow
_HANN = ((0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * HOP_LENGTH) + 0.5) / HOP_LENGTH)) / HOP_LENGTH).astype(np.float32)
RUMBLE_SHARES = 10 ** (-25 / 10), 10 ** (-20 / 10)  # of the power: from where some is removed, from where all


def without_infrasound(y: Floats, rate: int) -> Floats:
    """A clip without its mean, and without what lies below 20 Hz where that is more than music has.

    Ordinary music is left as it is but for its mean, so vectors that are stored stay what they are.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    rate : int
        Samples a second.
    """
    if not len(y):
        return y
    y = y - y.mean()
    power = float(y @ y)
    if len(y) < 2 * HOP_LENGTH * PADDED_HOPS or not 0 < power < np.inf:
        return y
    share = _low_power(_smoothed(y[: len(y) // HOP_LENGTH * HOP_LENGTH]), rate) * HOP_LENGTH / power
    least, all_ = np.log(RUMBLE_SHARES)
    weight = float(np.clip((np.log(max(share, 1e-30)) - least) / (all_ - least), 0, 1))
    if not weight > 0:
        return y
    more = HOP_LENGTH + -(len(y) + HOP_LENGTH) % (HOP_LENGTH * PADDED_HOPS)
    padded = np.pad(y, (HOP_LENGTH, more), mode="reflect")
    return y - _interpolated(np.float32(weight) * _low_frequencies(_smoothed(padded), rate))[: len(y)]


def _interpolated(low: Floats) -> Floats:
    """Straight lines from value to value, each the middle of a window, `HOP_LENGTH` samples apart."""
    steps = (np.arange(HOP_LENGTH, dtype=np.float32) + np.float32(0.5)) / HOP_LENGTH
    return (low[:-1, None] + np.diff(low)[:, None] * steps).reshape(-1)


def _smoothed(y: Floats) -> Floats:
    """The mean over a Hann window every `HOP_LENGTH` samples: it keeps the low frequencies, and little else."""
    blocks = y.reshape(-1, HOP_LENGTH)
    return np.asarray(blocks[:-1] @ _HANN[:HOP_LENGTH] + blocks[1:] @ _HANN[HOP_LENGTH:], np.float32)


def _low_power(smooth: Floats, rate: int) -> float:
    """The power below 20 Hz, summed over the values."""
    size = 1 << (len(smooth) - 1).bit_length()  # a power of two is quick
    kept = round(sum(HIGH_PASS_EDGES) / 2 * size * HOP_LENGTH / rate)
    return float(2 * np.square(np.abs(np.fft.rfft(smooth, size)[:kept])).sum() / size)


def _low_frequencies(smooth: Floats, rate: int) -> Floats:
    """What lies below 20 Hz, a value every `HOP_LENGTH` samples."""
    spectrum = np.fft.rfft(np.concatenate([smooth, smooth[::-1]]).astype(np.float64))  # mirrored: its ends meet
    frequencies = np.fft.rfftfreq(2 * len(smooth), HOP_LENGTH / rate)
    kept = frequencies < HIGH_PASS_EDGES[1]
    spectrum[~kept] = 0
    turns = frequencies[kept] * 2 * HOP_LENGTH / rate
    response = np.sinc(turns) / (1 - turns**2)  # of the Hann window
    stop, passed = HIGH_PASS_EDGES
    spectrum[kept] *= np.clip((passed - frequencies[kept]) / (passed - stop), 0, 1) / response
    return np.fft.irfft(spectrum, 2 * len(smooth))[: len(smooth)].astype(np.float32)
