"""Random crops of the cached clips, gathered in batches on the device where the network is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from .datasets import QUANTUM, Cache
from .model import Encoder
from .recipe import Recipe
from .teacher import Teacher


class Batch(NamedTuple):
    """b crops and what is known of them.

    x (b, n_mels, t); candidates (b, k) bool; artists (b,) int; teacher (b, 200); tags (b, 50); heard (b,) bool.
    """

    x: Tensor
    candidates: Tensor
    artists: Tensor
    teacher: Tensor
    tags: Tensor
    heard: Tensor


class CropPositions(IterableDataset[Tensor]):
    """An epoch of random positions: [track, first frame, teacher's patch or -1] [shape=(2 * batch_clips, 3)].

    Two crops of each clip follow each other. Where a teacher heard the clip, crops stand where it listened.
    """

    def __init__(self, cache: Cache, teacher: Teacher | None, recipe: Recipe) -> None:
        self.cache, self.teacher, self.recipe = cache, teacher, recipe
        self.train = cache.split("train")
        weights = np.sqrt(cache.length[self.train].astype(float))  # longer clips hold more to learn
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return max(1, int(self.recipe.schedule.crops_per_epoch) // (2 * int(self.recipe.schedule.batch_clips)))

    def __iter__(self) -> Iterator[Tensor]:
        rng = np.random.default_rng(int(torch.randint(2**31, ()).item()))
        clips = self.recipe.schedule.batch_clips
        for _ in range(len(self)):
            chosen = rng.choice(self.train, size=clips, p=self.weights, replace=clips > len(self.train))
            yield torch.tensor([self._position(int(i), rng) for i in chosen for _ in range(2)])

    def _position(self, i: int, rng: np.random.Generator) -> tuple[int, int, int]:
        last = max(0, int(self.cache.length[i]) - self.recipe.front.window_frames)
        if self.teacher and (patches := self.teacher.patches.get(self.cache.tracks[i].id)):
            patch = patches[rng.integers(len(patches))]
            first = self.teacher.first_frame(patch) + int(rng.integers(-4, 5))  # 0.1 s to and fro
            return i, min(max(first, 0), last), patch
        return i, int(rng.integers(last + 1)), -1


class CropData(lightning.LightningDataModule):
    """Positions travel to the device; the cache already lies there, and the crops are cut there."""

    def __init__(self, cache: Cache, teacher: Teacher | None, recipe: Recipe) -> None:
        super().__init__()
        self.positions = CropPositions(cache, teacher, recipe)
        self.window_frames = recipe.front.window_frames
        dims = (Encoder.TEACHER_DIMENSIONS, Encoder.TEACHER_TAGS)
        targets = (teacher.embedding, teacher.tags) if teacher else tuple(np.zeros((1, d), np.float32) for d in dims)
        self.tables = {
            "frames": torch.from_numpy(cache.frames),
            "first": torch.from_numpy(cache.first),
            "length": torch.from_numpy(cache.length),
            "candidates": candidate_matrix(cache, recipe.vocabulary),
            "artists": artist_numbers(cache),
            "teacher": torch.from_numpy(targets[0]),
            "tags": torch.from_numpy(targets[1]),
        }

    def train_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(self.positions, batch_size=None)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        self.tables = {name: table.to(batch.device) for name, table in self.tables.items()}
        track, start, patch = batch.unbind(dim=1)
        known = patch.clamp(min=0)
        return Batch(
            self._crops(track, start),
            self.tables["candidates"][track],
            self.tables["artists"][track],
            self.tables["teacher"][known],
            self.tables["tags"][known],
            patch >= 0,
        )

    def _crops(self, track: Tensor, start: Tensor) -> Tensor:
        """Gather and dequantise [shape=(b, n_mels, window_frames)]; a shorter clip is repeated."""
        offsets = torch.arange(self.window_frames, device=track.device)
        inside = (start[:, None] + offsets) % self.tables["length"][track][:, None]
        x = self.tables["frames"][self.tables["first"][track][:, None] + inside]  # (b, t, mels)
        return (x.float() * QUANTUM - 5).transpose(1, 2)


def candidate_matrix(cache: Cache, vocabulary: list[str]) -> Tensor:
    """Which genres each track's labels accept [shape=(n, k)], bool."""
    return torch.tensor([[genre in track.genres for genre in vocabulary] for track in cache.tracks])


def artist_numbers(cache: Cache) -> Tensor:
    """A number per artist [shape=(n,)]; a track of an unknown artist stands alone."""
    names = [track.artist.casefold() or f"\0{track.id}" for track in cache.tracks]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return torch.tensor([numbers[name] for name in names])
