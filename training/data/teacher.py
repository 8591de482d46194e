"""A teacher's outputs for patches of the clips: targets for distillation (Hinton et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..recipe import RecipeError
from .cache import Cache


@dataclass(frozen=True)
class Teacher:
    """Targets, patch by patch.

    Attributes
    ----------
    embedding : np.ndarray [shape=(n, d)]
        Standardised over the train split's patches.
    tags : np.ndarray [shape=(n, tags)]
        Probabilities.
    start : np.ndarray [shape=(n,)]
        Where the patch begins in its file [s].
    patches : dict
        Track id -> its patches.
    """

    embedding: NDArray[np.float32]
    tags: NDArray[np.float32]
    start: NDArray[np.float32]
    patches: dict[str, list[int]]
    frames_per_second: float

    def first_frame(self, patch: int) -> int:
        """The cached frame where the patch begins."""
        return round(float(self.start[patch]) * self.frames_per_second)


def load_teacher(cache: Cache) -> Teacher:
    """Read ``id, start_s, embedding, tags`` of the cache's npz; only what the train split heard is in ``patches``."""
    if cache.teacher is None:
        raise RecipeError(
            "the recipe has a teacher, but the cache was prepared without: run `python -m training prepare`"
        )
    with np.load(cache.teacher, allow_pickle=False) as data:
        ids, start = [str(i) for i in data["id"]], data["start_s"].astype(np.float32)
        embedding, tags = data["embedding"].astype(np.float32), data["tags"].astype(np.float32)
    train = {cache.tracks[i].id for i in cache.split("train")}
    heard = [n for n, id_ in enumerate(ids) if id_ in train]
    if not heard:
        raise RecipeError("the teacher has no output for the clips of the train split")
    patches: dict[str, list[int]] = {}
    for n in heard:
        patches.setdefault(ids[n], []).append(n)
    standard = (embedding - embedding[heard].mean(axis=0)) / embedding[heard].std(axis=0)
    return Teacher(standard, tags, start, patches, cache.front_end.sample_rate / cache.front_end.hop_length)
