"""What the encoder is trained for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def partial_label_loss(logits: Tensor, candidates: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """-log of the probability that the right genre is any of the candidates (Jin and Ghahramani 2002).

    Parameters
    ----------
    logits : Tensor [shape=(b, k)]
    candidates : Tensor [shape=(b, k)], bool
        A row without any is an unlabelled clip.
    smoothing : float
        Share of the loss that pulls towards the uniform distribution.

    Returns
    -------
    loss : Tensor [shape=(b,)]
        0 for unlabelled rows.
    """
    log_p = F.log_softmax(logits.float(), dim=1)
    labelled = candidates.any(dim=1)
    accepted = torch.where(labelled[:, None], candidates, torch.ones_like(candidates))
    right = -torch.logsumexp(log_p.masked_fill(~accepted, -torch.inf), dim=1)
    uniform = -log_p.mean(dim=1)
    return ((1 - smoothing) * right + smoothing * uniform) * labelled


def supervised_contrastive_loss(z: Tensor, groups: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Pulls together what shares a group (Khosla et al. 2020, L_out).

    Parameters
    ----------
    z : Tensor [shape=(b, d)]
        Unit vectors.
    groups : Tensor [shape=(b,)], int
        Equal numbers are positives of each other: two crops of a clip, two clips of an artist.
    """
    similarity = z.float() @ z.float().T / temperature
    self_pair = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(self_pair, -1e9)
    log_p = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    positive = (groups[:, None] == groups[None, :]) & ~self_pair
    count = positive.sum(dim=1)
    loss = -(log_p * positive).sum(dim=1) / count.clamp(min=1)
    return loss[count > 0].mean() if bool((count > 0).any()) else loss.sum() * 0


def distillation_loss(embedding: Tensor, tags: Tensor, teacher: Tensor, teacher_tags: Tensor, known: Tensor) -> Tensor:
    """Regress a teacher's standardised embedding and its tag probabilities (Hinton et al. 2015).

    Parameters
    ----------
    embedding, teacher : Tensor [shape=(b, 200)]
    tags : Tensor [shape=(b, 50)], logits
    teacher_tags : Tensor [shape=(b, 50)], probabilities
    known : Tensor [shape=(b,)], bool
        Which crops the teacher heard; the others do not count.
    """
    if not bool(known.any()):
        return embedding.sum() * 0
    distance = F.mse_loss(embedding.float()[known], teacher[known])
    angle = 1 - F.cosine_similarity(embedding.float()[known], teacher[known]).mean()
    tagging = F.binary_cross_entropy_with_logits(tags.float()[known], teacher_tags[known])
    return 0.5 * distance + 0.5 * angle + tagging
