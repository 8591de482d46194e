"""Whether two files hold the same recording: acoustic fingerprints, compared frame by frame.

The fingerprint of Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): for each moment 32
bits, one a band: whether the energy there, less that of the next band, rises. Codecs, loudness and sampling rate leave
most of them as they are; another performance, even of the same piece, shares half of them, as chance would.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..audio.clip import load_clip
from ..errors import UnusableAudio

SAMPLE_RATE = 5_000  # Hz: the bands end at 2 kHz
N_FFT = 2_048  # samples, 0.41 s: long against the hop, so that it does not matter where a file's frames begin
HOP_LENGTH = 128  # samples, 26 ms
BITS = 32  # a frame
BAND_EDGES = np.geomspace(300.0, 2_000.0, BITS + 2)  # Hz
MAX_SECONDS = 300.0  # of a file
SOUNDING_RATIO = 1e-6  # of the loudest frame's power, -60 dB: bits of silence are noise

BLOCK_FRAMES = 117  # 3 s: what the paper calls a fingerprint block
# Bit error rate of 3 s that hold the same sound: at most 0.19 in copies that were made by encoding, 0.16 on average in
# other issues of a recording, 0.45 and more in other songs (python -m benchmarks.copies). The paper takes 0.35, below
# which another singer over the same band would pass.
MAX_BLOCK_ERROR_RATE = 0.25
MIN_OVERLAP = 0.5  # share of the shorter file's sound that has to lie over the other
MIN_SAME_BLOCKS = 0.9  # share of the blocks that have to hold the same sound: another mix has other blocks
MAX_SURPLUS = 5.0  # seconds of sound that one file may lack at either end


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The acoustic fingerprint of a file.

    Attributes
    ----------
    bits : np.ndarray [shape=(t, 32)], bool
        A frame each 26 ms.
    sounding : np.ndarray [shape=(t,)], bool
        Whether a frame is louder than -60 dB of the loudest.
    """

    bits: NDArray[np.bool_]
    sounding: NDArray[np.bool_]


@dataclass(frozen=True)
class PackedFingerprint:
    """A fingerprint in an eighth of the memory: 50 kB for five minutes."""

    bits: bytes
    sounding: bytes
    frames: int

    @classmethod
    def of(cls, unpacked: Fingerprint) -> PackedFingerprint:
        """Pack a fingerprint."""
        bits, sounding = np.packbits(unpacked.bits), np.packbits(unpacked.sounding)
        return cls(bits.tobytes(), sounding.tobytes(), len(unpacked.bits))

    def unpack(self) -> Fingerprint:
        """The fingerprint that was packed."""
        bits = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=self.frames * BITS)
        sounding = np.unpackbits(np.frombuffer(self.sounding, np.uint8), count=self.frames)
        return Fingerprint(bits.view(np.bool_).reshape(self.frames, BITS), sounding.view(np.bool_))


@dataclass(frozen=True)
class Alignment:
    """The best alignment of two fingerprints.

    Attributes
    ----------
    same : float
        Share (0..1) of the blocks of 3 s that hold the same sound, of those that both files have.
    errors : float
        Share of different bits in the overlap: 0.5 is chance.
    lag : float
        How much later the sound comes in the first file [s].
    surplus : float
        The longest stretch of sound, at the beginning or the end, that only one of them has [s].
    """

    same: float
    errors: float
    lag: float
    surplus: float

    @property
    def is_copy(self) -> bool:
        """Whether the two hold the same recording, and all of it."""
        return self.same >= MIN_SAME_BLOCKS and self.surplus <= MAX_SURPLUS


def fingerprint(y: NDArray[np.float32]) -> Fingerprint:
    """The fingerprint of a mono clip [shape=(n,)] at 5 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(y, N_FFT // 2), N_FFT)[::HOP_LENGTH]
    hann = np.hanning(N_FFT).astype(np.float32)
    edges = np.round(BAND_EDGES * N_FFT / SAMPLE_RATE).astype(int)
    energy = np.empty((len(frames), BITS + 1), np.float32)
    for first in range(0, len(frames), 64):  # a block's spectrum stays in the processor's cache
        block = slice(first, first + 64)
        spectrum = np.fft.rfft(frames[block] * hann)
        power = spectrum.real**2 + spectrum.imag**2
        energy[block] = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    loudness = energy.sum(axis=1)
    slope = energy[:, :-1] - energy[:, 1:]
    return Fingerprint(slope[1:] > slope[:-1], loudness[1:] > SOUNDING_RATIO * loudness.max(initial=0.0))


def fingerprint_file(path: str | bytes | os.PathLike[str]) -> Fingerprint:
    """The fingerprint of a file's first five minutes; raises `UnusableAudio`."""
    return fingerprint(load_clip(path, seconds=MAX_SECONDS, sample_rate=SAMPLE_RATE, start=0.0))


def fingerprint_in_worker(path: str) -> Fingerprint | UnusableAudio:
    """A job for a `WorkerPool` without a model."""
    try:
        return fingerprint_file(path)
    except UnusableAudio as error:
        return error


def align(a: Fingerprint, b: Fingerprint) -> Alignment | None:
    """Lay two fingerprints over each other where most bits agree; None where either file is silent."""
    shorter = min(a.sounding.sum(), b.sounding.sum())
    if not shorter:
        return None
    agreement, overlap = _correlation(a, b)
    possible = overlap >= MIN_OVERLAP * shorter
    # in deviations of chance: the longer the overlap, the more its agreement means
    place = int(np.where(possible, agreement / np.sqrt(np.maximum(overlap, 1)), -np.inf).argmax())
    lag = place - (len(b.bits) - 1)
    blocks = _block_errors(a, b, lag)
    if not len(blocks):
        return None
    return Alignment(
        same=float((blocks <= MAX_BLOCK_ERROR_RATE).mean()),
        errors=float(blocks.mean()),
        lag=lag * HOP_LENGTH / SAMPLE_RATE,
        surplus=_surplus(a, b, lag) * HOP_LENGTH / SAMPLE_RATE,
    )


def is_copy(a: Fingerprint, b: Fingerprint) -> bool:
    """Whether two files hold the same recording, and all of it."""
    laid = align(a, b)
    return laid is not None and laid.is_copy


def _correlation(a: Fingerprint, b: Fingerprint) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each lag from -(len(b) - 1) on: (agreeing - differing bits) / 32, and frames in which both sound."""
    size = len(a.bits) + len(b.bits) - 1
    n = 1 << (size - 1).bit_length()

    def summed(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
        product = (np.fft.rfft(x, n, axis=0) * np.fft.rfft(y[::-1], n, axis=0)).sum(axis=1)
        return np.fft.irfft(product, n)[:size].astype(np.float64)

    one, other = ((2 * f.bits - np.float32(1)) * f.sounding[:, None] for f in (a, b))
    both = summed(a.sounding[:, None].astype(np.float32), b.sounding[:, None].astype(np.float32))
    return summed(one, other) / BITS, np.rint(both)


def _block_errors(a: Fingerprint, b: Fingerprint, lag: int) -> NDArray[np.float64]:
    """Bit error rate of each block in which something sounds; sound against silence is all wrong."""
    first, last = max(0, lag), min(len(a.bits), len(b.bits) + lag)
    one, other = slice(first, last), slice(first - lag, last - lag)
    errors = (a.bits[one] != b.bits[other]).mean(axis=1)
    errors[a.sounding[one] != b.sounding[other]] = 1.0
    counts = a.sounding[one] | b.sounding[other]
    found = []
    for start in range(0, len(errors), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        if counts[block].sum() >= BLOCK_FRAMES // 2:
            found.append(errors[block][counts[block]].mean())
    return np.array(found, np.float64)


def _surplus(a: Fingerprint, b: Fingerprint, lag: int) -> int:
    """Frames from the first to the last sound that one has before or after all of the other."""
    here, there = np.flatnonzero(a.sounding), np.flatnonzero(b.sounding) + lag
    return int(max(abs(here[0] - there[0]), abs(here[-1] - there[-1])))
