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
    """

    def __init__(self, *, frequency_mask: int, time_mask: int, tilt: float) -> None:
        super().__init__()
        from torchaudio.transforms import FrequencyMasking, TimeMasking

        masks: list[nn.Module] = []
        if frequency_mask:
            masks.append(FrequencyMasking(frequency_mask, iid_masks=True))
        if time_mask:
            masks.append(TimeMasking(time_mask, iid_masks=True))
        self.masks = nn.Sequential(*masks)
        self.tilt = tilt

    def forward(self, x: Tensor) -> Tensor:
        b, n_mels, _ = x.shape
        slope = (torch.rand(b, 1, 1, device=x.device) * 2 - 1) * self.tilt
        x = x + slope * torch.linspace(-1, 1, n_mels, device=x.device)[None, :, None]
        masked: Tensor = self.masks(x.unsqueeze(1)).squeeze(1)
        return masked


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
