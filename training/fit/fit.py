"""Cache and recipe -> a trained encoder: ``python -m training fit``.

Needs the cache, torch, torchaudio, lightning, torchmetrics, confuse and numpy: no audio decoder, no beets.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from musrec_core.audio.features import windows

from ..data.cache import Cache
from ..data.teacher import load_teacher
from ..model.branches import Branches
from ..model.encoder import TrainableEncoder
from ..model.inference import fit_vector
from ..recipe import Recipe, RecipeError
from .batches import CropData
from .hints import load_branches
from .lightning_module import Training
from .taught import taught_targets

LAST, BEST = "last", "best"


def fit(recipe: Recipe, cache: Cache, out: Path, *, fresh: bool = False) -> Path:
    """Train, choose the vector's projection, save.

    A run that was killed goes on from the end of its last whole epoch, to the same result; ``fresh`` starts over.

    Returns
    -------
    trained : Path
        ``OUT/encoder.pt``: the state of the encoder and of the vector, loadable with ``weights_only=True``.
    """
    cache.require(recipe.front)
    if not cache.split("train"):
        raise RecipeError("the cache has no clip in the train split")
    if recipe.schedule.patience and not any(cache.tracks[i].has_one_genre for i in cache.split("valid")):
        raise RecipeError("schedule.patience needs clips in the valid split whose label allows one genre")
    out.mkdir(parents=True, exist_ok=True)
    stages = [True, False] if recipe.schedule.pretrain_epochs else [False]
    encoder = None
    for pretraining in stages:
        encoder = _stage(recipe, cache, out, start=encoder, pretraining=pretraining, fresh=fresh)
    assert encoder is not None
    path = out / "encoder.pt"
    if rank_zero_only.rank:  # type: ignore[attr-defined]  # Lightning sets it when a run starts
        return path  # of many processes, the first one writes
    vector = fit_vector(encoder.to(_device(recipe)), recipe, cache)
    encoder.cpu()
    state = {"encoder": encoder.state_dict(), "vector": vector.state_dict(), "recipe": recipe.name}
    torch.save(state | {"vocabulary": cache.vocabulary}, path)
    for checkpoint in out.glob("checkpoints-*/*.ckpt"):
        checkpoint.unlink()  # the run is done: the next one starts anew
    return path


def _stage(
    recipe: Recipe, cache: Cache, out: Path, *, start: TrainableEncoder | None, pretraining: bool, fresh: bool
) -> TrainableEncoder:
    """Pre-training or training proper, from its checkpoint where there is one."""
    lightning.seed_everything(recipe.seed, verbose=False)
    module = Training(recipe, len(cache.vocabulary), pretraining=pretraining)
    if isinstance(module.encoder.trunk, Branches):
        _take_branches(module.encoder.trunk, recipe, cache, out)
        if recipe.schedule.branches_lr:
            module.unfreeze_branches()
    if start is not None:
        module.encoder.load_state_dict(start.state_dict())
    name = "pretrain" if pretraining else "train"
    folder = out / f"checkpoints-{name}"
    last = folder / f"{LAST}.ckpt"
    if fresh:
        last.unlink(missing_ok=True)
    if last.is_file():
        _require_same_recipe(last, recipe)
    trainer = _trainer(recipe, out, folder, pretraining=pretraining)
    targets = taught_targets(recipe, cache) if recipe.loss.taught else None
    data = CropData(cache, load_teacher(cache) if recipe.loss.teacher else None, recipe, targets)
    trainer.fit(module, datamodule=data, ckpt_path=last if last.is_file() else None, weights_only=True)
    if recipe.schedule.patience and not pretraining:
        best = torch.load(folder / f"{BEST}.ckpt", weights_only=True, map_location="cpu")
        module.load_state_dict(best["state_dict"])
    return module.encoder.cpu().float().eval()


def _take_branches(trunk: Branches, recipe: Recipe, cache: Cache, out: Path) -> None:
    """Give the trunk what `fit_hints` saved, and the statistics of the train split."""
    load_branches(trunk, recipe, out)
    frames = recipe.front.window_frames
    clips = [i for i in cache.split("train") if cache.tracks[i].is_labelled]
    device = _device(recipe)
    trunk.to(device).standardise(torch.from_numpy(windows(cache.clip(i), frames)[:1]).to(device) for i in clips)
    trunk.cpu()


def _device(recipe: Recipe) -> torch.device:
    """Where networks run outside the loop."""
    wanted = recipe.trainer.accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available()
    return torch.device("cuda" if wanted else "cpu")


def _trainer(recipe: Recipe, out: Path, folder: Path, *, pretraining: bool) -> lightning.Trainer:
    plan, where = recipe.schedule, recipe.trainer
    stopping = bool(plan.patience) and not pretraining
    watched = sys.stderr.isatty()
    callbacks: list[Callback] = [StampRecipe(recipe)]
    if watched:
        callbacks.append(TQDMProgressBar(refresh_rate=5))
    if plan.ema:
        callbacks.append(EMAWeightAveraging(decay=plan.ema))
    if stopping:
        callbacks.append(EarlyStopping("valid_loss", patience=plan.patience))
        callbacks.append(ModelCheckpoint(folder, BEST, monitor="valid_loss", enable_version_counter=False))
    callbacks.append(ModelCheckpoint(folder, LAST, save_on_train_epoch_end=True, enable_version_counter=False))
    return lightning.Trainer(
        max_epochs=plan.pretrain_epochs if pretraining else plan.epochs,
        precision=plan.precision,
        gradient_clip_val=plan.gradient_clip or None,
        accelerator=where.accelerator,
        devices=where.devices,
        num_nodes=where.num_nodes,
        strategy=where.strategy,
        callbacks=callbacks,
        logger=_loggers(recipe, out, folder.name),
        log_every_n_steps=10,
        check_val_every_n_epoch=plan.valid_every,
        limit_val_batches=0 if pretraining else 1.0,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=str(out),
        enable_model_summary=False,
        enable_progress_bar=watched,
    )


def _loggers(recipe: Recipe, out: Path, name: str) -> list[Logger]:
    """``csv`` and ``tensorboard``, as the recipe asks."""
    kinds: dict[str, Any] = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}
    if unknown := set(recipe.trainer.logs) - set(kinds):
        raise RecipeError(f"trainer.logs names {', '.join(sorted(unknown))}: there are csv and tensorboard")
    return [kinds[kind](str(out), name=f"log-{name.removeprefix('checkpoints-')}") for kind in recipe.trainer.logs]


class StampRecipe(Callback):
    """Writes the recipe's digest into every checkpoint."""

    def __init__(self, recipe: Recipe) -> None:
        self.digest = recipe.digest()

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["recipe_digest"] = self.digest


def _require_same_recipe(checkpoint: Path, recipe: Recipe) -> None:
    """A run may only go on with the recipe that it began with."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    if state.get("recipe_digest") != recipe.digest():
        raise RecipeError(f"{checkpoint.parent.parent} holds an unfinished run of another recipe: add --fresh")
