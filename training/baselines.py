"""What an encoder has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from musrec_core.audio import load_clip


def mfcc_statistics(y: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """Mean and deviation of 20 MFCC and their deltas over a clip [shape=(80,)], after Tzanetakis and Cook 2002."""
    import librosa

    mfcc = librosa.feature.mfcc(y=y, sr=sample_rate, n_mfcc=20)
    both = np.concatenate([mfcc, librosa.feature.delta(mfcc)])
    return np.concatenate([both.mean(axis=1), both.std(axis=1)]).astype(np.float32)


def mfcc_vectors(files: Sequence[Path], sample_rate: int = 22_050) -> NDArray[np.float32]:
    """Standardised MFCC statistics of many files [shape=(n, 80)]; the set itself gives mean and deviation."""
    raw = np.stack([mfcc_statistics(load_clip(file, sample_rate=sample_rate), sample_rate) for file in files])
    standard: NDArray[np.float32] = (raw - raw.mean(axis=0)) / np.maximum(raw.std(axis=0), 1e-9)
    return standard
