"""The synthetic clips on which training is timed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.training_speed import synthetic_cache
from training.recipe import load_recipe


def test_synthetic_clips_are_as_long_as_the_recipes() -> None:
    recipe = load_recipe("fma-small")
    cache = synthetic_cache(9, recipe)
    front = recipe.front
    seconds = cache.length * front.hop_length / front.sample_rate
    assert seconds == pytest.approx(np.full(9, front.clip_seconds), abs=front.hop_length / front.sample_rate)
    assert cache.frames.shape == (cache.length.sum(), front.n_mels)
    assert len(cache.split("train")) == 9
    assert {track.genres[0] for track in cache.tracks} == set(cache.vocabulary)
