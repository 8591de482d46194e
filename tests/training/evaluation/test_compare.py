"""Other recipes on the clips of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musrec_core.card import Card
from training.data.cache import Cache, Track, differing, save_cache
from training.evaluation import compare
from training.evaluation.compare import compared_models
from training.evaluation.systems import knows_genres
from training.recipe import Recipe, load_recipe


def test_a_recipe_with_another_front_end_gets_a_cache_of_its_own_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = load_recipe("musrec_2")
    other = load_recipe("mfcc_cnn")
    track = Track("a-1", "A", "train", ("Rock",), ("rock",))
    one, frames = np.array([0], np.int64), np.array([400], np.int64)
    cache = Cache(np.zeros((400, 96), np.uint8), one, frames, [track], ours.front, ["rock"])
    prepared: list[Recipe] = []
    fitted: list[tuple[str, Cache]] = []

    def prepare(recipe: Recipe, music: Path, folder: Path) -> Cache:
        prepared.append(recipe)
        assert music == tmp_path / "music"
        own = replace(cache, frames=np.zeros((400, 128), np.uint8), front_end=recipe.front)
        save_cache(own, folder)
        return own

    def export(recipe: Recipe, _: Cache, out: Path) -> None:
        (out / "export").mkdir(parents=True)
        (out / "export" / f"{recipe.name}.json").write_text("{}")

    monkeypatch.setattr(compare, "prepare", prepare)
    monkeypatch.setattr(compare, "fit", lambda recipe, own, _: fitted.append((recipe.name, own)))
    monkeypatch.setattr(compare, "export", export)
    arguments: tuple[Any, ...] = (ours, cache, tmp_path / "beside", {}, tmp_path / "music")
    found = compared_models(["mfcc-cnn", "latent-cnn"], *arguments)
    assert [path.name for path in found] == ["mfcc-cnn.onnx", "latent-cnn.onnx"]
    assert [name for name, _ in fitted] == ["mfcc-cnn", "latent-cnn"]
    assert not any(differing(own.front_end, other.front) for _, own in fitted)
    (recipe,) = prepared  # both have the same front end, but for the window
    assert recipe.data == ours.data
    assert recipe.front == other.front
    assert recipe.audio_rate is None


def test_a_model_of_other_genres_is_told_apart() -> None:
    card = Card.load(None)
    labels = [genre.label for genre in card.genres]
    assert knows_genres(card, sorted(labels, reverse=True))  # in any order
    assert not knows_genres(card, labels[1:])
    assert not knows_genres(card, [*labels, "polka"])
