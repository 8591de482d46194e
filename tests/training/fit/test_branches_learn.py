"""Training with branches: heads for further teachers' tags, and branches that learn on."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from training.data.cache import Cache, Track, quantise_cache
from training.data.targets import targets_file
from training.fit.fit import fit
from training.fit.hints import branch_file
from training.fit.taught import taught_targets
from training.model.branches import new_branch
from training.model.inference import load_trained, outputs_of
from training.recipe import RECIPES, Recipe, RecipeError, load_recipe

pytestmark = pytest.mark.slow

RATE, HOP, MELS, FRAMES = 1_000, 50, 8, 20  # a window is a second
CLIPS, SECONDS = 12, 3
BRANCH = {"file": "first.onnx", "samples": FRAMES * HOP, "maps": ["a"], "widths": [3], "pools": [[8, 4]],
          "states": ["b"], "embedding": 3, "tags": 2}  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    values = yaml.safe_load((RECIPES / "musrec_1.yaml").read_text(encoding="utf-8"))
    values |= {"name": "tiny", "teacher": None}
    values["front_end"] |= {
        "sample_rate": RATE, "clip_seconds": SECONDS, "n_fft": 100, "hop_length": HOP, "n_mels": MELS,
        "fmax": RATE / 2, "window_frames": FRAMES,
    }  # fmt: skip
    values["network"] |= {"kind": "branches", "branches": [BRANCH], "stages": [], "features": 6, "embedding": 4}
    values["network"]["taught"] = [{"teacher": "second", "tags": 3}]
    values["loss"] |= {"teacher": 0.0, "contrastive": 0.0, "taught": 1.0, "hints": 1.0}
    values["vector"] = {"tags": 1.0, "genres": 1.0, "taught": 1.0}
    values["schedule"] |= {
        "epochs": 2,
        "crops_per_epoch": 16,
        "batch_clips": 4,
        "precision": "32-true",
        "ema": 0.0,
        "patience": 0,
    }
    values["augment"] |= {"frequency_mask": 0, "time_mask": 0}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_recipe(path)


@pytest.fixture
def cache(recipe: Recipe, tmp_path: Path) -> Cache:
    """Clips of three seconds that the teacher `second` heard second by second; the last one has no audio."""
    rng = np.random.default_rng(5)
    length = np.full(CLIPS, SECONDS * FRAMES, np.int64)
    frames = quantise_cache(rng.normal(0, 1, (int(length.sum()), MELS)).astype(np.float32))
    genres = ["jazz", "rock"]
    tracks = [
        Track(f"t-{i}", f"A{i}", "train" if i % 4 else "valid", (genres[i % 2],), (genres[i % 2],))
        for i in range(CLIPS)
    ]
    heard = CLIPS - 1
    said = rng.random((heard * SECONDS, 3)).astype(np.float16)
    targets_file(tmp_path, "second").parent.mkdir()
    np.savez(
        targets_file(tmp_path, "second"), identity="x", outputs=np.array(["tags"]), window_s=1.0,
        id=np.array([track.id for track in tracks[:heard]]), count=np.full(heard, SECONDS),
        start_s=np.tile(np.arange(SECONDS, dtype=np.float32), heard),
        **{"said.tags": said, "mean.tags": said[0], "deviation.tags": said[0], "labels.tags": np.array([], str)},
    )  # fmt: skip
    return Cache(frames, np.cumsum(length) - length, length, tracks, recipe.front, genres, {}, None, None, tmp_path)


def fitted_branch(recipe: Recipe, out: Path) -> dict[str, Any]:
    torch.manual_seed(3)
    branch = new_branch(recipe.network.branches[0])
    path = branch_file(out, recipe, recipe.network.branches[0])
    path.parent.mkdir(parents=True)
    torch.save(branch.state_dict(), path)
    return branch.state_dict()


def test_a_crop_gets_what_the_teachers_said_of_its_time(recipe: Recipe, cache: Cache, tmp_path: Path) -> None:
    table = taught_targets(recipe, cache)
    with np.load(targets_file(tmp_path, "second")) as stored:
        said = stored["said.tags"].astype(np.float32)
    assert table.seconds.tolist() == [SECONDS] * (CLIPS - 1) + [0]
    np.testing.assert_allclose(table.said[table.first[2] + 1], said[2 * SECONDS + 1], atol=1e-6)


def test_heads_learn_from_further_teachers_and_branches_stay(recipe: Recipe, cache: Cache, tmp_path: Path) -> None:
    before = fitted_branch(recipe, tmp_path / "out")
    fit(recipe, cache, tmp_path / "out")
    encoder, vector, _ = load_trained(recipe, tmp_path / "out")
    trunk: Any = encoder.trunk
    after = trunk.branches[0].state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    out = outputs_of(encoder, cache, 0, FRAMES)
    assert out.taught.shape == (SECONDS, 3)
    assert vector(out).shape == (SECONDS, 4)


def test_branches_learn_on_where_the_recipe_says_so(recipe: Recipe, cache: Cache, tmp_path: Path) -> None:
    """The more they are held to what they said before, the less they move."""
    moved = {}
    for weight in (0.0, 1000.0):
        learning = copy.deepcopy(recipe)
        learning.schedule["branches_lr"], learning.loss["hints"] = 1.0, weight
        before = fitted_branch(learning, tmp_path / f"{weight}")
        fit(learning, cache, tmp_path / f"{weight}")
        trunk: Any = load_trained(learning, tmp_path / f"{weight}")[0].trunk
        x = torch.randn(4, 1, MELS, FRAMES, generator=torch.Generator().manual_seed(1))
        fixed = new_branch(learning.network.branches[0])
        fixed.load_state_dict(before)
        with torch.no_grad():
            moved[weight] = float((trunk.branches[0](x).tags - fixed(x).tags).square().mean())
    assert 0 < moved[1000.0] < moved[0.0]


def test_a_teacher_that_has_not_heard_the_cache_is_named(recipe: Recipe, cache: Cache) -> None:
    wrong = copy.deepcopy(recipe)
    wrong.network.taught[0]["tags"] = 4
    with pytest.raises(RecipeError, match="second has 3 tags"):
        taught_targets(wrong, cache)
    wrong.network.taught[0]["teacher"] = "third"
    with pytest.raises(RecipeError, match="teacher third has not heard"):
        taught_targets(wrong, cache)
    with pytest.raises(RecipeError, match="read from its folder"):
        taught_targets(recipe, replace(cache, folder=None))
