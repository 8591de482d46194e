"""Ready log-mel -> sound, for a front end other than its own: an estimate, as the phases are lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from musrec_core.front_end import FrontEnd

READY = (
    FrontEnd()
)  # of a ready log-mel: dB below the clip's maximum, down to -top_db; mean 0 and deviation 1 over a clip
# Deviation of a clip's dB, as a share of top_db / (range of an excerpt's values): of 95 clips of GTZAN whose sound is
# known, by their first 3 s, the mean; it is right to 7 % (one deviation).
RANGE_SHARE = 0.93
UPDATES = 200  # of the spectrum; 50 leave tags of the FCN further from those of the real sound (cosine .74, not .77)
ITERATIONS = 100  # of Griffin and Lim; 32 do, too (.74, not .76)

Array = NDArray[np.float32]


def resynthesise(spectrogram: Array, mel_basis: Array) -> Array:
    """Sound that has about this log-mel; its level means nothing.

    The deviation by which the clip's dB were divided is not known, and estimated: an excerpt's values reach from near
    the clip's maximum, 0 dB, to near the floor, ``-top_db``. Powers of the STFT's bins follow by non-negative least
    squares (multiplicative updates, Lee and Seung 2001), phases by Griffin and Lim (1984).

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(n_mels, t)]
        Standardised log-mel of the front end `READY`.
    mel_basis : np.ndarray [shape=(n_mels, 1 + n_fft // 2)]
        Its filter bank.

    Returns
    -------
    y : np.ndarray [shape=((t - 1) * hop_length,)], float32
        At ``READY.sample_rate``, with a peak of 1.
    """
    from librosa import griffinlim

    extent = max(float(np.ptp(spectrogram)), np.finfo(np.float32).tiny)
    deviation = RANGE_SHARE * READY.top_db / extent
    power = 10 ** ((spectrogram - spectrogram.max()) * (deviation / 10))
    magnitude = np.sqrt(bins_of(power.astype(np.float32), mel_basis))
    y: Array = griffinlim(
        magnitude, n_iter=ITERATIONS, hop_length=READY.hop_length, n_fft=READY.n_fft, pad_mode="constant",
        random_state=0,
    )  # fmt: skip
    return (y / max(float(np.abs(y).max()), np.finfo(np.float32).tiny)).astype(np.float32)


def bins_of(power: Array, mel_basis: Array) -> Array:
    """Non-negative powers of the STFT's bins [shape=(1 + n_fft // 2, t)] whose bands are nearest to ``power``."""
    tiny = np.float32(1e-20)
    wanted = mel_basis.T @ power
    found = wanted / np.maximum(mel_basis.sum(axis=0), tiny)[:, None]
    for _ in range(UPDATES):
        found = found * (wanted / (mel_basis.T @ (mel_basis @ found) + tiny))
    return np.asarray(found, np.float32)
