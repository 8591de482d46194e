"""A clip -> log-mel windows, in numpy alone. librosa is the reference that the tests hold this to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .card import FrontEnd

Array = NDArray[np.float32]


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
    """
    y = np.asarray(y, np.float32)
    peak = np.abs(y).max(initial=0.0)
    y = y / peak if peak > 0 else y  # powers of a 64-bit-float master would overflow
    power = mel_basis @ _power_spectrogram(y, front_end.n_fft, front_end.hop_length).T
    floor = np.float32(10.0 ** (-front_end.top_db / 10))
    db = 10 * np.log10(np.maximum(power / max(power.max(initial=0.0), np.finfo(np.float32).tiny), floor))
    deviation = db.std()
    standard = (db - db.mean()) / (deviation if deviation > 0 else 1)
    return np.ascontiguousarray(standard, dtype=np.float32)


def _power_spectrogram(y: Array, n_fft: int, hop_length: int) -> Array:
    """|STFT|^2 [shape=(t, 1 + n_fft // 2)]."""
    padded = np.pad(y, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)
    spectrum = np.fft.rfft(frames * hann, axis=-1)
    power: Array = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


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
