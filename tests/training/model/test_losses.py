"""What the encoder is trained for, in small numbers."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from training.model.losses import (
    distillation_loss,
    mood_loss,
    pair_weights,
    partial_label_loss,
    supervised_contrastive_loss,
)

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


def groups(*numbers: int) -> torch.Tensor:
    return pair_weights({"artist": torch.tensor(numbers)}, {"artist": 1.0})


def test_contrast_is_least_where_groups_lie_together() -> None:
    together = F.normalize(torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), dim=1)
    apart = together[[0, 2, 1, 3]]
    same = groups(0, 0, 1, 1)
    assert supervised_contrastive_loss(together, same) < supervised_contrastive_loss(apart, same) - 1


def test_without_any_positive_there_is_nothing_to_learn() -> None:
    z = F.normalize(torch.randn(4, 8), dim=1).requires_grad_()
    loss = supervised_contrastive_loss(z, groups(0, 1, 2, 3))
    (gradient,) = torch.autograd.grad(loss, z)
    assert loss.item() == 0
    assert not gradient.any()


def test_a_pair_counts_by_the_strongest_of_what_it_shares() -> None:
    kinds = {"clip": torch.tensor([0, 0, 1, 2]), "genre": torch.tensor([5, 5, 5, -1])}
    weights = pair_weights(kinds, {"clip": 1.0, "genre": 0.3})
    assert weights[0].tolist() == pytest.approx([1, 1, 0.3, 0])
    assert weights[3].tolist() == [0, 0, 0, 1]  # unknown genres are not the same genre


def test_weak_positives_pull_less() -> None:
    z = F.normalize(torch.tensor([[1.0, 0, 0], [0.9, 0.3, 0], [0, 1, 0], [0, 0, 1]]), dim=1)
    strong = torch.tensor([[0, 1, 0.2, 0], [1, 0, 0, 0], [0.2, 0, 0, 0], [0, 0, 0, 0]])
    weak = strong.clone()
    weak[0, 2] = weak[2, 0] = 0.0
    assert supervised_contrastive_loss(z, strong) > supervised_contrastive_loss(z, weak)


def test_mood_is_learnt_where_it_is_known() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    mood = torch.tensor([[1.0, 0.0], [float("nan"), float("nan")]])
    expected = F.binary_cross_entropy_with_logits(logits[0], mood[0])
    torch.testing.assert_close(mood_loss(logits, mood), expected)
    unknown = mood_loss(logits.requires_grad_(), torch.full((2, 2), float("nan")))
    (gradient,) = torch.autograd.grad(unknown, logits)
    assert unknown.item() == 0
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
