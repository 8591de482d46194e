"""A trained encoder on cached clips: its outputs, the track vector that is fitted to them, and both loaded again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from musrec_core.audio.features import windows

from ..data.cache import Cache
from ..recipe import Recipe, RecipeError
from .encoder import Outputs, RawFeatures, TrackVector, TrainableEncoder, new_encoder

AXES_WINDOWS = 5  # of a clip, from which the principal axes are fitted


@torch.inference_mode()
def outputs_of(
    encoder: TrainableEncoder, cache: Cache, i: int, window_frames: int, *, most: int | None = None
) -> Outputs:
    """The windows of one cached clip through the network.

    Parameters
    ----------
    encoder : TrainableEncoder
        In evaluation mode.
    i : int
        The clip's position in the cache.
    window_frames : int
        Length of a window [frames].
    most : int, optional
        At most so many windows, evenly spaced; None: all of them.

    Returns
    -------
    out : Outputs
        A row a window.
    """
    w = windows(cache.clip(i), window_frames)
    if most and len(w) > most:
        w = w[np.linspace(0, len(w) - 1, most).round().astype(int)]
    device = next(encoder.parameters()).device
    out: Outputs = encoder(torch.from_numpy(w).to(device))
    return Outputs(*(column.cpu() for column in out))


def new_vector(recipe: Recipe, parts: int = 0) -> nn.Module:
    """The recipe's track vector, not yet fitted: `RawFeatures` where ``vector.raw`` says so, else a `TrackVector`.

    Parameters
    ----------
    parts : int
        Columns of its parts side by side, which have to be known before a saved state is loaded.
    """
    if recipe.vector.raw:
        return RawFeatures()
    weights = {name: weight for name, weight in recipe.vector.items() if name not in {"raw", "whiten"}}
    taught = [(int(one.tags), float(one.weight)) for one in recipe.network.taught]
    return TrackVector(weights, recipe.network.embedding, parts, whiten=recipe.vector.whiten, taught=taught)


def fit_vector(encoder: TrainableEncoder, recipe: Recipe, cache: Cache) -> nn.Module:
    """The recipe's track vector, its centre and its principal axes fitted to the train split.

    Where it has labelled recordings, to these alone: music without labels, and sound made of log-mel, would move the
    centre away from the songs that people have.
    """
    vector = new_vector(recipe)
    if not isinstance(vector, TrackVector):
        return vector
    frames, train = recipe.front.window_frames, cache.split("train")
    train = [i for i in train if cache.tracks[i].is_labelled and cache.tracks[i].file] or train
    outputs = (outputs_of(encoder, cache, i, frames, most=AXES_WINDOWS) for i in train)
    return vector.fit(torch.stack([vector.parts(out).mean(dim=0) for out in outputs])).eval()


def load_trained(recipe: Recipe, out: Path) -> tuple[TrainableEncoder, nn.Module, list[str]]:
    """The encoder, its track vector and its vocabulary, as `fit` saved them in ``OUT/encoder.pt``.

    Raises
    ------
    RecipeError
        Nothing was trained there.
    """
    path = out / "encoder.pt"
    if not path.is_file():
        raise RecipeError(f"{out} holds no trained encoder: run `python -m training fit` first")
    state = torch.load(path, weights_only=True)
    encoder = new_encoder(recipe, len(state["vocabulary"]))
    encoder.load_state_dict(state["encoder"])
    vector = new_vector(recipe, len(state["vector"]["mean"]) if "mean" in state["vector"] else 0)
    vector.load_state_dict(state["vector"])
    return encoder.eval(), vector.eval(), state["vocabulary"]
