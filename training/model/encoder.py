"""The encoder: a trunk, the heads that its losses need, and the vector that a track gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musrec_core.mood import AXES

from ..recipe import Recipe
from . import branches, networks


class Outputs(NamedTuple):
    """What the network says of b windows; a head that the recipe has no loss for gives no columns.

    features (b, f); head (b, d) unit length; genres (b, k) logits; teacher (b, 200) standardised; tags (b, 50) logits,
    or (b, n) of all branches; mood (b, 2) logits of valence and arousal; taught (b, m) logits of other
    teachers' tags.
    """

    features: Tensor
    head: Tensor
    genres: Tensor
    teacher: Tensor
    tags: Tensor
    mood: Tensor
    taught: Tensor


class TrainableEncoder(nn.Module):
    """A trunk and its heads.

    Parameters
    ----------
    trunk : nn.Module
        Windows (b, mels, frames) -> features (b, f).
    features : int
        Their width.
    n_genres : int
    head : int
        Dimensions of the contrastive head; 0: none.
    teacher, mood : bool
        Whether there are heads for these.
    dropout : float
        Before the linear heads.
    taught : int
        Tags of further teachers in all.
    """

    TEACHER_DIMENSIONS = 200
    TEACHER_TAGS = 50

    def __init__(
        self,
        trunk: nn.Module,
        *,
        features: int,
        n_genres: int,
        head: int,
        teacher: bool,
        mood: bool,
        dropout: float,
        taught: int = 0,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.genres = nn.Linear(features, n_genres)
        self.head = nn.Linear(features, head) if head else None
        self.teacher = nn.Linear(features, self.TEACHER_DIMENSIONS) if teacher else None
        self.tags = nn.Linear(features, self.TEACHER_TAGS) if teacher else None
        self.mood = nn.Linear(features, len(AXES)) if mood else None
        self.taught = nn.Linear(features, taught) if taught else None

    def forward(self, x: Tensor) -> Outputs:
        if isinstance(self.trunk, branches.Branches):
            said = self.trunk.said(x)
            features, tags = self.trunk.features(said), said.tags
        else:
            features, tags = self.trunk(x), None
        dropped = self.dropout(features)
        return Outputs(
            features,
            F.normalize(_apply(self.head, features).float(), dim=1),
            self.genres(dropped),
            _apply(self.teacher, dropped),
            _apply(self.tags, dropped) if tags is None else tags,
            _apply(self.mood, dropped),
            _apply(self.taught, dropped),
        )


def _apply(head: nn.Module | None, x: Tensor) -> Tensor:
    """A head's answer, or no columns where there is no head."""
    return x[:, :0] if head is None else head(x)


def new_encoder(recipe: Recipe, n_genres: int) -> TrainableEncoder:
    """An untrained encoder of the recipe's shape."""
    net, loss = recipe.network, recipe.loss
    trunks: dict[str, Callable[[], nn.Module]] = {
        "residual": lambda: networks.Residual(stem=net.stem, stages=net.stages, features=net.features),
        "vgg": lambda: networks.Vgg(stages=net.stages, features=net.features),
        "latent_cnn": lambda: networks.LatentCnn(features=net.features),
        "branches": lambda: branches.Branches(net.branches, features=net.features),
        "mfcc_cnn": lambda: networks.MfccCnn(n_mels=recipe.front.n_mels, features=net.features),
    }
    encoder = TrainableEncoder(
        trunks[net.kind](),
        features=net.features,
        n_genres=n_genres,
        head=net.embedding if loss.contrastive else 0,
        teacher=loss.teacher > 0,
        mood=loss.mood > 0,
        dropout=net.dropout,
        taught=sum(int(one.tags) for one in net.taught),
    )
    encoder.eval()(torch.zeros(1, recipe.front.n_mels, recipe.front.window_frames))  # gives lazy layers their shape
    return encoder.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class TrackVector(nn.Module):
    """The network's outputs -> the window's embedding: weighted parts side by side, centred, projected.

    Parts: ``head`` and ``features`` at unit length, ``teacher`` over the root of its dimensions, ``genres``, ``tags``
    and each teacher's tags in ``taught`` as square roots of probabilities (their product is the Bhattacharyya
    coefficient of two distributions).

    Parameters
    ----------
    weights : dict of str to float
        Of the parts; 0 leaves one out.
    dimensions : int
        Of the embedding: the first principal axes of the training clips.
    parts : int
        Columns of all parts side by side.
    whiten : float
        0 keeps the axes' variances, 1 makes them equal.
    taught : sequence of (int, float)
        Of each further teacher: the number of its tags, and their weight.
    """

    mean: Tensor
    projection: Tensor

    def __init__(
        self,
        weights: dict[str, float],
        dimensions: int,
        parts: int,
        *,
        whiten: float = 0.0,
        taught: Sequence[tuple[int, float]] = (),
    ) -> None:
        super().__init__()
        self.taught = taught
        self.weights = {name: weight for name, weight in weights.items() if weight}
        self.whiten = whiten
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
            "taught": lambda: self._taught(out.taught.float().sigmoid()),
        }
        return torch.cat([weight * views[name]() for name, weight in self.weights.items()], dim=1)

    def _taught(self, tags: Tensor) -> Tensor:
        pieces = torch.split(tags, [count for count, _ in self.taught], dim=1)
        weighted = [(weight, piece) for piece, (_, weight) in zip(pieces, self.taught, strict=True) if weight]
        return torch.cat([weight * _unit_sum(piece).sqrt() for weight, piece in weighted], dim=1)

    def fit(self, parts: Tensor) -> TrackVector:
        """Principal axes of the training clips; fewer than asked for are padded with zeros."""
        self.mean = parts.mean(dim=0)
        _, values, axes = torch.linalg.svd(parts - self.mean, full_matrices=False)
        n = min(self.projection.shape[1], len(axes))
        deviations = values[:n] / len(parts) ** 0.5
        self.projection = torch.zeros(parts.shape[1], self.projection.shape[1])
        self.projection[:, :n] = axes[:n].T / deviations.clamp(min=1e-3) ** self.whiten
        return self

    def forward(self, out: Outputs) -> Tensor:
        return F.normalize((self.parts(out) - self.mean) @ self.projection, dim=1)


class RawFeatures(nn.Module):
    """The features as they are, averaged over windows before they get unit length: the first earlier system's way."""

    def forward(self, out: Outputs) -> Tensor:
        return out.features.float()


def _unit_sum(x: Tensor) -> Tensor:
    return x / x.sum(dim=1, keepdim=True)


class ExportedEncoder(nn.Module):
    """What runs at a user's: windows (b, mels, frames) -> embedding (b, d), genre logits (b, k), and mood logits (b, 2)
    where there is a mood head.
    """

    def __init__(self, encoder: TrainableEncoder, vector: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.vector = vector

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        out = self.encoder(x)
        answer = (self.vector(out), out.genres)
        return answer if self.encoder.mood is None else (*answer, out.mood)
