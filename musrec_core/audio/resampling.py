"""Resampling in numpy: blocks of samples are filtered by FFT (overlap-save), and their spectra cut or padded to the new
rate.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# A Kaiser-windowed sinc, as close as one comes to soxr's "HQ", with which the shipped model was trained. In shares of
# the lower rate's Nyquist frequency: flat to the first, -127 dB from the second on.
PASSED, STOPPED = 0.9135, 1.0
ATTENUATION = 127.0  # dB
HALF_LENGTH = (ATTENUATION - 7.95) / (14.36 * (STOPPED - PASSED))  # samples of the lower rate; by Kaiser's formula
KAISER_BETA = 0.1102 * (ATTENUATION - 8.7)
BLOCK_SAMPLES = 1 << 14  # of the higher rate, about: some blocks and their spectra stay in a core's cache
MIN_MARGINS = 8  # in a block: at most a quarter is computed for nothing
BLOCKS_AT_ONCE = 8  # numpy transforms several at once twice as quickly as one by one
MAX_TERM = 1_000  # of a ratio of rates, to stay quick: an odd rate such as 44,101 Hz ends up at most 0.5 cent off pitch


def resample(y: Floats, rate: int, sample_rate: int) -> Floats:
    """Resample a signal; beyond its ends it counts as silent.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
    rate, sample_rate : int > 0
        Of ``y``, and of what is returned [Hz].

    Returns
    -------
    y : np.ndarray [shape=(round(n * sample_rate / rate),)], float32
        Without delay: sample k is at ``k / sample_rate``.
    """
    if rate == sample_rate or not y.size:
        return y
    up, down = _ratio(rate, sample_rate)
    groups, margin, response = _filter(up, down)
    kept = groups - 2 * margin
    length = round(y.size * sample_rate / rate)
    count = math.ceil(max(length / up, y.size / down) / kept)
    padded = np.zeros((count * kept + 2 * margin) * down, np.float32)
    padded[margin * down :][: y.size] = y
    blocks = np.lib.stride_tricks.sliding_window_view(padded, groups * down)[:: kept * down]
    resampled = np.empty((count, kept * up), np.float32)
    for first in range(0, count, BLOCKS_AT_ONCE):
        some = slice(first, first + BLOCKS_AT_ONCE)
        spectra = np.fft.rfft(blocks[some])[:, : len(response)] * response
        resampled[some] = np.fft.irfft(spectra, groups * up)[:, margin * up : (margin + kept) * up]
    return resampled.reshape(-1)[:length]


def _ratio(rate: int, sample_rate: int) -> tuple[int, int]:
    """So many samples of the new rate are as long as so many of the old one."""
    if rate > sample_rate:
        inverse = Fraction(rate, sample_rate).limit_denominator(MAX_TERM)
        return inverse.denominator, inverse.numerator
    ratio = Fraction(sample_rate, rate).limit_denominator(MAX_TERM)
    return ratio.numerator, ratio.denominator


@functools.lru_cache(maxsize=8)
def _filter(up: int, down: int) -> tuple[int, int, Floats]:
    """Groups of samples a block, those at either end that a filter spoils, and its response in each bin that is kept.

    A group is ``down`` samples of the old rate and ``up`` of the new one.
    """
    lower, higher = sorted((up, down))
    margin = -(-math.ceil(HALF_LENGTH) // lower)
    groups = 1 << (max(MIN_MARGINS * margin, BLOCK_SAMPLES // higher) - 1).bit_length()  # a power of two is quick
    half = HALF_LENGTH * down / lower
    t = np.arange(-math.floor(half), math.floor(half) + 1)
    cutoff = (PASSED + STOPPED) / 2 * lower / down
    window = np.i0(KAISER_BETA * np.sqrt(1 - (t / half) ** 2))
    taps = np.zeros(groups * down)
    taps[t] = np.sinc(cutoff * t) * window  # negative times stand at the end
    response = np.fft.rfft(taps).real * up / (down * taps.sum())
    return groups, margin, response[: groups * lower // 2 + 1].astype(np.float32)
