"""The shipped encoder, as a library of its own."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest

from musrec_core import Card, Encoder, ModelError, UnusableAudio
from musrec_core.audio.clip import load_clip
from musrec_core.audio.features import windows
from musrec_core.audio.infrasound import without_infrasound
from musrec_core.card import MODELS, SHIPPED, shipped_models


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="module")
def first() -> Encoder:
    """musrec-1, with whose vectors libraries are full."""
    return Encoder.load("musrec-1")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped model, to be broken."""
    for file in MODELS.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / SHIPPED.with_suffix(".onnx").name


def rewrite(model: Path, **changes: Any) -> Path:
    card = model.with_suffix(".json")
    stored = json.loads(card.read_text())
    for key, value in changes.items():
        if value is None:
            del stored[key]
        else:
            stored[key] = value
    card.write_text(json.dumps(stored))
    return model


def test_a_song_has_a_unit_vector_and_calibrated_genres(encoder: Encoder, waltz: Path) -> None:
    track = encoder.embed_file(waltz)
    assert track.vector.shape == (128,)
    assert track.vector.dtype == np.float32
    assert np.linalg.norm(track.vector) == pytest.approx(1, abs=1e-5)
    assert sum(track.genres.values()) == pytest.approx(1, abs=1e-6)
    assert list(track.genres.values()) == sorted(track.genres.values(), reverse=True)
    assert set(track.genres) == {genre.label for genre in encoder.card.genres}
    assert track.mood is not None
    assert set(track.mood) == {"valence", "arousal"}
    assert all(0 < p < 1 for p in track.mood.values())
    name, _, digest = track.model.partition("@")
    assert (name, len(digest)) == (encoder.card.name, 8)


def test_the_same_style_is_nearer_than_another(encoder: Encoder, songs: Path) -> None:
    by_style: dict[str, list[np.ndarray]] = {}
    for path, track in encoder.embed_files(sorted(songs.rglob("*.*")), workers=2):
        assert not isinstance(track, UnusableAudio), path
        by_style.setdefault(Path(os.fsdecode(path)).stem.split()[-2], []).append(track.vector)
    assert {len(vectors) for vectors in by_style.values()} == {2}
    for style, (a, b) in by_style.items():
        others = [v for name, vectors in by_style.items() if name != style for v in vectors]
        assert a @ b > max(float(a @ other) for other in others), style


def test_embedding_twice_gives_the_same(encoder: Encoder, waltz: Path) -> None:
    np.testing.assert_array_equal(encoder.embed_file(waltz).vector, encoder.embed_file(str(waltz)).vector)


def test_a_vector_is_that_of_librosas_features(first: Encoder, waltz: Path) -> None:
    """However the front end is made quick: vectors that are stored already stay comparable."""
    y = without_infrasound(load_clip(waltz), 22_050)
    reference = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=22_050, n_mels=128), ref=np.max)
    reference = ((reference - reference.mean()) / reference.std()).astype(np.float32)
    assert first.embed_clip(y).vector @ first.embed_windows(windows(reference, 130)).vector > 0.99999


def test_a_card_without_the_switches_hears_as_before(model: Path, waltz: Path) -> None:
    """Cards of models that were made before there were any."""
    model = model.with_name("musrec-1.onnx")
    stored = json.loads(model.with_suffix(".json").read_text())["front_end"]
    old = Encoder.load(rewrite(model, front_end={k: v for k, v in stored.items() if v is not True}))
    assert not old.card.front_end.remove_dc
    y = load_clip(waltz)
    reference = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=22_050, n_mels=128), ref=np.max)
    reference = ((reference - reference.mean()) / reference.std()).astype(np.float32)
    assert old.embed_clip(y).vector @ old.embed_windows(windows(reference, 130)).vector > 0.99999


def test_files_come_with_their_outcomes(encoder: Encoder, waltz: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp3").write_text("no music")
    paths: list[str | bytes | os.PathLike[str]] = [
        waltz,
        tmp_path / "bad.mp3",
        tmp_path / "gone.mp3",
        str(waltz),
        bytes(waltz),
    ]
    outcomes = dict(encoder.embed_files(iter(paths), workers=2))
    assert set(outcomes) == set(paths)
    reasons = {p: o.reason for p, o in outcomes.items() if isinstance(o, UnusableAudio)}
    assert reasons == {tmp_path / "bad.mp3": "unreadable", tmp_path / "gone.mp3": "missing"}
    assert list(encoder.embed_files([])) == []


def test_changed_weights_are_refused(model: Path) -> None:
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    with pytest.raises(ModelError, match="sha256 differs"):
        Encoder.load(model)


@pytest.mark.parametrize("key", ["weights", "mel_basis", "front_end", "genres", "temperature", "dimensions", "licence",
                                 "training_data", "metrics", "name", "format"])  # fmt: skip
def test_a_missing_key_is_named(model: Path, key: str) -> None:
    with pytest.raises(ModelError, match=key):
        Encoder.load(rewrite(model, **{key: None}))


@pytest.mark.parametrize(("changes", "message"), [
    ({"temperature": -1}, "temperature"),
    ({"temperature": "hot"}, "not valid"),
    ({"dimensions": 64}, "do not match its card"),
    ({"genres": [{"label": "rock", "key": "rock"}]}, "do not match its card"),
    ({"genres": [{"label": "a", "key": "x"}, {"label": "b", "key": "x"}]}, "same key"),
    ({"genres": [{"label": "a", "key": "no key"}]}, "plain word"),
    ({"front_end": {"sample_rate": 1}}, "front_end"),
    ({"weights": {"file": "../secret.onnx", "sha256": "0" * 64}}, "plain name"),
    ({"weights": {"file": "x.onnx", "sha256": "0" * 63}}, "sha256"),
    ({"weights": {"file": "x.onnx", "sha256": "0" * 64}}, "can't be read"),
    ({"ncnn": {"graph": {"file": "x.param", "sha256": "0" * 64}}}, "lacks the key 'weights'"),
    ({"ncnn": {"graph": 5, "weights": 5}}, "not valid"),
    ({"ncnn": {part: {"file": "../x", "sha256": "0" * 64} for part in ("graph", "weights")}}, "plain name"),
    ({"format": 99}, "format"),
    ({"genres": 5}, "not valid"),
])  # fmt: skip
def test_a_wrong_card_is_one_sentence(model: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        Encoder.load(rewrite(model, **changes))
    assert "\n" not in str(caught.value)


def test_a_card_that_is_no_json(model: Path, tmp_path: Path) -> None:
    model.with_suffix(".json").write_text("{")
    with pytest.raises(ModelError, match="can't be read"):
        Encoder.load(model)
    with pytest.raises(ModelError, match="no model card"):
        Encoder.load(tmp_path / "other.onnx")


def test_weights_that_are_no_onnx(model: Path) -> None:
    import hashlib

    pytest.importorskip("onnxruntime")
    rewrite(model, ncnn=None)
    model.write_bytes(b"not a network")
    digest = hashlib.sha256(b"not a network").hexdigest()
    with pytest.raises(ModelError, match="can't be loaded"):
        Encoder.load(rewrite(model, weights={"file": model.name, "sha256": digest}))


def test_a_shipped_model_is_loaded_by_its_name() -> None:
    assert set(shipped_models()) == {"musrec-1", "musrec-2"}
    for name in shipped_models():
        assert Card.load(name) == Card.load(MODELS / f"{name}.onnx")
        assert Encoder.load(name).card.name == name
    assert Card.load() == Card.load("musrec-2")
    with pytest.raises(ModelError, match="no model card musrec-99"):
        Card.load("musrec-99")


def test_a_card_survives_saving(model: Path) -> None:
    card = Card.load(model)
    assert Card.load(card.save()) == card


def test_the_core_knows_no_beets_and_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, musrec_core; from musrec_core import Card; Card.load(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"beets", "numpy", "av", "ncnn", "onnxruntime", "torch", "sklearn"} & set(modules)
