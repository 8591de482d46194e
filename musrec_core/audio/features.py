"""A clip -> log-mel windows, in numpy alone; tests compare it with librosa."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..card import FrontEnd
from .infrasound import without_infrasound
from .silence import without_silence

Array = NDArray[np.float32]
BLOCK_FRAMES = 32  # transformed at once: they and their spectrum (0.5 MB) stay in a core's cache; 2.6 times as quick
SLICE_BANDS = 16  # mel bands multiplied at once: neighbours share bins, and all the other bins are zeros


def log_mel(y: Array, mel_basis: Array, front_end: FrontEnd) -> Array:
    """Log-mel spectrogram of a clip, standardised over the clip, so that loudness does not matter.

    Equals ``librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)`` followed by mean 0 and
    deviation 1; but nothing is clipped at librosa's absolute ``amin``, so a quiet clip keeps its detail.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Mono clip at ``front_end.sample_rate``.
    mel_basis : np.ndarray [shape=(n_mels, 1 + n_fft // 2)]
        Filter bank, as ``librosa.filters.mel`` gives it; it comes with the model.
    front_end : FrontEnd

    Returns
    -------
    S : np.ndarray [shape=(n_mels, 1 + n // hop_length)], float32
        Of the samples that count: fewer than given where the front end skips silence.
    """
    y = np.asarray(y, np.float32)
    peak = max(y.max(initial=0.0), -y.min(initial=0.0))
    y = y / peak if peak > 0 else y  # powers of a 64-bit-float master would overflow
    if front_end.remove_dc:
        y = without_infrasound(y, front_end.sample_rate)
    if front_end.skip_silent:
        y = without_silence(y, front_end.sample_rate, front_end.window_frames * front_end.hop_length)
    power = _mel_power(y, mel_basis, front_end.n_fft, front_end.hop_length)
    floor = np.float32(10.0 ** (-front_end.top_db / 10))
    db = 10 * np.log10(np.maximum(power / max(power.max(initial=0.0), np.finfo(np.float32).tiny), floor))
    deviation = db.std()
    standard = (db - db.mean()) / (deviation if deviation > 0 else 1)
    return np.ascontiguousarray(standard, dtype=np.float32)


def _mel_power(y: Array, mel_basis: Array, n_fft: int, hop_length: int) -> Array:
    """``mel_basis @ |STFT|^2`` [shape=(n_mels, t)], block by block."""
    padded = np.pad(y, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    slices = list(_band_slices(mel_basis))
    mel = np.empty((len(frames), len(mel_basis)), np.float32)
    for first in range(0, len(frames), BLOCK_FRAMES):
        block = slice(first, first + BLOCK_FRAMES)
        spectrum = np.fft.rfft(frames[block] * hann)
        squares = np.square(spectrum.view(np.float32))  # real and imaginary parts side by side; the weights add them up
        for bands, columns, weights in slices:
            np.matmul(squares[:, columns], weights, out=mel[block, bands])
    return mel.T


def _band_slices(mel_basis: Array) -> Iterator[tuple[slice, slice, Array]]:
    """Some bands, the columns (two a bin) that they touch, and their weights [shape=(columns, bands)]."""
    for first in range(0, len(mel_basis), SLICE_BANDS):
        bands = slice(first, first + SLICE_BANDS)
        touched = np.flatnonzero(mel_basis[bands].any(axis=0))
        start, stop = (touched[0], touched[-1] + 1) if touched.size else (0, 0)
        yield bands, slice(2 * start, 2 * stop), np.repeat(mel_basis[bands, start:stop].T, 2, axis=0)


def windows(spectrogram: Array, window_frames: int) -> Array:
    """Evenly spaced windows that cover the clip.

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(n_mels, t)]
    window_frames : int
        Frames of a window. A shorter spectrogram is repeated until it fills one.

    Returns
    -------
    w : np.ndarray [shape=(ceil(t / window_frames), n_mels, window_frames)]
    """
    t = spectrogram.shape[-1]
    if t < window_frames:
        spectrogram = np.pad(spectrogram, ((0, 0), (0, window_frames - t)), mode="wrap")
        t = window_frames
    starts = np.linspace(0, t - window_frames, -(-t // window_frames)).round().astype(int)
    return np.stack([spectrogram[:, s : s + window_frames] for s in starts])
