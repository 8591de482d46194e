"""Random crops of the cached clips, gathered in batches on the device where the network is."""

from __future__ import annotations

from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from musrec_core.mood import QUADRANTS

from ..data.cache import OFFSET, QUANTUM, Cache
from ..data.teacher import Teacher
from ..model.encoder import TrainableEncoder
from ..recipe import Recipe
from .taught import TaughtTable, nothing_taught


class Batch(NamedTuple):
    """b crops and what is known of them.

    x (b, n_mels, t); candidates (b, k) bool; clip, artist, genre, quadrant (b,) int, -1 where unknown (genre: where
    the labels allow several); mood (b, 2) valence and arousal, NaN where unknown; teacher (b, 200); tags (b, 50);
    has_target (b,) bool, whether the teacher gave these two; taught (b, m) what further teachers say of the crop,
    is_taught (b,) bool, whether they heard it.
    """

    x: Tensor
    candidates: Tensor
    clip: Tensor
    artist: Tensor
    genre: Tensor
    quadrant: Tensor
    mood: Tensor
    teacher: Tensor
    tags: Tensor
    has_target: Tensor
    taught: Tensor
    is_taught: Tensor


class CropPositions(Dataset[Tensor]):
    """An epoch's batches of random positions: [track, first frame, teacher's patch or -1] [shape=(2 * batch_clips, 3)].

    Two crops of each clip follow each other. Where a teacher heard the clip, crops stand where it listened. The seed,
    the epoch and the batch's number alone decide, so that a resumed run goes on as if it had never stopped, and many
    devices can share the batches.
    """

    def __init__(self, cache: Cache, teacher: Teacher | None, recipe: Recipe, epoch: int) -> None:
        self.cache, self.teacher, self.recipe, self.epoch = cache, teacher, recipe, epoch
        self.train = cache.split("train")
        weights = (
            cache.length[self.train].astype(float) ** recipe.schedule.length_weight
        )  # longer clips hold more to learn
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return max(1, int(self.recipe.schedule.crops_per_epoch) // (2 * int(self.recipe.schedule.batch_clips)))

    def __getitem__(self, number: int) -> Tensor:
        rng = np.random.default_rng((int(self.recipe.seed), self.epoch, number))
        clips = self.recipe.schedule.batch_clips
        chosen = rng.choice(self.train, size=clips, p=self.weights, replace=clips > len(self.train))
        return torch.tensor([self._position(int(i), rng) for i in chosen for _ in range(2)])

    def _position(self, i: int, rng: np.random.Generator) -> tuple[int, int, int]:
        last = max(0, int(self.cache.length[i]) - self.recipe.front.window_frames)
        if self.teacher and (patches := self.teacher.patches.get(self.cache.tracks[i].id)):
            patch = patches[rng.integers(len(patches))]
            first = self.teacher.first_frame(patch) + int(rng.integers(-4, 5))  # 0.1 s to and fro
            return i, min(max(first, 0), last), patch
        return i, int(rng.integers(last + 1)), -1


class CropData(lightning.LightningDataModule):
    """Positions are sent to the device, which holds the cache, and the crops are cut there."""

    def __init__(
        self, cache: Cache, teacher: Teacher | None, recipe: Recipe, taught: TaughtTable | None = None
    ) -> None:
        super().__init__()
        self.cache, self.teacher, self.recipe = cache, teacher, recipe
        taught = taught or nothing_taught(len(cache.tracks))
        self.seconds_per_frame = recipe.front.hop_length / recipe.front.sample_rate
        self.window_frames = recipe.front.window_frames
        dims = (TrainableEncoder.TEACHER_DIMENSIONS, TrainableEncoder.TEACHER_TAGS)
        targets = (teacher.embedding, teacher.tags) if teacher else tuple(np.zeros((1, d), np.float32) for d in dims)
        self.tables = {
            "frames": torch.from_numpy(cache.frames),
            "first": torch.from_numpy(cache.first),
            "length": torch.from_numpy(cache.length),
            "candidates": candidate_matrix(cache),
            "clip": torch.arange(len(cache.tracks)),
            "artist": integer_codes([track.artist.casefold() for track in cache.tracks]),
            "genre": integer_codes([track.genres[0] if track.has_one_genre else "" for track in cache.tracks]),
            "quadrant": integer_codes([track.quadrant for track in cache.tracks]),
            "mood": mood_matrix(cache),
            "teacher": torch.from_numpy(targets[0]),
            "tags": torch.from_numpy(targets[1]),
            "said": torch.from_numpy(taught.said),
            "first_said": torch.from_numpy(taught.first),
            "seconds_said": torch.from_numpy(taught.seconds),
        }

    def train_dataloader(self) -> DataLoader[Tensor]:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return DataLoader(CropPositions(self.cache, self.teacher, self.recipe, epoch), batch_size=None)

    def val_dataloader(self) -> DataLoader[Tensor]:
        """A batch a valid clip: its windows, one after the other."""
        step = self.window_frames
        clips = [
            torch.tensor([(i, start, -1) for start in range(0, max(1, int(self.cache.length[i]) - step + 1), step)])
            for i in self.cache.split("valid")
            if self.cache.tracks[i].has_one_genre
        ]
        return DataLoader(clips, batch_size=None)  # type: ignore[arg-type]

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Batch:
        self.tables = {name: table.to(batch.device) for name, table in self.tables.items()}
        track, start, patch = batch.unbind(dim=1)
        known = patch.clamp(min=0)
        of_track = ("candidates", "clip", "artist", "genre", "quadrant", "mood")
        return Batch(
            x=self._crops(track, start),
            **{name: self.tables[name][track] for name in of_track},
            teacher=self.tables["teacher"][known],
            tags=self.tables["tags"][known],
            has_target=patch >= 0,
            taught=self.tables["said"][self._said(track, start)],
            is_taught=self.tables["seconds_said"][track] > 0,
        )

    def _said(self, track: Tensor, start: Tensor) -> Tensor:
        """Rows of what the further teachers said of the crops."""
        last = (self.tables["seconds_said"][track] - 1).clamp(min=0)
        second = (start * self.seconds_per_frame).round().long()
        return self.tables["first_said"][track] + torch.minimum(second, last)

    def _crops(self, track: Tensor, start: Tensor) -> Tensor:
        """Gather and dequantise [shape=(b, n_mels, window_frames)]; a shorter clip is repeated."""
        offsets = torch.arange(self.window_frames, device=track.device)
        inside = (start[:, None] + offsets) % self.tables["length"][track][:, None]
        x = self.tables["frames"][self.tables["first"][track][:, None] + inside]  # (b, t, mels)
        return (x.float() * QUANTUM - OFFSET).transpose(1, 2)


def candidate_matrix(cache: Cache) -> Tensor:
    """Which genres each track's labels accept [shape=(n, k)], bool."""
    return torch.tensor([[genre in track.genres for genre in cache.vocabulary] for track in cache.tracks])


def mood_matrix(cache: Cache) -> Tensor:
    """Valence and arousal of each track's quadrant [shape=(n, 2)]; NaN where it has none."""
    unknown = (float("nan"), float("nan"))
    return torch.tensor([QUADRANTS.get(track.quadrant, unknown) for track in cache.tracks], dtype=torch.float32)


def integer_codes(names: list[str]) -> Tensor:
    """A number a name [shape=(n,)]; -1 for the empty one."""
    known = {name: i for i, name in enumerate(dict.fromkeys(filter(None, names)))}
    return torch.tensor([known.get(name, -1) for name in names])
