"""A tiny recipe on composed songs, trained once a session."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from training.__main__ import main
from training.recipe import RECIPES

from .. import music
from ..once import made_once

ROOT = Path(__file__).parents[2]
SPLITS = {"train": 3, "valid": 1, "test": 3}  # songs of each style


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """So small a network gains nothing from a second thread, and loses much where another test has the other core."""
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What trains is slow, and runs by `make test-training`."""
    for item in items:
        if "trained" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.trains)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Composed songs of five styles with a manifest, a broken file among them."""
    return made_once(tmp_path_factory, "labelled", _compose_labelled)


def _compose_labelled(folder: Path) -> None:
    rows = []
    for n, style in enumerate(music.STYLES):
        split_of = [split for split, count in SPLITS.items() for _ in range(count)]
        for k, split in enumerate(split_of):
            song = music.Song(style, f"{style} {split} {k % 2}", "Album", f"{style} {k}", k, "flac", 50 * n + k)
            music.encode(music.compose(song, 7), folder / f"song-{n}{k}.flac")
            quadrant = f"Q{1 + n % 4}"
            rows.append([f"song-{n}{k}", f"song-{n}{k}.flac", song.artist, style, split, quadrant])
    (folder / "broken.flac").write_bytes(b"not music")
    rows.append(["song-broken", "broken.flac", "Nobody", "String Drone", "train", ""])
    write_manifest(folder, rows)
    rng = np.random.default_rng(0)
    heard = [row[0] for row in rows if row[4] == "train"]
    np.savez(
        folder / "teacher.npz",
        id=np.repeat(heard, 2),
        start_s=np.tile([0.0, 3.0], len(heard)).astype("f4"),
        embedding=rng.standard_normal((2 * len(heard), 200)).astype("f2"),
        tags=rng.random((2 * len(heard), 50)).astype("f2"),
        tag_names=np.array(["tag"] * 50),
    )


def write_manifest(folder: Path, rows: list[list[str]]) -> None:
    with (folder / "tracks.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["id", "file", "artist", "genres", "split", "quadrant"], *rows])


def write_targets(cache_folder: Path, teacher: str, tags: int = 5) -> None:
    """What a teacher might have said of a cache's clips, two windows of each."""
    ids = [row["id"] for row in json.loads((cache_folder / "tracks.json").read_text())["tracks"]]
    rng = np.random.default_rng(tags)
    columns: dict[str, Any] = {"outputs": np.array(["tags", "embedding"]), "window_s": 3.0}
    for name, width in (("tags", tags), ("embedding", 2 * tags)):
        said = rng.random((2 * len(ids), width)).astype("f2")
        columns |= {f"said.{name}": said, f"mean.{name}": said.mean(axis=0, dtype="f4")}
        columns |= {f"deviation.{name}": said.std(axis=0, dtype="f4"), f"labels.{name}": np.array([], str)}
    columns |= {"id": np.array(ids), "count": np.full(len(ids), 2), "start_s": np.tile([0, 3], len(ids)).astype("f4")}
    (cache_folder / "teachers").mkdir(exist_ok=True)
    np.savez(cache_folder / "teachers" / f"{teacher}.npz", **columns)


def recipe_file(folder: Path, **changes: Any) -> Path:
    """The shipped recipe, made tiny."""
    recipe = yaml.safe_load((RECIPES / "musrec_1.yaml").read_text())
    recipe["name"] = "tiny"
    recipe["data"] = {
        "clip_seconds": 30,
        "sources": [{"manifest": "tracks.csv"}],
        "labels": {style: [style.split()[-1].lower()] for style in music.STYLES},
    }
    recipe["teacher"] = "teacher.npz"
    recipe["network"] = {
        "kind": "residual",
        "stem": 8,
        "stages": [8, 16, 16],
        "features": 32,
        "embedding": 24,
        "dropout": 0.1,
    }
    recipe["export"] = {"int8": False}  # a hardly trained network's vectors may turn: test_quantise has one of its own
    recipe["schedule"].update(epochs=2, crops_per_epoch=128, batch_clips=8, precision="32-true", ema=0.5, valid_every=1)
    for dotted, value in changes.items():
        section, _, key = dotted.partition("__")
        recipe[section][key] = value
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def run(command: str, *rest: str, recipe: Path, music: Path, out: Path) -> int:
    return main([command, "--recipe", str(recipe), "--music", str(music), "--out", str(out), *rest])


@pytest.fixture(scope="session")
def trained(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole tiny run."""

    def make(out: Path) -> None:
        recipe = recipe_file(out)
        for command in ("prepare", "fit", "export"):
            assert run(command, recipe=recipe, music=labelled, out=out) == 0

    return made_once(tmp_path_factory, "trained", make)


def imported(code: str) -> set[str]:
    """The modules that are loaded after ``code``, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], cwd=ROOT, check=True,
                          capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())
