"""The cached clips' audio, for teachers and augmentation: 16-bit integers in one file that is mapped, not read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core.audio.resampling import resample

FILE = "audio.npy"
FULL_SCALE = 32_767

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Audio:
    """The mono samples of many clips, end to end.

    Attributes
    ----------
    samples : np.ndarray [shape=(n,)], int16
        Mapped from the file.
    first, length : np.ndarray [shape=(clips,)], int64
        Where each clip's samples stand; length 0 where there is log-mel alone.
    sample_rate : int
        [Hz]
    """

    samples: Samples
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    sample_rate: int

    def stored(self, i: int) -> Samples:
        """One clip as it is stored [shape=(length[i],)]: time 0 is the first frame of its log-mel."""
        return self.samples[self.first[i] : self.first[i] + self.length[i]]

    def clip(self, i: int, sample_rate: int) -> NDArray[np.float32]:
        """One clip at another rate [shape=(n,)], -1 to 1."""
        return from_int16(self.stored(i), self.sample_rate, sample_rate)


def to_int16(y: NDArray[np.float32]) -> Samples:
    """Samples of -1 to 1 as integers; a clip whose peak is above 1 (a lossy coder's) is scaled down."""
    peak = max(1.0, float(np.abs(y).max(initial=0.0)))
    return np.round(y * (FULL_SCALE / peak)).astype(np.int16)


def from_int16(samples: Samples, rate: int, sample_rate: int) -> NDArray[np.float32]:
    """Integers as samples of -1 to 1, at the rate that is wanted."""
    return resample(samples.astype(np.float32) / np.float32(FULL_SCALE), rate, sample_rate)


def write_samples(folder: Path, size: int, pieces: Iterable[tuple[int, Samples]]) -> None:
    """Write ``audio.npy``, piece by piece: where each begins, and its samples. No reader sees half a file."""
    unfinished = folder / "audio.tmp"
    mapped = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.int16, shape=(size,))
    for first, samples in pieces:
        mapped[first : first + len(samples)] = samples
    mapped.flush()
    del mapped
    unfinished.replace(folder / FILE)


def map_samples(folder: Path) -> Samples:
    """Map what `write_samples` wrote."""
    samples: Samples = np.load(folder / FILE, mmap_mode="r")
    return samples
