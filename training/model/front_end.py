"""The front end in torch, on a GPU if there is one: batches of clips -> log-mel, as `audio.features` makes them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from musrec_core.audio.features import MIN_POWER
from musrec_core.front_end import FrontEnd


class LogMel(nn.Module):
    """Log-mel spectrograms of clips of one length, each in one piece.

    It neither removes the mean nor skips silence: what is cut from training clips has to be without them already.

    Parameters
    ----------
    front_end : FrontEnd
    mel_basis : np.ndarray [shape=(n_mels, 1 + n_fft // 2)]
    """

    basis: Tensor
    hann: Tensor

    def __init__(self, front_end: FrontEnd, mel_basis: NDArray[np.float32]) -> None:
        super().__init__()
        self.front_end = front_end
        self.register_buffer("basis", torch.from_numpy(mel_basis))
        self.register_buffer("hann", torch.hann_window(front_end.n_fft))

    def forward(self, y: Tensor) -> Tensor:
        """Clips [shape=(b, n)] -> log-mel [shape=(b, n_mels, 1 + n // hop_length)]."""
        front_end = self.front_end
        if front_end.normalise == "level":
            rms = y.square().mean(dim=1, keepdim=True).sqrt()
            y = y * torch.where(rms > 0, 10 ** (front_end.level_dbfs / 20) / rms, 1.0)
        spectrum = torch.stft(
            y,
            front_end.n_fft,
            front_end.hop_length,
            window=self.hann,
            pad_mode=front_end.pad_mode,
            return_complex=True,
        )
        power = self.basis @ spectrum.abs().square()  # (b, mels, t)
        if front_end.normalise == "level":
            return (10 * power.clamp(min=MIN_POWER).log10() - front_end.mean_db) / front_end.deviation_db
        loudest = power.amax(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(power.dtype).tiny)
        db = 10 * (power / loudest).clamp(min=10 ** (-front_end.top_db / 10)).log10()
        deviation = db.std(dim=(1, 2), keepdim=True, correction=0)
        return (db - db.mean(dim=(1, 2), keepdim=True)) / torch.where(deviation > 0, deviation, 1.0)
