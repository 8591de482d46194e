"""The report beside teachers, and what a model hears of excerpts that are log-mel alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musrec_core.card import Card
from musrec_core.encoder import Encoder
from training.data.audio import Audio, to_int16, write_samples
from training.data.cache import Cache, Track
from training.evaluation import evaluate as evaluation
from training.evaluation.evaluate import evaluate, excerpt_accuracy
from training.evaluation.report import markdown

from ... import music
from .test_teachers import targets

CARD = Card.load("musrec-1")
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


def test_the_report_sets_teachers_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve songs with labels, twelve clips without; the slow parts have tests of their own."""
    monkeypatch.setattr(evaluation, "dsp_systems", lambda *_: [])
    monkeypatch.setattr(evaluation, "robustness", lambda *_: {})
    monkeypatch.setattr(evaluation, "cost", lambda *_: {"cnn_ms": 1.0, "megabytes": 2.0})
    rng = np.random.default_rng(0)
    tracks = []
    for n in range(12):
        y = (rng.standard_normal((1, 4 * music.RATE)) * np.linspace(0.01, 0.02 * (n + 1), 4 * music.RATE)).astype("f4")
        file = music.encode(y, tmp_path / f"{n}.wav")
        genre = ("Rock", "Pop")[n % 2]
        tracks.append(Track(f"set-{n}", f"A{n}", "valid", (genre,), (genre.lower(),), file, quadrant=f"Q{1 + n % 4}"))
    tracks.append(replace(tracks[0], id="set-t", artist="T", split="train", file=None))
    tracks += [Track(f"free-{n}", "", "valid", (), (), None, song=str(n), collection="g") for n in range(12)]
    sounds = [to_int16((rng.standard_normal(4 * RATE) * 0.1).astype(np.float32)) for _ in range(12)]
    write_samples(tmp_path / "audio.npy", 12 * 4 * RATE, sounds)
    length = np.array([0] * 13 + [4 * RATE] * 12, np.int64)
    audio = Audio(tmp_path / "audio.npy", np.cumsum(length) - length, length, RATE)
    frames = np.full(len(tracks), 130, np.int64)
    labels = sorted(genre.label for genre in CARD.genres)
    cache = Cache(
        np.zeros((130 * len(tracks), 128), np.uint8), np.cumsum(frames) - frames, frames, tracks, CARD.front_end,
        labels, audio=audio,
    )  # fmt: skip
    ids = [track.id for track in tracks]
    heard = [targets(name, rng.integers(0, 8, (len(ids), 5)) / 4, ids) for name in ("a", "b")]
    lacking = targets("c", rng.integers(0, 8, (3, 5)) / 4, ids[:3])
    report = evaluate(cache, MODEL, "valid", beside=[MODEL], store=tmp_path / "x.npz", heard=[*heard, lacking],
                      ensemble=heard)  # fmt: skip
    systems = report["retrieval"]["set"]["systems"]
    assert list(systems) == [
        f"{CARD.name}, embedding, cosine", f"{CARD.name}, genres, Euclidean", "teacher a, tags, cosine",
        "teacher b, tags, cosine", "ensemble of a and b, cosine", "random",
    ]  # fmt: skip
    agreement = report["agreement"]["kinds"]
    assert agreement["sung"]["correlation"]["ensemble of a and b, cosine"] == 1
    assert set(agreement["instrumental"]["correlation"]) == set(systems) - {
        f"{CARD.name}, genres, Euclidean", "random"}  # fmt: skip
    assert "excerpts_3s" not in report
    text = markdown(report, [])
    assert "## Agreement with the teachers" in text
    assert "Left out of these tables: teacher c, tags, cosine (has not heard 9 of the songs)." in text
