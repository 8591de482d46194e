"""A trunk of branches side by side, each of which learnt from a teacher layer by layer (`training.fit.hints`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3  # of the convolutions, both axes
TIME_KERNEL = 5  # of the read-out's


class Said(NamedTuple):
    """What a branch says of b windows: embedding (b, e), and tags (b, n), logits."""

    embedding: Tensor
    tags: Tensor


class Branch(nn.Module):
    """3x3 convolutions, each with ReLU and a maximum over ``pool``; a read-out; its teacher's tags.

    Parameters
    ----------
    widths : sequence of int
        Channels of each convolution.
    pools : sequence of (int, int)
        Bands and frames of each maximum. All bands have to be gone after the last one.
    frames : int
        Of the input.
    hidden : int
        Of the read-out, a convolution over time and two dense layers that lead to the teacher's embedding. 0: none, the
        last maxima are the embedding.
    embedding, tags : int
        Of the teacher.
    """

    def __init__(
        self, *, widths: Sequence[int], pools: Sequence[tuple[int, int]], frames: int, hidden: int, embedding: int,
        tags: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, KERNEL, padding=KERNEL // 2) for inputs, outputs in pairwise([1, *widths])
        )
        self.pools = [(int(bands), int(times)) for bands, times in pools]
        for _, times in self.pools:
            frames //= times
        self.read_out = _read_out(widths[-1], frames, hidden, embedding)
        self.tags = nn.Linear(embedding, tags)

    def maps(self, x: Tensor, layers: int | None = None) -> Tensor:
        """What the first ``layers`` give for (b, 1, mels, frames)."""
        for convolution, pool in list(zip(self.convolutions, self.pools, strict=True))[:layers]:
            x = F.max_pool2d(F.relu(convolution(x)), pool)
        return x

    def said(self, maps: Tensor) -> Said:
        """What the last layer's maps (b, c, 1, t) mean."""
        embedding = self.read_out(maps)
        return Said(embedding, self.tags(embedding))

    def forward(self, x: Tensor) -> Said:
        return self.said(self.maps(x))


def _read_out(channels: int, frames: int, hidden: int, embedding: int) -> nn.Module:
    if not hidden:
        return nn.Flatten()
    return nn.Sequential(
        nn.Conv2d(channels, hidden, (1, TIME_KERNEL), padding=(0, TIME_KERNEL // 2)), nn.ReLU(), nn.Flatten(),
        nn.Linear(hidden * frames, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, embedding),
    )  # fmt: skip


class Branches(nn.Module):
    """The trunk: windows (b, mels, frames) -> the branches' embeddings and tags side by side (b, f).

    Parameters
    ----------
    branches : sequence of dict
        Each branch's settings in a recipe.
    frames : int
        Of a window.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, branches: Sequence[Any], frames: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(new_branch(options, frames) for options in branches)
        self.tag_counts = [int(options.tags) for options in branches]
        features = sum(int(options.embedding) + int(options.tags) for options in branches)
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    @property
    def features(self) -> int:
        """Columns of the output."""
        return len(self.centre)

    def raw(self, x: Tensor) -> Tensor:
        """All embeddings, then all tags' logits, as the branches say them."""
        said = [branch(x.unsqueeze(1)) for branch in self.branches]
        return torch.cat([one.embedding for one in said] + [one.tags for one in said], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return (self.raw(x) - self.centre) / self.scale

    def tags(self, features: Tensor) -> Tensor:
        """The tags' logits of all branches (b, n) in what the trunk gave."""
        first = self.features - sum(self.tag_counts)
        return features[:, first:] * self.scale[first:] + self.centre[first:]


def new_branch(options: Any, frames: int) -> Branch:
    """An untrained branch as a recipe describes it."""
    return Branch(
        widths=[int(width) for width in options.widths],
        pools=[tuple(map(int, pool)) for pool in options.pools],
        frames=frames,
        hidden=int(options.hidden),
        embedding=int(options.embedding),
        tags=int(options.tags),
    )
