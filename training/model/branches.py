"""A trunk of branches side by side, each of which learnt from a teacher layer by layer (`training.fit.hints`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3  # of the convolutions, both axes


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
    recurrent : int
        Gated recurrent layers that read the teacher's embedding out of the last maxima, which are its frames. 0: none,
        the last maxima are the embedding.
    embedding, tags : int
        Of the teacher.
    """

    def __init__(
        self, *, widths: Sequence[int], pools: Sequence[tuple[int, int]], recurrent: int, embedding: int, tags: int
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, KERNEL, padding=KERNEL // 2) for inputs, outputs in pairwise([1, *widths])
        )
        self.pools = [(int(bands), int(times)) for bands, times in pools]
        self.read_out = LastState(widths[-1], embedding, recurrent) if recurrent else nn.Flatten()
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


class LastState(nn.Module):
    """Gated recurrent layers over time (Cho et al. 2014): maps (b, c, 1, t) -> the last state (b, e)."""

    scale: Tensor

    def __init__(self, channels: int, embedding: int, layers: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        widths = [channels, *[embedding] * layers]
        self.layers = nn.ModuleList(nn.GRU(i, o, batch_first=True) for i, o in pairwise(widths))

    def states(self, maps: Tensor) -> list[Tensor]:
        """Of each layer, at every time [shape=(b, t, e)]."""
        x = (maps / self.scale).squeeze(2).transpose(1, 2)  # (b, t, c)
        found = []
        for layer in self.layers:
            x = layer(x)[0]
            found.append(x)
        return found

    def forward(self, maps: Tensor) -> Tensor:
        return self.states(maps)[-1][:, -1]


class Branches(nn.Module):
    """The trunk: windows (b, mels, frames) -> features (b, f), of what the branches say side by side.

    Parameters
    ----------
    branches : sequence of dict
        Each branch's settings in a recipe. They learn by `training.fit.hints`, and are frozen at first.
    features : int
        Width of the layer that reads the embeddings and the tags.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, branches: Sequence[Any], *, features: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(new_branch(options) for options in branches)
        self.branches.requires_grad_(False)
        read = sum(int(options.embedding) + int(options.tags) for options in branches)
        self.register_buffer("mean", torch.zeros(read))
        self.register_buffer("deviation", torch.ones(read))
        self.dense = nn.Sequential(nn.Linear(read, features), nn.ReLU())

    def said(self, x: Tensor) -> Said:
        """All embeddings (b, e) and all tags (b, n), logits, side by side."""
        said = [branch(x.unsqueeze(1)) for branch in self.branches]
        return Said(*(torch.cat(column, dim=1) for column in zip(*said, strict=True)))

    def features(self, said: Said) -> Tensor:
        """What the heads read."""
        features: Tensor = self.dense((torch.cat(said, dim=1) - self.mean) / self.deviation)
        return features

    def forward(self, x: Tensor) -> Tensor:
        return self.features(self.said(x))

    @torch.no_grad()
    def standardise(self, windows: Iterable[Tensor]) -> None:
        """Take mean and deviation of what is read from these windows (b, mels, frames)."""
        read = torch.cat([torch.cat(self.said(x), dim=1) for x in windows])
        self.mean.copy_(read.mean(dim=0))
        self.deviation.copy_(read.std(dim=0).clamp(min=1e-3))


def new_branch(options: Any) -> Branch:
    """An untrained branch as a recipe describes it."""
    return Branch(
        widths=[int(width) for width in options.widths],
        pools=[(int(bands), int(times)) for bands, times in options.pools],
        recurrent=len(options.states),
        embedding=int(options.embedding),
        tags=int(options.tags),
    )
