"""What nobody hears, and the lowest mel band does: a constant, drift, and rumble below hearing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EDGES = 16.0, 20.0  # of the high-pass [Hz]: nothing below, all above
HALF = 64  # samples of half a window of the look at the low end
SUSPICIOUS = 10 ** (-25 / 10), 10 ** (-20 / 10)  # share of the power from where some, and from where all of it goes


def without_infrasound(y: Floats, rate: int) -> Floats:
    """A clip without its mean, and without what lies below 18 Hz where that is more than music has.

    Ordinary music is left as it is but for its mean, so vectors that are stored stay what they are.
    """
    y = y - y.mean(dtype=np.float64).astype(np.float32)
    share = _low_share(y, rate)
    least, all_ = np.log(SUSPICIOUS)
    weight = float(np.clip((np.log(max(share, 1e-30)) - least) / (all_ - least), 0, 1))
    return y - np.float32(weight) * _low(y, rate) if weight > 0 else y


def _low_share(y: Floats, rate: int) -> float:
    """The share of the power that lies below 18 Hz, from means over Hann windows: quick, and near enough."""
    blocks = y[: len(y) // HALF * HALF].reshape(-1, HALF)
    power = float(y @ y)
    if len(blocks) < 3 or not 0 < power < np.inf:
        return 0.0
    hann = (0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * HALF) + 0.5) / HALF)).astype(np.float32) / HALF
    smooth = blocks[:-1] @ hann[:HALF] + blocks[1:] @ hann[HALF:]
    spectrum = np.abs(np.fft.rfft(smooth)) ** 2
    low = spectrum[np.fft.rfftfreq(len(smooth), HALF / rate) < sum(EDGES) / 2]
    return float(2 * low.sum() / len(smooth) * HALF / power)


def _low(y: Floats, rate: int) -> Floats:
    """What lies below 18 Hz. The clip is mirrored, so that its ends meet."""
    spectrum = np.fft.rfft(np.concatenate([y, y[::-1]]))
    frequencies = np.fft.rfftfreq(2 * len(y), 1 / rate)
    spectrum *= np.clip((EDGES[1] - frequencies) / (EDGES[1] - EDGES[0]), 0, 1)
    return np.fft.irfft(spectrum, 2 * len(y))[: len(y)].astype(np.float32)
