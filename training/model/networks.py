"""Trunks: log-mel windows -> features. Ours, a control, and the two earlier systems'."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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


class Residual(nn.Module):
    """Ours: a 5x5 stem, residual stages, mean and max pooling, a feature layer."""

    def __init__(self, *, stem: int, stages: list[int], features: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, stem, 5, 2, 2, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        widths = [stem, *stages]
        self.stages = nn.Sequential(*(ResidualBlock(i, o) for i, o in pairwise(widths)))
        self.feature = nn.Sequential(nn.Linear(2 * widths[-1], features), nn.BatchNorm1d(features), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(1)  # (b, mels, frames) -> (b, 1, mels, frames)
        x = self.stages(self.stem(x))  # (b, c, mels / 16, frames / 16)
        x = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)  # (b, 2c)
        features: Tensor = self.feature(x)  # (b, f)
        return features


class Vgg(nn.Module):
    """The control: blocks of two 3x3 convolutions and a 2x2 maximum (Simonyan and Zisserman 2015), mean pooling."""

    def __init__(self, *, stages: list[int], features: int) -> None:
        super().__init__()
        blocks = [
            layer
            for i, o in pairwise([1, *stages])
            for layer in (*_convolution(i, o, 3), *_convolution(o, o, 3), nn.MaxPool2d(2))
        ]
        self.stages = nn.Sequential(*blocks)
        self.feature = nn.Sequential(nn.Linear(stages[-1], features), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(x.unsqueeze(1))  # (b, c, mels / 16, frames / 16)
        features: Tensor = self.feature(x.mean(dim=(2, 3)))  # (b, f)
        return features


class LatentCnn(nn.Module):
    """The first earlier system: 128x128 mel slices, four convolutions with mean pooling, dense layers down to 32.

    Layers as the project github.com/Yakuho/MusicRecommendationUsingCNN gives them, He initialisation included.
    """

    def __init__(self, *, features: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            *_block(1, 64, 7), *_block(64, 128, 7, stride=2), *_block(128, 256, 3), *_block(256, 512, 3)
        )
        self.dense = nn.Sequential(
            nn.Flatten(), nn.BatchNorm1d(2048), nn.Dropout(0.5),
            nn.Linear(2048, 1024), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(1024, 256), nn.ReLU(), nn.Dropout(0.25),
            nn.Linear(256, 64), nn.ReLU(),
            nn.Linear(64, features), nn.ReLU(),
        )  # fmt: skip
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(x.unsqueeze(1))  # (b, 1, 128, 128) -> (b, 512, 2, 2)
        features: Tensor = self.dense(x)  # (b, f)
        return features


class MfccCnn(nn.Module):
    """The second earlier system: 13 MFCC of 3 s, three convolutions, one dense layer.

    The cosine transform is inside the network, so that one cache and one front end serve every recipe.
    """

    N_MFCC = 13
    transform: Tensor

    def __init__(self, *, n_mels: int, features: int) -> None:
        super().__init__()
        from torchaudio.functional import create_dct

        self.register_buffer("transform", create_dct(self.N_MFCC, n_mels, "ortho"))  # (mels, 13)
        self.stages = nn.Sequential(
            *_convolution(1, 32, 3), nn.MaxPool2d(3, 2, 1),
            *_convolution(32, 32, 3), nn.MaxPool2d(3, 2, 1),
            *_convolution(32, 32, 2), nn.MaxPool2d(2, 2, 1),
        )  # fmt: skip
        self.dense = nn.Sequential(nn.Flatten(), nn.LazyLinear(features), nn.ReLU(), nn.Dropout(0.3))

    def forward(self, x: Tensor) -> Tensor:
        mfcc = (x.transpose(1, 2) @ self.transform).unsqueeze(1)  # (b, 1, frames, 13)
        features: Tensor = self.dense(self.stages(mfcc))  # (b, f)
        return features


def _convolution(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def _block(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> list[nn.Module]:
    """Convolution without padding, ReLU, norm, 2x2 mean."""
    return [nn.Conv2d(inputs, outputs, kernel, stride), nn.ReLU(), nn.BatchNorm2d(outputs), nn.AvgPool2d(2)]
