"""A cache of hums and hisses that two teachers have heard."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from musrec_core.card import MODELS
from training.__main__ import main
from training.data.audio import FILE, Audio, write_samples
from training.data.cache import Cache, Track, save_cache
from training.data.targets import targets_file
from training.recipe import load_recipe

RATE = 22_050
TAGS = {"one": ["genre---tonal", "tone", "genre---dull"], "two": ["Tonal music", "Coin"]}


def track(id_: str, artist: str = "", split: str = "train", labels: tuple[str, ...] = (), **more: Any) -> Track:
    return Track(id_, artist, split, labels, (), **more)


def say(folder: Path, teacher: str, said: dict[str, NDArray[np.float64]]) -> None:
    """What `teach` writes: of each clip, probabilities [shape=(windows, outputs)]."""
    path = targets_file(folder, teacher)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.concatenate(list(said.values())).astype(np.float16)
    np.savez(
        path, id=np.array(list(said)), count=[len(p) for p in said.values()], start_s=np.zeros(len(rows), np.float32),
        outputs=np.array(["tags"]), window_s=3.0, **{
            "said.tags": rows, "mean.tags": rows.mean(axis=0), "deviation.tags": rows.std(axis=0),
            "labels.tags": np.array(TAGS[teacher]),
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of hums and hisses that two teachers have heard; one of them also tosses a coin. And the encoder."""
    folder = tmp_path_factory.mktemp("taught")
    rng = np.random.default_rng(0)
    tracks, samples = [], []
    said: dict[str, dict[str, NDArray[np.float64]]] = {"one": {}, "two": {}}
    for k in range(96):
        tonal = k % 2 == 0
        split = "train" if k < 56 else "valid" if k < 84 else "test"
        y = rng.standard_normal(int(3.1 * RATE)) * rng.uniform(0.02, 0.1)
        if tonal:
            y += 0.5 * np.sin(2 * np.pi * rng.uniform(200, 400) * np.arange(len(y)) / RATE)
        samples.append(np.round(y / np.abs(y).max() * 30_000).astype(np.int16))
        tracks.append(track(f"a-{k}", f"artist {k // 2}", split, ("Hum",) if tonal else ("Hiss",)))
        p = 0.8 if tonal else 0.1
        said["one"][f"a-{k}"] = np.clip(np.array([[p, p, 0.5]]) + 0.05 * rng.standard_normal((1, 3)), 0.01, 0.99)
        said["two"][f"a-{k}"] = np.clip(np.array([[p, rng.random()]]) + 0.05 * rng.standard_normal((1, 2)), 0.01, 0.99)
    for teacher, outputs in said.items():
        say(folder, teacher, outputs)
    length = np.array([len(y) for y in samples], np.int64)
    write_samples(folder / FILE, int(length.sum()), samples)
    audio = Audio(folder / FILE, np.cumsum(length) - length, length, RATE)
    front = load_recipe("musrec_1").front
    none = np.zeros(len(tracks), np.int64)
    save_cache(Cache(np.zeros((0, 128), np.uint8), none, none, tracks, front, [], audio=audio), folder)
    vocabulary = {
        "teachers": {"first": ["one"], "second": ["two"]},
        "words": {
            "texture": {"tonal": {"share": 0.5, "synonyms": ["humming"], "first": ["tonal", "tone"],
                                  "second": ["Tonal music"], "labels": ["hum"]}},
            "mood": {"coin": {"share": 0.5, "second": ["Coin"]}},
            "genre": {"hiss": {"share": 0.5, "labels": ["hiss"]}},
        },
    }  # fmt: skip
    (folder / "words.yaml").write_text(yaml.safe_dump(vocabulary, sort_keys=False))
    (folder / "model").mkdir()
    for file in MODELS.glob("musrec-1.*"):
        shutil.copy(file, folder / "model")
    return folder


def words_of(taught: Path, *rest: str, vocabulary: str = "words.yaml", command: str = "words") -> int:
    """Run a command on that encoder; gives its exit status."""
    return main([
        command, str(taught / "model" / "musrec-1.onnx"), "--cache", str(taught), "--music", str(taught),
        "--out", str(taught), "--vocabulary", str(taught / vocabulary), *rest,
    ])  # fmt: skip
