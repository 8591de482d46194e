"""Augmentation in batches, on the device where the log-mel cache lives."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Augment(nn.Module):
    """Spectral tilt and SpecAugment masks (Park et al. 2019) on standardised log-mel [shape=(b, n_mels, t)].

    Parameters
    ----------
    frequency_mask, time_mask : int
        Widest mask [bands, frames]; 0 switches it off.
    tilt : float
        Largest slope, end to end of the spectrum [deviations]: another microphone, codec or mastering.
    gain : float
        Largest shift of the whole picture [deviations]: a crop that is louder or softer than its clip.
    pitch : int
        Furthest shift along the bands: one band is about half a semitone above 1 kHz.
    low_pass : float
        Share of the crops that lose their upper bands, as a low sampling rate or bit rate takes them.
    """

    LOWEST_CUTOFF = 0.6  # of the bands: about 3 kHz of 11

    def __init__(
        self, *, frequency_mask: int, time_mask: int, tilt: float, gain: float, pitch: int, low_pass: float
    ) -> None:
        super().__init__()
        from torchaudio.transforms import FrequencyMasking, TimeMasking

        masks: list[nn.Module] = []
        if frequency_mask:
            masks.append(FrequencyMasking(frequency_mask, iid_masks=True))
        if time_mask:
            masks.append(TimeMasking(time_mask, iid_masks=True))
        self.masks = nn.Sequential(*masks)
        self.tilt = tilt
        self.gain = gain
        self.pitch = pitch
        self.low_pass = low_pass

    def forward(self, x: Tensor) -> Tensor:
        b, n_mels, _ = x.shape
        if self.pitch:
            x = self._transposed(x)
        if self.low_pass:
            x = self._without_treble(x)
        slope, shift = (torch.rand(2, b, 1, 1, device=x.device) * 2 - 1).unbind()
        ramp = torch.linspace(-self.tilt, self.tilt, n_mels, device=x.device)[None, :, None]
        x = x + slope * ramp + shift * self.gain
        masked: Tensor = self.masks(x.unsqueeze(1)).squeeze(1)
        return masked

    def _transposed(self, x: Tensor) -> Tensor:
        """Bands moved up or down; those that come in from outside repeat the outermost."""
        b, n_mels, t = x.shape
        shift = torch.randint(-self.pitch, self.pitch + 1, (b, 1), device=x.device)
        source = (torch.arange(n_mels, device=x.device)[None, :] + shift).clamp(0, n_mels - 1)
        return x.gather(1, source[:, :, None].expand(b, n_mels, t))

    def _without_treble(self, x: Tensor) -> Tensor:
        """Upper bands to the floor, then mean and deviation as before: the front end would normalise them."""
        b, n_mels, _ = x.shape
        cutoff = (n_mels - 1) * (self.LOWEST_CUTOFF + (1 - self.LOWEST_CUTOFF) * torch.rand(b, 1, 1, device=x.device))
        cut = torch.arange(n_mels, device=x.device)[None, :, None] >= cutoff
        cut = cut & (torch.rand(b, 1, 1, device=x.device) < self.low_pass)
        dull = torch.where(cut, x.amin(dim=(1, 2), keepdim=True), x)
        return (dull - _mean(dull)) / _deviation(dull).clamp(min=1e-3) * _deviation(x) + _mean(x)


def _mean(x: Tensor) -> Tensor:
    return x.mean(dim=(1, 2), keepdim=True)


def _deviation(x: Tensor) -> Tensor:
    return x.std(dim=(1, 2), keepdim=True)


def mixup_partners(n: int, alpha: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018) that keeps each row's own song in front.

    Returns
    -------
    partner : Tensor [shape=(n,)], int
        Which row is mixed in.
    share : Tensor [shape=(n,)], float
        The row's own share, 0.5 to 1.
    """
    if alpha <= 0:
        return torch.arange(n, device=device), torch.ones(n, device=device)
    share = torch.distributions.Beta(alpha, alpha).sample((n,)).to(device)
    return torch.randperm(n, device=device), torch.maximum(share, 1 - share)
