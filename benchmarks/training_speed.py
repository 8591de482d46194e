"""How fast training is, on synthetic clips: ``python -m benchmarks.training_speed --clips 8000``, FMA-small's size.

Prints clips and crops a second, what an epoch and the whole recipe take, and where a step's time goes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from training.data.cache import Cache, Track
from training.fit.batches import CropData
from training.fit.lightning_module import Training
from training.recipe import Recipe, load_recipe

PHASES = ("crops to the device", "forward, backward, optimiser")


class Stopwatch(lightning.Callback):
    """Times of steps and epochs; waits for the device, so that each phase pays for itself."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self.phases: dict[str, list[float]] = {phase: [] for phase in PHASES}
        self._mark = self._epoch = 0.0

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_train_epoch_start(self, *_: Any) -> None:
        self._epoch = self._mark = self._now()

    def on_train_batch_start(self, *_: Any) -> None:
        now = self._now()
        self.phases[PHASES[0]].append(now - self._mark)
        self._mark = now

    def on_train_batch_end(self, *_: Any) -> None:
        now = self._now()
        self.phases[PHASES[1]].append(now - self._mark)
        self._mark = now

    def on_train_epoch_end(self, *_: Any) -> None:
        self.epochs.append(self._now() - self._epoch)


def synthetic_cache(clips: int, recipe: Recipe) -> Cache:
    """Noise instead of music: as many frames as the clips would have."""
    front = recipe.front
    frames = int(front.clip_seconds * front.sample_rate) // front.hop_length
    rng = np.random.default_rng(0)
    genres = [f"genre {k}" for k in range(8)]
    labels = [(genres[n % len(genres)],) for n in range(clips)]
    tracks = [Track(f"synthetic-{n}", f"artist {n // 4}", "train", label, label) for n, label in enumerate(labels)]
    data = rng.integers(0, 256, (clips * frames, front.n_mels), dtype=np.uint8)
    return Cache(data, np.arange(clips) * frames, np.full(clips, frames), tracks, front, genres)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__)
    parser.add_argument("--clips", type=int, default=8_000)
    parser.add_argument("--epochs", type=int, default=4, help="the first does not count")
    parser.add_argument("--recipe", default="fma-small")
    options = parser.parse_args()
    recipe = load_recipe(options.recipe, {"schedule.crops_per_epoch": 2 * options.clips})
    cache = synthetic_cache(options.clips, recipe)
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=options.epochs, precision=recipe.schedule.precision, callbacks=[watch], logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
            gradient_clip_val=recipe.schedule.gradient_clip, reload_dataloaders_every_n_epochs=1,
            default_root_dir=str(Path(folder)),
        )  # fmt: skip
        trainer.fit(Training(recipe, 8), datamodule=CropData(cache, None, recipe))
    epoch = statistics.median(watch.epochs[1:])
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"{device}; {options.clips} clips of {recipe.front.clip_seconds:.0f} s, two crops of each an epoch; medians")
    print(f"{options.clips / epoch:10.0f} clips/s, {2 * options.clips / epoch:.0f} crops/s")
    print(
        f"{epoch:10.1f} s an epoch, {epoch * recipe.schedule.epochs / 60:.1f} min for {recipe.schedule.epochs} epochs"
    )
    for phase, times in watch.phases.items():
        print(f"{1e3 * statistics.median(times):10.1f} ms a step of {2 * recipe.schedule.batch_clips} crops: {phase}")
    if torch.cuda.is_available():
        print(f"{torch.cuda.max_memory_allocated() / 1e9:10.1f} GB of the GPU at the most")


if __name__ == "__main__":
    main()
