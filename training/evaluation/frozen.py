"""Recipes whose branches do not change: their outputs are computed once, and a fit is of the layers above alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from ..data.cache import Cache
from ..fit.batches import CropData
from ..fit.hints import branch_file, load_branches
from ..fit.lightning_module import Training
from ..model.branches import Branches, Said
from ..model.encoder import Outputs, TrackVector
from ..model.inference import new_vector
from ..recipe import Recipe

STEP = 300  # frames from window to window, where a clip is longer than one


def is_frozen(recipe: Recipe) -> bool:
    """Whether the recipe's branches stay as `fit_hints` left them, and labels alone teach the layers above."""
    learning = recipe.schedule.get("branches_lr") or recipe.loss.get("taught")
    return recipe.network.kind == "branches" and not learning


@dataclass(frozen=True)
class BranchOutputs:
    """What the branches say of a cache's clips.

    Attributes
    ----------
    said : Tensor [shape=(n, e + t)]
        Embeddings and tags of all branches, side by side, a row a window.
    first, count : np.ndarray [shape=(clips,)], int64
        Each clip's rows; no row where it is in the test split.
    embedding : int
        Columns of the embeddings.
    """

    said: Tensor
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    embedding: int

    def clip(self, i: int) -> Tensor:
        """A clip's windows as `StoredBranches` take them [shape=(windows, e + t, 1)]."""
        return self.said[self.first[i] : self.first[i] + self.count[i], :, None]


def branch_outputs(recipe: Recipe, cache: Cache, out: Path) -> BranchOutputs:
    """Run the branches that ``OUT/branches`` holds on every clip of the train and valid splits; kept in ``OUT``."""
    frames = recipe.front.window_frames
    used = np.array([track.split != "test" for track in cache.tracks])
    count = np.where(used, 1 + np.maximum(cache.length - frames, 0) // STEP, 0)
    first = np.cumsum(count) - count
    embedding = sum(int(options.embedding) for options in recipe.network.branches)
    names = [branch_file(out, recipe, options).name for options in recipe.network.branches]
    heard = repr((names, [track.id for track in cache.tracks], count.tolist(), STEP))
    path = out / f"branches-{hashlib.sha256(heard.encode()).hexdigest()[:8]}.npy"
    if not path.is_file():
        trunk = Branches(recipe.network.branches, features=1).eval()
        load_branches(trunk, recipe, out)
        clips = tqdm(np.flatnonzero(used), desc="branches", unit="clip", disable=None, delay=1)
        rows = [_heard(trunk, cache, int(i), int(count[i]), frames) for i in clips]
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as handle:
            np.save(handle, np.concatenate(rows))
        unfinished.replace(path)
    return BranchOutputs(torch.from_numpy(np.load(path)), first, count, embedding)


@torch.inference_mode()
def _heard(trunk: Branches, cache: Cache, i: int, count: int, frames: int) -> NDArray[np.float32]:
    """One clip's rows; a clip shorter than a window is repeated, as everywhere."""
    spectrogram = cache.clip(i)
    wrapped = np.pad(spectrogram, ((0, 0), (0, max(0, frames - spectrogram.shape[1]))), mode="wrap")
    x = np.stack([wrapped[:, n * STEP : n * STEP + frames] for n in range(count)])
    return np.asarray(torch.cat(trunk.said(torch.from_numpy(x)), dim=1).numpy(), np.float32)


class StoredBranches(Branches):
    """A trunk whose branches have spoken already: its input is `BranchOutputs`, (b, e + t, 1)."""

    def __init__(self, recipe: Recipe, embedding: int) -> None:
        super().__init__(recipe.network.branches, features=recipe.network.features)
        self.embedding = embedding

    def said(self, x: Tensor) -> Said:
        flat = x.flatten(1)
        return Said(flat[:, : self.embedding], flat[:, self.embedding :])


class StoredCrops(CropData):
    """Batches of `BranchOutputs`, of the window that is nearest to the crop's place."""

    def __init__(self, cache: Cache, stored: BranchOutputs, recipe: Recipe, **targets: Any) -> None:
        super().__init__(cache, None, recipe, **targets)
        self.tables["stored"] = stored.said
        self.tables["stored_first"] = torch.from_numpy(stored.first)
        self.tables["stored_count"] = torch.from_numpy(stored.count)

    def _crops(self, track: Tensor, start: Tensor) -> Tensor:
        window = torch.minimum((start / STEP).round().long(), self.tables["stored_count"][track] - 1)
        return self.tables["stored"][self.tables["stored_first"][track] + window][:, :, None]


def fit_frozen(recipe: Recipe, cache: Cache, stored: BranchOutputs, folder: Path) -> tuple[nn.Module, nn.Module]:
    """Train the layers above the branches to the end of the schedule, without augmentation; fit the track vector.

    Returns
    -------
    encoder, vector : nn.Module
        In evaluation mode; the encoder takes `BranchOutputs.clip`.
    """
    lightning.seed_everything(recipe.seed, verbose=False)
    module = Training(recipe, len(cache.vocabulary))
    trunk = StoredBranches(recipe, stored.embedding)
    labelled = [i for i in cache.split("train") if cache.tracks[i].is_labelled]
    trunk.standardise(stored.clip(i)[:1] for i in labelled)
    trunk.branches = nn.ModuleList()  # they have spoken
    module.encoder.trunk = trunk
    module.augment = nn.Identity()  # type: ignore[assignment]  # it is of spectrograms
    callbacks: list[Callback] = [EMAWeightAveraging(decay=recipe.schedule.ema)] if recipe.schedule.ema else []
    trainer = lightning.Trainer(
        max_epochs=recipe.schedule.epochs,
        accelerator="cpu",
        gradient_clip_val=recipe.schedule.gradient_clip or None,
        callbacks=callbacks,
        limit_val_batches=0,
        logger=False,
        reload_dataloaders_every_n_epochs=1,
        default_root_dir=str(folder),
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    trainer.fit(module, datamodule=StoredCrops(cache, stored, recipe))
    encoder = module.encoder.float().eval()
    vector = new_vector(recipe)
    if isinstance(vector, TrackVector):
        with torch.inference_mode():
            train = [vector.parts(encoder(stored.clip(i))).mean(dim=0) for i in cache.split("train")]
        vector.fit(torch.stack(train)).eval()
    return encoder, vector


@torch.inference_mode()
def frozen_outputs(encoder: nn.Module, stored: BranchOutputs, i: int) -> Outputs:
    """One clip's windows through the layers above the branches."""
    out: Outputs = encoder(stored.clip(i))
    return out
