"""A clip -> log-mel windows, in numpy alone; tests compare it with librosa."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..front_end import FrontEnd
from .infrasound import without_infrasound
from .silence import without_silence

Array = NDArray[np.float32]
BLOCK_FRAMES = 32  # transformed at once: they and their spectrum (0.5 MB) stay in a core's cache; 2.6 times as quick
MIN_POWER = 1e-10  # of a band, with `normalise: level`
MIN_SOUND_SECONDS = 5.0  # that have to be left for silence to be skipped; a window of a shorter clip repeats it
SLICE_BANDS = 16  # mel bands multiplied at once: neighbours share bins, and all the other bins are zeros


def log_mel(y: Array, mel_basis: Array, front_end: FrontEnd) -> Array:
    """Log-mel spectrogram of a clip in one piece, standardised as the front end says.

    With ``normalise: clip`` it equals ``librosa.power_to_db(librosa.feature.melspectrogram(...), ref=np.max)``
    followed by mean 0 and deviation 1; but nothing is clipped at librosa's absolute ``amin``, so a quiet clip keeps
    its detail. Loudness never matters.

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
    (spectrogram,) = log_mel_each([y], mel_basis, front_end)
    return spectrogram


def log_mel_each(excerpts: Sequence[Array], mel_basis: Array, front_end: FrontEnd) -> list[Array]:
    """The same for a clip of several excerpts, which are standardised together; those that are silent are left out."""
    samples = _prepared([np.asarray(y, np.float32) for y in excerpts], front_end)
    powers = [_mel_power(y, mel_basis, front_end) for y in samples]
    power = powers[0] if len(powers) == 1 else np.concatenate(powers, axis=1)
    standard = _by_level(power, front_end) if front_end.normalise == "level" else _by_clip(power, front_end)
    ends = np.cumsum([part.shape[1] for part in powers])[:-1]
    return [np.ascontiguousarray(part, dtype=np.float32) for part in np.split(standard, ends, axis=1)]


def _prepared(excerpts: list[Array], front_end: FrontEnd) -> list[Array]:
    """What the STFT gets: at a level that does not depend on the recording's, without what does not count."""
    peak = max(max(y.max(initial=0.0), -y.min(initial=0.0)) for y in excerpts)
    if peak > 0:  # powers of a 64-bit-float master would overflow
        excerpts = [y / peak for y in excerpts]
    rate = front_end.sample_rate
    if front_end.remove_dc:
        excerpts = [without_infrasound(y, rate) for y in excerpts]
    if front_end.skip_silent:
        shortest = min(front_end.window_frames * front_end.hop_length, round(MIN_SOUND_SECONDS * rate))
        excerpts = without_silence(excerpts, rate, shortest)
    if front_end.normalise == "level":
        rms = math.sqrt(sum(float(y @ y) for y in excerpts) / max(1, sum(map(len, excerpts))))
        gain = np.float32(10 ** (front_end.level_dbfs / 20) / rms if rms > 0 else 1)
        excerpts = [y * gain for y in excerpts]
    return excerpts


def _by_clip(power: Array, front_end: FrontEnd) -> Array:
    """dB below the maximum, with mean 0 and deviation 1."""
    floor = np.float32(10.0 ** (-front_end.top_db / 10))
    db = 10 * np.log10(np.maximum(power / max(power.max(initial=0.0), np.finfo(np.float32).tiny), floor))
    deviation = db.std()
    return np.asarray((db - db.mean()) / (deviation if deviation > 0 else 1))


def _by_level(power: Array, front_end: FrontEnd) -> Array:
    """dB, standardised with the front end's two numbers."""
    db = 10 * np.log10(np.maximum(power, np.float32(MIN_POWER)))
    return np.asarray((db - np.float32(front_end.mean_db)) / np.float32(front_end.deviation_db))


def _mel_power(y: Array, mel_basis: Array, front_end: FrontEnd) -> Array:
    """``mel_basis @ |STFT|^2`` [shape=(n_mels, t)], block by block."""
    n_fft = front_end.n_fft
    padded = np.pad(y, n_fft // 2, mode="reflect" if front_end.pad_mode == "reflect" else "constant")
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[:: front_end.hop_length]
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


def windows(spectrogram: Array, window_frames: int, count: int | None = None) -> Array:
    """Evenly spaced windows that cover the clip.

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(n_mels, t)]
    window_frames : int
        Frames of a window. A shorter spectrogram is repeated until it fills one.
    count : int, optional
        By default ``ceil(t / window_frames)``, as many as it takes.

    Returns
    -------
    w : np.ndarray [shape=(count, n_mels, window_frames)]
    """
    t = spectrogram.shape[-1]
    if t < window_frames:
        spectrogram = np.pad(spectrogram, ((0, 0), (0, window_frames - t)), mode="wrap")
        t = window_frames
    starts = np.linspace(0, t - window_frames, count or -(-t // window_frames)).round().astype(int)
    return np.stack([spectrogram[:, s : s + window_frames] for s in starts])


def windows_each(spectrograms: Sequence[Array], window_frames: int) -> Array:
    """Windows of a clip of several excerpts [shape=(n, n_mels, window_frames)].

    None crosses from one excerpt to the next, and excerpts shorter than a window are left out; but where all of them
    are, they are joined, and give as many windows as they fill, to the nearest.
    """
    long_enough = [s for s in spectrograms if s.shape[-1] >= window_frames]
    if long_enough:
        return np.concatenate([windows(part, window_frames) for part in long_enough])
    joined = np.concatenate(spectrograms, axis=1)
    count = max(1, round(joined.shape[1] / window_frames))  # each excerpt has a frame more than its samples fill
    return windows(joined, window_frames, count)
