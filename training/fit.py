"""Cache and recipe -> a trained encoder: ``python -m training fit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor

from musrec_core.features import windows

from .augment import Augment, mixup_partners
from .crops import Batch, CropData
from .datasets import Cache
from .losses import distillation_loss, partial_label_loss, supervised_contrastive_loss
from .model import Encoder, Outputs, TrackVector
from .recipe import Recipe
from .teacher import load_teacher


class Training(lightning.LightningModule):
    """One step of training, and its optimiser."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.encoder = new_encoder(recipe)
        options = recipe.augment
        self.augment = Augment(frequency_mask=options.frequency_mask, time_mask=options.time_mask, tilt=options.tilt)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        partner, share = mixup_partners(len(batch.x), self.recipe.augment.mixup, batch.x.device)
        x = share[:, None, None] * batch.x + (1 - share)[:, None, None] * batch.x[partner]
        losses = self._losses(self.encoder(self.augment(x)), batch, partner, share)
        self.log_dict(dict(losses), prog_bar=True, batch_size=len(x))
        return torch.stack([self.recipe.loss[name] * loss for name, loss in losses.items()]).sum()

    def _losses(self, out: Outputs, batch: Batch, partner: Tensor, share: Tensor) -> dict[str, Tensor]:
        """Each loss that the recipe weighs; where songs are mixed, so are their targets."""
        weights, losses = self.recipe.loss, {}
        if weights.genre:
            own, other = (
                partial_label_loss(out.genres, candidates, smoothing=weights.label_smoothing)
                for candidates in (batch.candidates, batch.candidates[partner])
            )
            losses["genre"] = (share * own + (1 - share) * other).mean()
        if weights.contrastive:
            losses["contrastive"] = supervised_contrastive_loss(
                out.head, batch.artists, temperature=weights.temperature
            )
        if weights.teacher:
            target, tags = (
                share[:, None] * table + (1 - share)[:, None] * table[partner] for table in (batch.teacher, batch.tags)
            )
            losses["teacher"] = distillation_loss(
                out.teacher, out.tags, target, tags, batch.heard & batch.heard[partner]
            )
        return losses

    def configure_optimizers(self) -> Any:
        plan = self.recipe.schedule
        optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=plan.max_lr, weight_decay=plan.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.max_lr, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def new_encoder(recipe: Recipe) -> Encoder:
    """An untrained network of the recipe's shape."""
    encoder = Encoder(**recipe.network, n_genres=len(recipe.vocabulary))
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def fit(recipe: Recipe, cache: Cache, music: Path, out: Path) -> Path:
    """Train, choose the vector's projection, save.

    Returns
    -------
    checkpoint : Path
        ``OUT/encoder.pt``: the state of the encoder and of the vector, loadable with ``weights_only=True``.
    """
    lightning.seed_everything(recipe.seed)
    teacher = load_teacher(music / recipe.teacher, cache, recipe) if recipe.loss.teacher else None
    module = Training(recipe)
    out.mkdir(parents=True, exist_ok=True)
    trainer = lightning.Trainer(
        max_epochs=recipe.schedule.epochs,
        precision=recipe.schedule.precision,
        gradient_clip_val=recipe.schedule.gradient_clip,
        callbacks=[EMAWeightAveraging(decay=recipe.schedule.ema), TQDMProgressBar(refresh_rate=5)],
        logger=CSVLogger(str(out), name="log"),
        log_every_n_steps=10,
        enable_checkpointing=False,
        default_root_dir=str(out),
    )
    trainer.fit(module, datamodule=CropData(cache, teacher, recipe))
    encoder = module.encoder.cpu().float().eval()
    path = out / "encoder.pt"
    vector = fit_vector(encoder, recipe, cache)
    torch.save({"encoder": encoder.state_dict(), "vector": vector.state_dict(), "recipe": recipe.name}, path)
    return path


@torch.inference_mode()
def outputs_of(encoder: Encoder, cache: Cache, i: int, window_frames: int) -> Outputs:
    """All windows of one cached clip through the network."""
    out: Outputs = encoder(torch.from_numpy(windows(cache.clip(i), window_frames)))
    return out


def fit_vector(encoder: Encoder, recipe: Recipe, cache: Cache) -> TrackVector:
    """Fit the projection of the track vector on the train split's clips."""
    probe = TrackVector(dict(recipe.vector), recipe.network.embedding, 0)
    parts = [
        probe.parts(outputs_of(encoder, cache, i, recipe.front.window_frames)).mean(dim=0) for i in cache.split("train")
    ]
    return probe.fit(torch.stack(parts)).eval()
