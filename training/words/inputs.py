"""What heads can read of a clip: the stored vector, or for comparison the network's own outputs before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from musrec_core.audio.features import log_mel_each, windows_each
from musrec_core.encoder import Encoder
from musrec_core.front_end import SWITCHES

from ..data.cache import Cache
from ..recipe import Recipe, RecipeError
from .ensemble import Floats

WHAT_IS_HEARD = {*SWITCHES, "clip_seconds", "excerpts"}  # of a song: the network does not depend on it


def clips(cache: Cache, rows: Sequence[int], encoder: Encoder) -> Iterator[NDArray[np.float32]]:
    """The part of each clip that a user's encoder would hear [shape=(n,)]: as many seconds, from the middle."""
    front = encoder.card.front_end
    most = round(front.clip_seconds * front.sample_rate)
    if cache.audio is None or cache.audio.sample_rate < front.sample_rate:
        raise RecipeError(f"the cache lacks audio at {front.sample_rate} Hz, which {encoder.card.name} hears")
    for i in tqdm(rows, unit="clip", disable=None):
        y = cache.audio.clip(i, front.sample_rate)
        start = max(0, len(y) - most) // 2
        yield y[start : start + most]


def stored_vectors(cache: Cache, rows: Sequence[int], encoder: Encoder) -> Floats:
    """Vectors as a library stores them [shape=(n, d)]: float16."""
    vectors = [encoder.embed_clip(y).vector.astype(np.float16) for y in clips(cache, rows, encoder)]
    return np.array(vectors, np.float64)


def own_outputs(cache: Cache, rows: Sequence[int], encoder: Encoder, recipe: Recipe, out: Path) -> Floats:
    """The trained network's features and the logits of its heads, side by side [shape=(n, columns)].

    Each column has mean 0 and deviation 1.

    Raises
    ------
    RecipeError
        ``out`` holds no trained network, or one of another front end.
    """
    import torch

    from ..model.inference import load_trained

    network, _, _ = load_trained(recipe, out)
    front = encoder.card.front_end
    ours, theirs = asdict(recipe.front), asdict(front)
    if any(ours[key] != theirs[key] for key in ours if key not in WHAT_IS_HEARD):
        raise RecipeError(f"the recipe {recipe.name} and the model {encoder.card.name} have another front end")
    basis = np.load(encoder.card.folder / encoder.card.mel_basis, allow_pickle=False)
    found = []
    for y in clips(cache, rows, encoder):
        w = windows_each(log_mel_each([y], basis, front), front.window_frames)
        with torch.inference_mode():
            said = network(torch.from_numpy(w))
        parts = [said.features, said.genres, said.teacher, said.tags, said.mood]
        found.append(torch.cat([part.float() for part in parts], dim=1).mean(dim=0).numpy())
    x = np.array(found, np.float64)
    deviation = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1))
