"""8-bit convolutions, on a network whose numbers are fixed: no training, so no machine's cores matter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from musrec_core import Encoder
from musrec_core.audio.features import windows
from training.data.cache import Cache, Track, quantise_cache
from training.export.export import MIN_COSINE, export
from training.model.encoder import TrackVector, new_encoder
from training.model.inference import new_vector, outputs_of
from training.recipe import Recipe, RecipeError, load_recipe

GENRES = ["high", "low"]
PARTS = 2 + 50  # columns of the vector: genres and tags


def small(*, int8: bool) -> Recipe:
    """The network of the recipe of musrec-1, made small."""
    changes = {
        "name": "fixed",
        "network.stem": 8,
        "network.stages": [8, 16],
        "network.features": 16,
        "network.embedding": 12,
        "vector": {"teacher": 0.0, "genres": 1.0, "tags": 1.0},
        "export.int8": int8,
    }
    return load_recipe("musrec_1", changes)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return small(int8=True)


@pytest.fixture(scope="module")
def cache(recipe: Recipe) -> Cache:
    return slow_waves(recipe)


def slow_waves(recipe: Recipe) -> Cache:
    """Eight clips of made-up log-mel: slow waves over the bands, each with a pitch of its own."""
    rng = np.random.default_rng(0)
    bands, frames = np.arange(128)[None, :], np.arange(300)[:, None]
    clips = [np.sin(bands / (3 + n) + frames / (7 + 2 * n)) + 0.5 * rng.standard_normal((300, 128)) for n in range(8)]
    return Cache(
        quantise_cache(np.concatenate(clips).astype(np.float32)),
        np.arange(8) * 300,
        np.full(8, 300),
        [Track(f"x-{n}", f"artist {n}", "train", (GENRES[n % 2],), (GENRES[n % 2],)) for n in range(8)],
        recipe.front,
        GENRES,
    )


def save(recipe: Recipe, cache: Cache, out: Path, *, loud_channel: bool = False) -> None:
    """An encoder with weights drawn from a seed; beside a loud channel, unused, 8 bits lose what the others say."""
    torch.manual_seed(0)
    encoder = new_encoder(recipe, len(GENRES))
    if loud_channel:
        weights = encoder.state_dict()
        weights["trunk.stem.0.weight"][0] *= 1e5
        for name in ("conv1", "shortcut.0"):
            weights[f"trunk.stages.0.{name}.weight"][:, 0] = 0
    vector = new_vector(recipe, PARTS)
    assert isinstance(vector, TrackVector)
    frames, clips = recipe.front.window_frames, range(len(cache.tracks))
    said = [vector.parts(outputs_of(encoder.eval(), cache, i, frames)).mean(dim=0) for i in clips]
    vector.mean = torch.stack(said).mean(dim=0)  # what all clips have in common would hide every difference
    vector.projection = torch.randn(PARTS, recipe.network.embedding)
    state = {"encoder": encoder.state_dict(), "vector": vector.state_dict(), "recipe": recipe.name}
    torch.save(state | {"vocabulary": GENRES}, out / "encoder.pt")


@pytest.mark.slow
def test_the_vectors_keep_their_direction(recipe: Recipe, cache: Cache, tmp_path: Path) -> None:
    save(recipe, cache, tmp_path)
    path = export(recipe, cache, tmp_path)
    assert b"QuantizeLinear" in path.read_bytes()
    encoder = Encoder.load(path)  # its card has the new weights' hash
    assert encoder.card.ncnn is not None
    full = Encoder.load(export(small(int8=False), cache, tmp_path, to=tmp_path / "full"))
    assert b"QuantizeLinear" not in (tmp_path / "full" / "fixed.onnx").read_bytes()
    for n in range(8):
        w = windows(cache.clip(n), recipe.front.window_frames)
        assert encoder.embed_windows(w).vector @ full.embed_windows(w).vector > MIN_COSINE


@pytest.mark.slow
def test_a_network_that_8_bits_spoil_is_refused(recipe: Recipe, cache: Cache, tmp_path: Path) -> None:
    save(recipe, cache, tmp_path, loud_channel=True)
    with pytest.raises(RecipeError, match="turn a clip's vector too far"):
        export(recipe, cache, tmp_path)
