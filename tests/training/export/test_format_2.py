"""A network that hears 29 s at 16 kHz at once, at a level: its card, and songs through both runtimes."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from musrec_core import Card, Encoder, TrackEmbedding
from musrec_core.card import Genre
from musrec_core.front_end import FrontEnd
from musrec_core.words.heads import Words
from training.export.export import _write_onnx
from training.export.model_card import write_model_card
from training.export.ncnn_files import add_ncnn_files
from training.model.encoder import ExportedEncoder, RawFeatures, new_encoder
from training.recipe import Recipe, RecipeError, load_recipe

from ... import music
from ..conftest import recipe_file

FRAMES = 1_819
HEARD = {
    "sample_rate": 16_000, "clip_seconds": 29.1, "n_fft": 512, "hop_length": 256, "n_mels": 96, "fmax": 8_000,
    "window_frames": FRAMES, "normalise": "level", "level_dbfs": -20, "mean_db": -30.5, "deviation_db": 14,
    "pad_mode": "reflect", "excerpts": 3, "remove_dc": True, "skip_silent": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    changes = {f"front_end__{key}": value for key, value in HEARD.items()}
    return load_recipe(recipe_file(tmp_path_factory.mktemp("recipe"), **changes))


@pytest.fixture(scope="module")
def model(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network with its card, words included, and what ncnn needs."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    path = folder / "tiny.onnx"
    _write_onnx(ExportedEncoder(new_encoder(recipe, 2), RawFeatures()).eval(), recipe, path)
    bands = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96, fmax=8_000, htk=True, norm=None)
    np.save(folder / "tiny.mel.npy", bands.astype(np.float32))
    rng = np.random.default_rng(0)
    d = recipe.network.features
    words = Words(("piano", "calm"), ("instrument", "mood"), ((), ("mellow",)),
                  rng.standard_normal((2, d)).astype(np.float32), np.zeros(2, np.float32),
                  np.array([0.91, 0.8], np.float32))  # fmt: skip
    words.save(folder / "tiny.words.npz")
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    stored = {
        "format": 2,
        "name": "tiny",
        "weights": {"file": "tiny.onnx", "sha256": digests["tiny.onnx"]},
        "mel_basis": {"file": "tiny.mel.npy", "sha256": digests["tiny.mel.npy"]},
        "words": {"file": "tiny.words.npz", "sha256": digests["tiny.words.npz"]},
        "front_end": recipe.front.to_dict(),
        "dimensions": d,
        "genres": [{"label": "rock", "key": "rock"}, {"label": "jazz", "key": "jazz"}],
        "temperature": 1.0,
        "mood": {"valence": 1.0, "arousal": 1.0},
        "training_data": "None.",
        "licence": "MIT",
        "metrics": {},
    }
    (folder / "tiny.json").write_text(json.dumps(stored))
    add_ncnn_files(path)
    return path


def test_the_recipe_says_it_all(recipe: Recipe) -> None:
    assert recipe.front == FrontEnd(**HEARD)  # type: ignore[arg-type]
    assert load_recipe("musrec_1").front == FrontEnd()


def test_a_recipe_that_lacks_a_number_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="normalise: level needs the keys deviation_db, level_dbfs, mean_db"):
        load_recipe(recipe_file(tmp_path, front_end__normalise="level"))
    with pytest.raises(RecipeError, match="pad_mode"):
        load_recipe(recipe_file(tmp_path, front_end__pad_mode="edge"))


def test_the_card_survives_saving(model: Path, tmp_path: Path) -> None:
    card = Card.load(model)
    assert card.front_end == FrontEnd(**HEARD)  # type: ignore[arg-type]
    assert json.loads(model.with_suffix(".json").read_text())["format"] == 2
    assert Card.load(replace(card, folder=tmp_path).save()) == replace(card, folder=tmp_path)
    assert card.genres == (Genre("rock", "rock"), Genre("jazz", "jazz"))


def test_the_card_for_people_says_what_it_hears(model: Path) -> None:
    text = write_model_card(Card.load(model)).read_text()
    assert "29 s of music, in 3 excerpts spread over a track, as log-mel (16000 Hz, 96 bands" in text
    assert "at an RMS of -20 dBFS" in text
    assert "- instrument: piano 0.91\n- mood: calm 0.80" in text


@pytest.mark.parametrize("seconds", [12, 29, 80])
def test_songs_of_any_length_have_the_same_vector_in_both_runtimes(
    seconds: int, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ncnn")
    path = music.encode(music.STYLES["Piano Waltz"](seconds, np.random.default_rng(0)), tmp_path / "song.flac")
    found: list[TrackEmbedding] = []
    for other in ("onnxruntime", "ncnn"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, other, None)
            found.append(Encoder.load(model, threads=1).embed_file(path))
    one, two = found
    assert 1 - one.vector @ two.vector < 1e-5
    assert one.genres == pytest.approx(two.genres, abs=1e-3)
    assert one.model.startswith("tiny@")


@pytest.mark.parametrize("seconds", [8, 29.1, 30, 90])
def test_the_clip_is_one_window(model: Path, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder.load(model, threads=1)
    shapes: list[tuple[int, ...]] = []
    run = encoder._network.run

    def noting(w: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        shapes.append(w.shape)
        return run(w)

    monkeypatch.setattr(encoder._network, "run", noting)
    y = music.STYLES["Distorted Rock"](seconds, np.random.default_rng(0))
    encoder.embed_file(music.encode(y, tmp_path / "song.flac"))
    assert shapes == [(1, 96, FRAMES)]
