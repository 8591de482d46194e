"""The encoder: a residual CNN over log-mel windows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from musrec_core.card import FrontEnd


def mel_filter_bank(front_end: FrontEnd) -> NDArray[np.float32]:
    """librosa's Slaney filter bank [shape=(n_mels, 1 + n_fft // 2)]; it is exported with the model."""
    from librosa.filters import mel

    basis: NDArray[np.float32] = mel(
        sr=front_end.sample_rate,
        n_fft=front_end.n_fft,
        n_mels=front_end.n_mels,
        fmin=front_end.fmin,
        fmax=front_end.fmax,
    )
    return basis.astype(np.float32)


class Outputs(NamedTuple):
    """What the network says of b windows.

    features (b, f); head (b, d) unit length; genres (b, k) logits; teacher (b, 200) standardised; tags (b, 50) logits.
    """

    features: Tensor
    head: Tensor
    genres: Tensor
    teacher: Tensor
    tags: Tensor


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a 1x1 shortcut (He et al. 2016); halves both axes."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, 2, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Encoder(nn.Module):
    """Stem, stages, mean and max pooling, a feature layer, and the heads.

    Parameters
    ----------
    stem : int
        Channels of the 5x5 stem.
    stages : list of int
        Channels of each residual stage.
    features, embedding : int
        Width of the feature layer; dimensions of the contrastive head.
    n_genres : int
    dropout : float
    """

    TEACHER_DIMENSIONS = 200
    TEACHER_TAGS = 50

    def __init__(
        self, *, stem: int, stages: list[int], features: int, embedding: int, n_genres: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, stem, 5, 2, 2, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        widths = [stem, *stages]
        self.stages = nn.Sequential(*(ResidualBlock(i, o) for i, o in pairwise(widths)))
        self.feature = nn.Sequential(nn.Linear(2 * widths[-1], features), nn.BatchNorm1d(features), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, embedding)
        self.genres = nn.Linear(features, n_genres)
        self.teacher = nn.Linear(features, self.TEACHER_DIMENSIONS)
        self.tags = nn.Linear(features, self.TEACHER_TAGS)

    def forward(self, x: Tensor) -> Outputs:
        x = x.unsqueeze(1)  # (b, mels, frames) -> (b, 1, mels, frames)
        x = self.stages(self.stem(x))  # (b, c, mels / 16, frames / 16)
        x = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)  # (b, 2c)
        features = self.feature(x)  # (b, f)
        dropped = self.dropout(features)
        head = F.normalize(self.head(features).float(), dim=1)
        return Outputs(features, head, self.genres(dropped), self.teacher(dropped), self.tags(dropped))


class TrackVector(nn.Module):
    """The network's outputs -> the window's embedding: weighted parts side by side, centred, projected.

    Parts: ``head`` and ``features`` at unit length, ``teacher`` over the root of its dimensions, ``genres`` and
    ``tags`` as square roots of probabilities (their product is the Bhattacharyya coefficient of two distributions).
    """

    weights: dict[str, float]
    mean: Tensor
    projection: Tensor

    def __init__(self, weights: dict[str, float], dimensions: int, parts: int) -> None:
        super().__init__()
        self.weights = {name: weight for name, weight in weights.items() if weight}
        self.register_buffer("mean", torch.zeros(parts))
        self.register_buffer("projection", torch.zeros(parts, dimensions))

    def parts(self, out: Outputs) -> Tensor:
        """All parts side by side [shape=(b, parts)]."""
        views: dict[str, Callable[[], Tensor]] = {
            "head": lambda: out.head,
            "features": lambda: F.normalize(out.features.float(), dim=1),
            "teacher": lambda: out.teacher.float() / out.teacher.shape[1] ** 0.5,
            "genres": lambda: out.genres.float().softmax(dim=1).sqrt(),
            "tags": lambda: _unit_sum(out.tags.float().sigmoid()).sqrt(),
        }
        return torch.cat([weight * views[name]() for name, weight in self.weights.items()], dim=1)

    def fit(self, parts: Tensor) -> TrackVector:
        """Principal axes of the training windows; fewer than asked for are padded with zeros."""
        self.mean = parts.mean(dim=0)
        _, _, axes = torch.linalg.svd(parts - self.mean, full_matrices=False)
        axes = axes[: self.projection.shape[1]]
        self.projection = torch.zeros(parts.shape[1], self.projection.shape[1])
        self.projection[:, : len(axes)] = axes.T
        return self

    def forward(self, out: Outputs) -> Tensor:
        return F.normalize((self.parts(out) - self.mean) @ self.projection, dim=1)


def _unit_sum(x: Tensor) -> Tensor:
    return x / x.sum(dim=1, keepdim=True)


class ExportedEncoder(nn.Module):
    """What runs at a user's: windows (b, mels, frames) -> embedding (b, d) of unit length and genre logits (b, k)."""

    def __init__(self, encoder: Encoder, vector: TrackVector) -> None:
        super().__init__()
        self.encoder = encoder
        self.vector = vector

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        out = self.encoder(x)
        return self.vector(out), out.genres
