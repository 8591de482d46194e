"""The cached clips' audio, for teachers and augmentation: 16-bit integers in one file, read clip by clip."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core.audio.resampling import resample

from ..recipe import RecipeError

FILE = "audio.npy"
FULL_SCALE = 32_767
SAMPLE = np.dtype("<i2")

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Audio:
    """The mono samples of many clips, end to end.

    Attributes
    ----------
    file : Path
        Of int16 samples. It is read where it is needed: mapped, its pages would count as memory of every process.
    first, length : np.ndarray [shape=(clips,)], int64
        Where each clip's samples stand; length 0 where there is log-mel alone.
    sample_rate : int
        [Hz]
    """

    file: Path
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    sample_rate: int

    def stored(self, i: int) -> Samples:
        """One clip as it is stored [shape=(length[i],)]: time 0 is the first frame of its log-mel."""
        return read_samples(self.file, int(self.first[i]), int(self.length[i]))

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


def write_samples(file: Path, size: int, pieces: Iterable[Samples]) -> None:
    """Write an npy file of ``size`` samples, piece by piece. No reader sees half of it."""
    unfinished = file.with_suffix(".tmp")
    with unfinished.open("wb") as handle:
        header = {"descr": np.lib.format.dtype_to_descr(SAMPLE), "fortran_order": False, "shape": (size,)}
        np.lib.format.write_array_header_1_0(handle, header)
        for samples in pieces:
            handle.write(samples.astype(SAMPLE).data)
    unfinished.replace(file)


def read_samples(file: Path, first: int, length: int) -> Samples:
    """Some of the samples of `write_samples`' file [shape=(length,)]."""
    with file.open("rb") as handle:
        np.lib.format.read_magic(handle)
        np.lib.format.read_array_header_1_0(handle)
        handle.seek(first * SAMPLE.itemsize, io.SEEK_CUR)
        samples = np.frombuffer(handle.read(length * SAMPLE.itemsize), SAMPLE)
    if len(samples) < length:
        raise RecipeError(f"{file} is cut short: run `python -m training prepare` again")
    return samples.astype(np.int16, copy=False)
