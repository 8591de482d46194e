"""What the encoder is trained for, in small numbers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from training.losses import distillation_loss, partial_label_loss, supervised_contrastive_loss

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.0, 0.0], [1.0, 3.0, 2.0]])


def test_one_candidate_is_cross_entropy() -> None:
    labels = torch.tensor([0, 2, 1])
    loss = partial_label_loss(LOGITS, F.one_hot(labels, 3).bool())
    torch.testing.assert_close(loss, F.cross_entropy(LOGITS, labels, reduction="none"))
    smooth = partial_label_loss(LOGITS, F.one_hot(labels, 3).bool(), smoothing=0.1)
    torch.testing.assert_close(smooth, F.cross_entropy(LOGITS, labels, reduction="none", label_smoothing=0.1))


def test_any_candidate_is_right_and_no_candidate_costs_nothing() -> None:
    candidates = torch.tensor([[True, True, False], [True, True, True], [False, False, False]])
    loss = partial_label_loss(LOGITS, candidates)
    expected = -torch.log(LOGITS[0].softmax(0)[:2].sum())
    torch.testing.assert_close(loss, torch.stack([expected, torch.tensor(0.0), torch.tensor(0.0)]))


def test_partial_labels_train_without_nan() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = partial_label_loss(logits, torch.tensor([[True, False, False], [False] * 3, [True] * 3])).sum()
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()


def test_contrast_is_least_where_groups_lie_together() -> None:
    together = F.normalize(torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), dim=1)
    apart = together[[0, 2, 1, 3]]
    groups = torch.tensor([0, 0, 1, 1])
    assert supervised_contrastive_loss(together, groups) < supervised_contrastive_loss(apart, groups) - 1


def test_without_any_positive_there_is_nothing_to_learn() -> None:
    z = F.normalize(torch.randn(4, 8), dim=1).requires_grad_()
    loss = supervised_contrastive_loss(z, torch.arange(4))
    (gradient,) = torch.autograd.grad(loss, z)
    assert loss.item() == 0
    assert not gradient.any()


def test_distillation_counts_only_what_the_teacher_heard() -> None:
    embedding, tags = torch.randn(3, 200), torch.randn(3, 50)
    heard = torch.tensor([True, False, False])
    perfect = distillation_loss(embedding, tags, embedding, tags.sigmoid(), heard)
    worse = distillation_loss(-embedding, tags, embedding, tags.sigmoid(), heard)
    other = distillation_loss(embedding, tags, embedding * heard[:, None], tags.sigmoid(), heard)
    assert perfect < worse
    assert perfect.item() == pytest.approx(other.item())
    assert distillation_loss(embedding, tags, embedding, tags.sigmoid(), torch.zeros(3, dtype=torch.bool)).item() == 0
