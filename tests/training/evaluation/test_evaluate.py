"""What a model hears of excerpts that are log-mel alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from musrec_core.card import Card
from musrec_core.encoder import Encoder
from training.data.audio import Audio, to_int16, write_samples
from training.data.cache import Cache, Track
from training.evaluation.evaluate import excerpt_accuracy

CARD = Card.load(None)
MODEL = CARD.folder / CARD.weights
RATE = 16_000


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """Two excerpts with audio, labelled with what the shipped model says of the audio; their log-mel is empty."""
    folder = tmp_path_factory.mktemp("cache")
    rng = np.random.default_rng(0)
    t = np.arange(3 * RATE, dtype=np.float32) / RATE
    tone = np.sin(2 * np.pi * 220 * t) * np.exp(-3 * (t % 0.5))
    sounds = [to_int16((0.3 * y).astype(np.float32)) for y in (tone, rng.standard_normal(len(t)))]
    length = np.array([len(y) for y in sounds], np.int64)
    write_samples(folder / "audio.npy", int(length.sum()), sounds)
    audio = Audio(folder / "audio.npy", np.cumsum(length) - length, length, RATE)
    encoder = Encoder.load(MODEL, threads=1)
    said = [next(iter(encoder.embed_clip(audio.clip(i, encoder.card.front_end.sample_rate)).genres)) for i in (0, 1)]
    assert len(set(said)) == 2
    tracks = [Track(f"x-{i}", "", "valid", (genre,), (genre,)) for i, genre in enumerate(said)]
    frames = np.array([130, 130], np.int64)
    return Cache(
        np.zeros((260, 128), np.uint8), np.cumsum(frames) - frames, frames, tracks,
        replace(CARD.front_end, sample_rate=RATE), sorted(genre.label for genre in CARD.genres), audio=audio,
    )  # fmt: skip


def test_a_model_hears_the_resynthesis_with_its_own_front_end(cache: Cache) -> None:
    assert excerpt_accuracy(cache, MODEL) == {"clips": 2, "accuracy": 1.0, "heard": "resynthesis"}


def test_without_a_resynthesis_it_hears_the_log_mel_of_its_own_front_end_alone(cache: Cache) -> None:
    assert excerpt_accuracy(replace(cache, audio=None), MODEL) is None
    same = replace(cache, audio=None, front_end=CARD.front_end)
    found = excerpt_accuracy(same, MODEL)
    assert found is not None
    assert (found["clips"], found["heard"]) == (2, "log-mel")


def test_a_model_of_other_genres_has_no_accuracy(cache: Cache) -> None:
    assert excerpt_accuracy(replace(cache, vocabulary=[*cache.vocabulary, "polka"]), MODEL) is None
