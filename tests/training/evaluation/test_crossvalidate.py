"""Cross-validation of recipes whose branches are fixed, and of any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from musrec_core.audio.features import windows
from training.__main__ import main
from training.data.cache import Cache, Track, quantise_cache, save_cache
from training.evaluation import frozen
from training.evaluation.crossvalidate import songs_of
from training.evaluation.frozen import branch_outputs, fit_frozen, frozen_outputs, is_frozen
from training.fit.hints import branch_file
from training.model.branches import Branches, new_branch
from training.recipe import RECIPES, Recipe, load_recipe

pytestmark = pytest.mark.slow

MELS, FRAMES = 8, 33
BRANCH = {"file": "tiny.onnx", "samples": 1024, "maps": ["a", "b"], "widths": [4, 5], "pools": [[2, 4], [4, 2]],
          "embedding": 20, "tags": 3}  # fmt: skip
SONGS = 36


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = yaml.safe_load((RECIPES / "musrec_1.yaml").read_text(encoding="utf-8"))
    values |= {"name": "tiny", "teacher": None, "trainer": {"accelerator": "cpu", "logs": []}}
    values["front_end"] = {
        "sample_rate": 4_000, "clip_seconds": 0.256, "n_fft": 64, "hop_length": 32, "n_mels": MELS, "fmin": 0.0,
        "fmax": 2_000, "top_db": 80.0, "window_frames": FRAMES,
    }  # fmt: skip
    values["network"] |= {"kind": "branches", "branches": [BRANCH], "stages": [], "features": 12, "embedding": 6}
    values["loss"] |= {"teacher": 0.0, "contrastive": 0.0, "mood": 0.3}
    values["vector"] = {"tags": 1.0, "genres": 1.0}
    values["augment"] = {}
    values["schedule"] |= {
        "epochs": 6, "crops_per_epoch": 64, "batch_clips": 8, "max_lr": 0.02, "precision": "32-true", "ema": 0.5,
        "valid_every": 1000, "patience": 0,
    }  # fmt: skip
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def recipe(recipe_path: Path) -> Recipe:
    return load_recipe(recipe_path)


@pytest.fixture(scope="module")
def cache(recipe: Recipe) -> Cache:
    """Two genres, a low and a high one; two songs an artist; one excerpt of each genre; two songs of the test split."""
    rng = np.random.default_rng(0)
    tracks, clips = [], []
    for n in range(SONGS + 6):
        genre = ("low", "high")[n % 2]
        excerpt, split = n >= SONGS + 2, "test" if SONGS <= n < SONGS + 2 else "train" if n % 3 else "valid"
        artist, file = ("", None) if excerpt else (f"{split} {genre} {n // 12}", Path(f"{n}.mp3"))
        id_ = f"{'ex' if excerpt else 'set'}-{n:02d}"
        tracks.append(
            Track(id_, artist, split, (genre,), (genre,), file, quadrant="" if excerpt else f"Q{1 + 2 * (n % 2)}")
        )
        band = np.arange(MELS) * (1 if genre == "high" else -1) / 4
        clips.append(quantise_cache((band[:, None] + rng.normal(0, 0.7, (MELS, 20 if excerpt else 50))).astype("f4")).T)
    length = np.array([len(clip) for clip in clips], np.int64)
    return Cache(np.concatenate(clips), np.cumsum(length) - length, length, tracks, recipe.front, ["high", "low"])


@pytest.fixture
def out(recipe: Recipe, tmp_path: Path) -> Path:
    """A folder with branches that nobody taught."""
    torch.manual_seed(0)
    (options,) = recipe.network.branches
    path = branch_file(tmp_path / "out", recipe, options)
    path.parent.mkdir(parents=True)
    torch.save(new_branch(options).state_dict(), path)
    return tmp_path / "out"


def test_stored_outputs_are_those_of_the_branches(
    recipe: Recipe, cache: Cache, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "STEP", 10)
    stored = branch_outputs(recipe, cache, out)
    assert stored.count.tolist() == [2] * SONGS + [0, 0] + [1] * 4  # none of the test split; a short clip is repeated
    trunk = Branches(recipe.network.branches, features=1).eval()
    (options,) = recipe.network.branches
    trunk.branches[0].load_state_dict(torch.load(branch_file(out, recipe, options), weights_only=True))
    last = len(cache.tracks) - 1
    for i, x in ((3, cache.clip(3)[None, :, 10 : 10 + FRAMES]), (last, windows(cache.clip(last), FRAMES))):
        with torch.inference_mode():
            wanted = torch.cat(trunk.said(torch.from_numpy(x)), dim=1)[0]
        torch.testing.assert_close(stored.clip(i)[-1, :, 0], wanted)
    monkeypatch.setattr(frozen, "_heard", None)
    torch.testing.assert_close(branch_outputs(recipe, cache, out).said, stored.said)  # kept


def test_the_layers_above_learn_genres_from_stored_outputs(recipe: Recipe, cache: Cache, out: Path) -> None:
    stored = branch_outputs(recipe, cache, out)
    encoder, vector = fit_frozen(recipe, cache, stored, out)
    asked = cache.split("valid")
    songs = songs_of(cache, {i: frozen_outputs(encoder, stored, i) for i in asked}, vector)
    assert set(songs) == {"set P@10", "set mAP", "set P@1", "genre accuracy", "3 s accuracy", "mood AUC"}
    assert np.mean(list(songs["genre accuracy"].values())) > 0.9
    assert len(songs["set P@10"]) == sum(cache.tracks[i].file is not None for i in asked)
    again, _ = fit_frozen(recipe, cache, stored, out)
    first, second = (frozen_outputs(one, stored, 0).genres for one in (encoder, again))
    torch.testing.assert_close(first, second)  # the seed decides


@pytest.mark.parametrize("whole", [False, True])
def test_variants_in_folds_as_a_command(
    whole: bool, recipe_path: Path, cache: Cache, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_cache(cache, tmp_path / "cache")
    plan = {"base": {"schedule.epochs": 2}, "variants": {"base": None, "no mood": {"loss.mood": 0.0}}}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    command: list[Any] = ["crossvalidate", "--recipe", recipe_path, "--cache", tmp_path / "cache", "--out", out,
                          "--plan", tmp_path / "plan.yaml", "--folds", 2, "--seeds", 1 if whole else 2]  # fmt: skip
    arguments = [*map(str, command), *(["--whole"] if whole else [])]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "| variant | set P@1 (36 songs) | set P@10 (36 songs) | set mAP (36 songs) |" in text
    assert text.count("| no mood |") == 3  # figures, folds, differences
    rows = [json.loads(line) for line in (out / "folds.jsonl").read_text().splitlines()]
    assert [(row["variant"], row["fold"]) for row in rows[:2]] == [("base", 0), ("base", 1)]
    asked = [id_ for row in rows[:2] for id_ in row["songs"]["genre accuracy"]]
    assert len(asked) == len(set(asked)) == SONGS
    assert main(arguments) == 0
    assert capsys.readouterr().out == text
    assert len((out / "folds.jsonl").read_text().splitlines()) == len(rows)


def test_branches_that_learn_are_not_frozen(recipe: Recipe) -> None:
    assert is_frozen(recipe)
    assert not is_frozen(Recipe(recipe | {"schedule": recipe.schedule | {"branches_lr": 0.1}}))
    assert not is_frozen(load_recipe("musrec_1"))
