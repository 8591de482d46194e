"""Losses: partial labels, supervised contrast, mood, distillation."""

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


def supervised_contrastive_loss(z: Tensor, positives: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Pulls together what belongs together (Khosla et al. 2020, L_out, with weighted positives).

    Parameters
    ----------
    z : Tensor [shape=(b, d)]
        Unit vectors.
    positives : Tensor [shape=(b, b)]
        How much a pair belongs together, 0 or more; the diagonal does not count. See `pair_weights`.
    """
    similarity = z.float() @ z.float().T / temperature
    self_pair = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(self_pair, -1e9)
    log_p = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    weight = positives.masked_fill(self_pair, 0.0)
    total = weight.sum(dim=1)
    loss = -(log_p * weight).sum(dim=1) / total.clamp(min=1e-6)
    some = total > 0
    return (loss * some).sum() / some.sum().clamp(min=1)


def pair_weights(kinds: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """How much each pair of rows belongs together: the largest weight of what the two share.

    Parameters
    ----------
    kinds : dict of Tensor [shape=(b,)], int
        A number a row: its clip, artist, genre ...; -1 where unknown, which is shared with nobody.
    weights : dict of str to float
        The same keys.

    Returns
    -------
    positives : Tensor [shape=(b, b)]
    """
    shared = [
        weights[name] * ((number[:, None] == number[None, :]) & (number[:, None] >= 0)).float()
        for name, number in kinds.items()
    ]
    return torch.stack(shared).amax(dim=0)


def mood_loss(logits: Tensor, mood: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy of valence and arousal.

    Parameters
    ----------
    logits : Tensor [shape=(b, 2)]
    mood : Tensor [shape=(b, 2)], float
        0 to 1; NaN in rows whose mood is unknown.
    """
    known = ~mood.isnan().any(dim=1)
    target = mood.nan_to_num(0.5) * (1 - smoothing) + smoothing / 2
    loss = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none").mean(dim=1)
    return (loss * known).sum() / known.sum().clamp(min=1)


def tags_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy beyond what the target itself has [shape=(b,)], summed over tags; 0 where they agree.

    Parameters
    ----------
    logits : Tensor [shape=(b, n)]
    target : Tensor [shape=(b, n)], probabilities
    """
    own = torch.special.entr(target) + torch.special.entr(1 - target)
    return (F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none") - own).sum(dim=1)


def distillation_loss(embedding: Tensor, tags: Tensor, teacher: Tensor, teacher_tags: Tensor, known: Tensor) -> Tensor:
    """Regress a teacher's standardised embedding and its tag probabilities (Hinton et al. 2015).

    Parameters
    ----------
    embedding, teacher : Tensor [shape=(b, 200)]
    tags : Tensor [shape=(b, 50)], logits
    teacher_tags : Tensor [shape=(b, 50)], probabilities
    known : Tensor [shape=(b,)], bool
        For which crops there is teacher output; the others are ignored.
    """
    distance = (embedding.float() - teacher).square().mean(dim=1)
    angle = 1 - F.cosine_similarity(embedding.float(), teacher)
    tagging = F.binary_cross_entropy_with_logits(tags.float(), teacher_tags, reduction="none").mean(dim=1)
    # Masked, not indexed: no step waits for the device to count.
    return ((0.5 * distance + 0.5 * angle + tagging) * known).sum() / known.sum().clamp(min=1)
