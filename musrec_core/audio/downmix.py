"""Whether a recording's channels cancel each other in their mean, and which one is taken in its place.

A channel with inverted polarity, or with a short delay, takes whole bands out of the mean. Ordinary stereo does not
(see `MAX_CANCELLED_BANDS`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

EXCERPT_SAMPLES = 16_384  # a channel of an excerpt
EXCERPT_PERIOD = 24  # one of so many stretches of that length is an excerpt
N_FFT = 1_024  # samples of a spectrum
BLOCK_FRAMES = 16  # spectra averaged: fewer would cancel by chance where channels have nothing in common
BAND_EDGES = np.geomspace(100.0, 10_000.0, 33)  # Hz
INAUDIBLE_RATIO = 1e-5  # of the loudest band's power, -50 dB: below it nobody hears what is missing
CANCELLED_RATIO = 0.3  # of the channels' power, left in their sum; independent ones have 1, two equal ones 2
MAX_CANCELLED_BANDS = 0.06  # share of the bands; at most 0.04 in 101 songs of ordinary stereo
DECIMATION = 4  # of the samples, for the cross-correlation
MAX_DELAY = 0.03  # seconds: from there on one hears an echo, and the notches are narrower than a band
MIN_DELAYED_CORRELATION = 0.85  # of two channels of which one is the other, delayed or inverted


def is_in_excerpt(position: int) -> bool:
    """Whether the samples that begin here [samples from the start] belong to an excerpt."""
    return position // EXCERPT_SAMPLES % EXCERPT_PERIOD == 0


def louder_channel(excerpts: Sequence[Array], rate: int) -> int | None:
    """The channel to take in place of the mean of all; None where the mean is as good.

    Parameters
    ----------
    excerpts : sequence of np.ndarray [shape=(channels, n)]
        Stretches of the recording.
    rate : int
        Samples a second.
    """
    whole = [x[:, : x.shape[1] // N_FFT // BLOCK_FRAMES * N_FFT * BLOCK_FRAMES] for x in excerpts]
    whole = [x for x in whole if x.shape[1] and len(x) > 1]
    if not whole:
        return None
    powers = np.stack([_band_powers(x, rate) for x in _blocks(whole)])  # (blocks, channels + 1, bands)
    channels, total = powers[:, :-1], powers[:, -1]
    together = channels.sum(axis=1)
    heard = together > INAUDIBLE_RATIO * together.max(initial=0)
    if not heard.any():
        return None
    share = float((total[heard] < CANCELLED_RATIO * together[heard]).mean())
    if share <= MAX_CANCELLED_BANDS and not _is_delayed(whole, rate):
        return None
    return int(channels.sum(axis=(0, 2)).argmax())


def _blocks(excerpts: Sequence[Array]) -> list[Array]:
    """Pieces of `BLOCK_FRAMES` frames."""
    size = N_FFT * BLOCK_FRAMES
    return [x[:, first : first + size] for x in excerpts for first in range(0, x.shape[1], size)]


def _band_powers(x: Array, rate: int) -> Array:
    """The power of each channel, and of their sum, in each band [shape=(channels + 1, bands)]."""
    frames = x.reshape(len(x), -1, N_FFT) * np.hanning(N_FFT).astype(np.float32)
    spectra = np.fft.rfft(frames)
    spectra = np.concatenate([spectra, spectra.sum(axis=0, keepdims=True)])
    power = np.square(np.abs(spectra)).sum(axis=1)
    edges = np.unique(np.searchsorted(np.fft.rfftfreq(N_FFT, 1 / rate), BAND_EDGES))
    return np.add.reduceat(power, edges[edges < power.shape[1]], axis=1)[:, :-1]


def _is_delayed(excerpts: Sequence[Array], rate: int) -> bool:
    """Whether one of the two loudest channels is the other, delayed or inverted (by their cross-correlation)."""
    energy = np.sum([np.square(x).sum(axis=1) for x in excerpts], axis=0)
    pair = np.sort(np.argsort(energy)[-2:])
    if energy[pair].min() <= INAUDIBLE_RATIO * energy[pair].max():
        return False
    most = round(MAX_DELAY * rate / DECIMATION)
    total = np.zeros(2 * most + 1, np.float64)
    powers = np.zeros(2)
    for x in excerpts:
        low = x[pair].reshape(2, -1, DECIMATION).mean(axis=2)
        low -= low.mean(axis=1, keepdims=True)
        spectra = np.fft.rfft(low, 2 * low.shape[1])
        correlation = np.fft.irfft(spectra[0] * np.conj(spectra[1]))
        total += np.concatenate([correlation[-most:], correlation[: most + 1]])
        powers += np.square(low).sum(axis=1)
    best = int(np.abs(total).argmax())
    strength = abs(total[best]) / max(float(np.sqrt(powers.prod())), 1e-20)
    return bool(strength > MIN_DELAYED_CORRELATION and (best != most or total[best] < 0))
