"""What nobody hears, and the lowest mel band does: a constant, drift, and rumble below hearing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EDGES = 18.0, 23.0  # of the high-pass [Hz]: nothing below, all above
HALF = 64  # samples of half a Hann window: the low end is looked at in steps of so many
MULTIPLE = 64  # of so many steps a clip is made long: a transform of a prime length takes long
_HANN = ((0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * HALF) + 0.5) / HALF)) / HALF).astype(np.float32)
SUSPICIOUS = 10 ** (-25 / 10), 10 ** (-20 / 10)  # share of the power from where some, and from where all of it goes


def without_infrasound(y: Floats, rate: int) -> Floats:
    """A clip without its mean, and without what lies below 20 Hz where that is more than music has.

    Ordinary music is left as it is but for its mean, so vectors that are stored stay what they are.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    rate : int
        Samples a second.
    """
    y = y - y.mean()
    power = float(y @ y)
    if len(y) < 2 * HALF * MULTIPLE or not 0 < power < np.inf:
        return y
    share = _low_power(_smoothed(y[: len(y) // HALF * HALF]), rate) * HALF / power
    least, all_ = np.log(SUSPICIOUS)
    weight = float(np.clip((np.log(max(share, 1e-30)) - least) / (all_ - least), 0, 1))
    if not weight > 0:
        return y
    more = HALF + -(len(y) + HALF) % (HALF * MULTIPLE)
    padded = np.pad(y, (HALF, more), mode="reflect")
    return y - _between(np.float32(weight) * _low_end(_smoothed(padded), rate))[: len(y)]


def _between(low: Floats) -> Floats:
    """Straight lines from value to value, each the middle of a window, `HALF` samples apart."""
    steps = (np.arange(HALF, dtype=np.float32) + np.float32(0.5)) / HALF
    return (low[:-1, None] + np.diff(low)[:, None] * steps).reshape(-1)


def _smoothed(y: Floats) -> Floats:
    """The mean over a Hann window every `HALF` samples: what is left of the low end, and next to nothing else."""
    blocks = y.reshape(-1, HALF)
    return np.asarray(blocks[:-1] @ _HANN[:HALF] + blocks[1:] @ _HANN[HALF:], np.float32)


def _low_power(smooth: Floats, rate: int) -> float:
    """The power below 20 Hz, summed over the values."""
    size = 1 << (len(smooth) - 1).bit_length()  # a power of two is quick
    kept = round(sum(EDGES) / 2 * size * HALF / rate)
    return float(2 * np.square(np.abs(np.fft.rfft(smooth, size)[:kept])).sum() / size)


def _low_end(smooth: Floats, rate: int) -> Floats:
    """What lies below 20 Hz, a value every `HALF` samples."""
    spectrum = np.fft.rfft(np.concatenate([smooth, smooth[::-1]]).astype(np.float64))  # mirrored: its ends meet
    frequencies = np.fft.rfftfreq(2 * len(smooth), HALF / rate)
    kept = frequencies < EDGES[1]
    spectrum[~kept] = 0
    turns = frequencies[kept] * 2 * HALF / rate
    response = np.sinc(turns) / (1 - turns**2)  # of the Hann window
    spectrum[kept] *= np.clip((EDGES[1] - frequencies[kept]) / (EDGES[1] - EDGES[0]), 0, 1) / response
    return np.fft.irfft(spectrum, 2 * len(smooth))[: len(smooth)].astype(np.float32)
