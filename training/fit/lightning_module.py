"""One step of training and of validation: the LightningModule."""

from __future__ import annotations

import copy
from typing import Any

import lightning
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from ..model.branches import Branches, Said
from ..model.encoder import Outputs, new_encoder
from ..model.losses import (
    distillation_loss,
    mood_loss,
    pair_weights,
    partial_label_loss,
    supervised_contrastive_loss,
    tags_loss,
)
from ..recipe import Recipe
from .augment import Augment, mixup_partners
from .batches import Batch


class Training(lightning.LightningModule):
    """The encoder, its losses and its optimiser.

    Parameters
    ----------
    recipe : Recipe
    n_genres : int
    pretraining : bool
        Self-supervised (Chen et al. 2020): two crops of a clip are the only positives, no label is looked at.
    """

    def __init__(self, recipe: Recipe, n_genres: int, *, pretraining: bool = False) -> None:
        super().__init__()
        self.recipe = recipe
        self.pretraining = pretraining
        self.encoder = new_encoder(recipe, n_genres)
        options = recipe.augment
        self.augment = Augment(
            frequency_mask=options.frequency_mask,
            time_mask=options.time_mask,
            tilt=options.tilt,
            gain=options.gain,
            pitch=options.pitch,
            low_pass=options.low_pass,
        )
        self.accuracy = MulticlassAccuracy(n_genres, average="micro")
        self.fitted: Branches | None = None

    def unfreeze_branches(self) -> None:
        """Let the branches learn, from where they are now; a copy that stays so says what they shall not forget."""
        trunk = self.encoder.trunk
        assert isinstance(trunk, Branches)
        self.fitted = copy.deepcopy(trunk).requires_grad_(False)
        trunk.branches.requires_grad_(True)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """The seed and the step alone decide on augmentation and dropout, in a resumed run too."""
        torch.manual_seed(1_000_003 * int(self.recipe.seed) + 64 * self.global_step + self.global_rank)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        partner, share = mixup_partners(len(batch.x), self.recipe.augment.mixup, batch.x.device)
        x = self.augment(share[:, None, None] * batch.x + (1 - share)[:, None, None] * batch.x[partner])
        out = self.encoder(x)
        losses = self._contrastive(out, batch) if self.pretraining else self._losses(out, batch, partner, share)
        if self.fitted is not None:
            losses["hints"] = self._hints(self.fitted.said(x), out)
        self.log_dict(dict(losses), prog_bar=True, batch_size=len(x))
        weights = dict.fromkeys(losses, 1.0) if self.pretraining else self.recipe.loss
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()

    def _losses(self, out: Outputs, batch: Batch, partner: Tensor, share: Tensor) -> dict[str, Tensor]:
        """Each loss that the recipe weighs; where songs are mixed, so are their targets."""
        weights = self.recipe.loss
        losses = self._contrastive(out, batch) if weights.contrastive else {}
        if weights.genre:
            own, other = (
                partial_label_loss(out.genres, candidates, smoothing=weights.label_smoothing)
                for candidates in (batch.candidates, batch.candidates[partner])
            )
            losses["genre"] = (share * own + (1 - share) * other).mean()
        if weights.teacher:
            target, tags = (
                share[:, None] * table + (1 - share)[:, None] * table[partner] for table in (batch.teacher, batch.tags)
            )
            has_target = batch.has_target & batch.has_target[partner]
            losses["teacher"] = distillation_loss(out.teacher, out.tags, target, tags, has_target)
        if weights.taught:
            target = share[:, None] * batch.taught + (1 - share)[:, None] * batch.taught[partner]
            known = batch.is_taught & batch.is_taught[partner]
            losses["taught"] = (tags_loss(out.taught, target) * known).sum() / known.sum().clamp(min=1)
        if weights.mood:
            mixed = share[:, None] * batch.mood + (1 - share)[:, None] * batch.mood[partner]
            losses["mood"] = mood_loss(out.mood, mixed, smoothing=weights.label_smoothing)
        return losses

    def _contrastive(self, out: Outputs, batch: Batch) -> dict[str, Tensor]:
        kinds, weights = {"clip": batch.clip}, {"clip": 1.0}
        if not self.pretraining:
            kinds |= {"artist": batch.artist, "genre": batch.genre, "quadrant": batch.quadrant}
            weights |= {name: self.recipe.loss[f"same_{name}"] for name in ("artist", "genre", "quadrant")}
        positives = pair_weights(kinds, weights)
        loss = supervised_contrastive_loss(out.head, positives, temperature=self.recipe.loss.temperature)
        return {"contrastive": loss}

    def _hints(self, said: Said, out: Outputs) -> Tensor:
        """How far the branches' tags are from what they were for the same sound (Beyer et al. 2022)."""
        return tags_loss(out.tags, said.tags.float().sigmoid()).mean()

    def validation_step(self, batch: Batch, _: int) -> None:
        """A whole clip at a time: its windows' mean logits, as at a user's."""
        logits = self.encoder(batch.x).genres.float().mean(dim=0, keepdim=True)
        loss = partial_label_loss(logits, batch.candidates[:1]).mean()
        self.accuracy.update(logits, batch.candidates[:1].int().argmax(dim=1))
        self.log("valid_loss", loss, batch_size=1, sync_dist=True, prog_bar=True)
        self.log("valid_accuracy", self.accuracy, batch_size=1, prog_bar=True)

    def configure_optimizers(self) -> Any:
        plan = self.recipe.schedule
        groups = self._parameter_groups()
        optimizer = torch.optim.AdamW(groups, lr=plan.max_lr, weight_decay=plan.weight_decay)
        if plan.kind == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        highest = [group["lr"] for group in groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, highest, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """What learns, at its learning rate: unfrozen branches at one of their own."""
        plan, trunk = self.recipe.schedule, self.encoder.trunk
        branches = list(trunk.branches.parameters()) if self.fitted is not None and isinstance(trunk, Branches) else []
        slow = {id(parameter) for parameter in branches}
        learnt = [p for p in self.encoder.parameters() if p.requires_grad and id(p) not in slow]
        groups = [{"params": learnt, "lr": plan.max_lr}]
        if branches:
            groups.append({"params": branches, "lr": plan.max_lr * plan.branches_lr, "weight_decay": 0.0})
        return groups
