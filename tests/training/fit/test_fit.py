"""Training: killed and run again, stopped early, on two devices; and what it needs to be installed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training.__main__ import main
from training.data.cache import load_cache, save_cache

from ..conftest import ROOT, imported, recipe_file, run


def command(*arguments: str) -> subprocess.Popen[bytes]:
    """In a process of its own, with one thread as here: another number of threads adds up in another order."""
    return subprocess.Popen(
        [sys.executable, "-m", "training", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
    )  # fmt: skip


def weights(out: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(out / "encoder.pt", weights_only=True)["encoder"]
    return state


def test_a_killed_run_goes_on_to_the_same_weights(trained: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, schedule__epochs=4, schedule__pretrain_epochs=1, augment__low_pass=0.5)
    common = ["--recipe", str(recipe), "--cache", str(trained / "cache"), "--out"]
    assert main(["fit", *common, str(tmp_path / "whole")]) == 0

    killed = tmp_path / "killed"
    running = command("fit", *common, str(killed))
    checkpoint = killed / "checkpoints-train" / "last.ckpt"
    while not checkpoint.is_file() and running.poll() is None:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    output, _ = running.communicate()
    assert running.returncode == -signal.SIGKILL, output.decode()
    assert not (killed / "encoder.pt").exists()
    reached = torch.load(checkpoint, weights_only=True)["epoch"]

    assert main(["fit", *common, str(killed)]) == 0
    assert reached < 3
    expected = weights(tmp_path / "whole")
    for name, tensor in weights(killed).items():
        torch.testing.assert_close(tensor, expected[name], rtol=0, atol=0)
    assert not list(killed.rglob("*.ckpt"))  # the run is done; the next one starts anew


def test_an_unfinished_run_of_another_recipe_is_not_taken_over(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_file(tmp_path, schedule__epochs=1)
    folder = tmp_path / "checkpoints-train"
    folder.mkdir()
    torch.save({"recipe_digest": "another"}, folder / "last.ckpt")
    common = ["fit", "--recipe", str(recipe), "--cache", str(trained / "cache"), "--out", str(tmp_path)]
    assert main(common) == 1
    assert "unfinished run of another recipe: add --fresh" in capsys.readouterr().err
    assert main([*common, "--fresh"]) == 0


def test_early_stopping_keeps_the_best_epoch(trained: Path, tmp_path: Path) -> None:
    recipe = recipe_file(
        tmp_path, schedule__epochs=30, schedule__patience=1, schedule__max_lr=3.0, schedule__kind="constant",
        schedule__gradient_clip=0.0, schedule__crops_per_epoch=32,
    )  # fmt: skip
    assert main(["fit", "--recipe", str(recipe), "--cache", str(trained / "cache"), "--out", str(tmp_path)]) == 0
    with (tmp_path / "log-train" / "version_0" / "metrics.csv").open(newline="") as handle:
        validated = [row for row in csv.DictReader(handle) if row["valid_loss"]]
    assert 2 <= len(validated) < 30  # a learning rate of 3 helps nobody: it stopped
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path).values())


def test_logs_for_tensorboard(trained: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, schedule__epochs=1, trainer__logs=["csv", "tensorboard"])
    assert main(["fit", "--recipe", str(recipe), "--cache", str(trained / "cache"), "--out", str(tmp_path)]) == 0
    assert list((tmp_path / "log-train").rglob("events.out.tfevents.*"))


def test_two_processes_train_together(trained: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, schedule__epochs=1, trainer__devices=2, trainer__accelerator="cpu")
    done = command("fit", "--recipe", str(recipe), "--cache", str(trained / "cache"), "--out", str(tmp_path))
    output, _ = done.communicate(timeout=240)
    assert done.returncode == 0, output.decode()[-2000:]
    assert weights(tmp_path)


def test_fit_needs_neither_a_decoder_nor_beets(trained: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, schedule__epochs=1)
    # torchmetrics itself imports librosa, requests, onnxruntime and more where they are: these can't be hidden
    absent = ["av", "beets", "soxr", "onnx", "mediafile", "threadpoolctl"]
    arguments = ["fit", "--recipe", str(recipe), "--cache", str(trained / "cache"), "--out", str(tmp_path)]
    hidden = f"sys.modules.update(dict.fromkeys({absent}))"
    imported(f"{hidden}\nfrom training.__main__ import main\nassert main({arguments}) == 0")
    assert (tmp_path / "encoder.pt").is_file()


def test_the_cache_has_to_be_of_the_recipes_front_end(
    trained: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_file(tmp_path, front_end__n_mels=64)
    (tmp_path / "cache").symlink_to(trained / "cache")
    assert run("fit", recipe=recipe, music=labelled, out=tmp_path) == 1
    assert "another n_mels" in capsys.readouterr().err


def test_mistakes_of_training_are_one_sentence(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = load_cache(trained / "cache")
    recipe = str(recipe_file(tmp_path, schedule__patience=3))

    def error(split: str) -> str:
        kept = [i for i, track in enumerate(cache.tracks) if track.split == split]
        part = replace(
            cache, tracks=[cache.tracks[i] for i in kept], first=cache.first[kept], length=cache.length[kept]
        )
        save_cache(part, tmp_path / "cache")
        assert main(["fit", "--recipe", recipe, "--out", str(tmp_path)]) == 1
        return capsys.readouterr().err

    assert "no clip in the train split" in error("test")
    assert "schedule.patience needs clips in the valid split" in error("train")
    model = str(trained / "export" / "tiny.onnx")
    assert main(["evaluate", model, "--recipe", recipe, "--out", str(tmp_path), "--split", "test", "--beside"]) == 1
    assert "the test split has no audio" in capsys.readouterr().err
