"""What further teachers say of crops: a table that a GPU can gather from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.cache import Cache
from ..data.targets import load_targets
from ..recipe import Recipe, RecipeError


@dataclass(frozen=True)
class TaughtTable:
    """Tags of all teachers side by side, for a crop that begins at each full second of each clip.

    Attributes
    ----------
    said : np.ndarray [shape=(rows, m)], float32
    first : np.ndarray [shape=(n,)], int64
        A clip's first row: that of the crop at its beginning.
    seconds : np.ndarray [shape=(n,)], int64
        How many rows it has; 0 where a teacher has not heard it.
    """

    said: NDArray[np.float32]
    first: NDArray[np.int64]
    seconds: NDArray[np.int64]


def nothing_taught(clips: int) -> TaughtTable:
    """For recipes without such teachers."""
    zeros = np.zeros(clips, np.int64)
    return TaughtTable(np.zeros((1, 0), np.float32), zeros, zeros)


def taught_targets(recipe: Recipe, cache: Cache) -> TaughtTable:
    """Gather what `teach` stored.

    Raises
    ------
    RecipeError
        A teacher has not heard the cache, or has another number of tags than the recipe says.
    """
    if cache.folder is None:
        raise RecipeError("network.taught needs a cache that was read from its folder")
    front = recipe.front
    window = front.window_frames * front.hop_length / front.sample_rate
    teachers = [load_targets(cache.folder, one.teacher) for one in recipe.network.taught]
    for targets, one in zip(teachers, recipe.network.taught, strict=True):
        if targets.outputs["tags"].shape[1:] != (int(one.tags),):
            raise RecipeError(f"network.taught: {one.teacher} has {targets.outputs['tags'].shape[1]} tags")
    rows: list[NDArray[np.float32]] = []
    seconds = np.zeros(len(cache.tracks), np.int64)
    first = np.zeros(len(cache.tracks), np.int64)
    for i, track in enumerate(cache.tracks):
        first[i] = len(rows)
        length = cache.length[i] * front.hop_length / front.sample_rate
        for second in range(int(max(0.0, length - window)) + 1):
            said = [targets.target(track.id, second, second + window) for targets in teachers]
            if any(one is None for one in said):
                break
            rows.append(np.concatenate([one for one in said if one is not None]))
        seconds[i] = len(rows) - first[i]
    if not rows:
        raise RecipeError("the teachers of network.taught have heard no clip of this cache")
    return TaughtTable(np.stack(rows), np.minimum(first, len(rows) - 1), seconds)
