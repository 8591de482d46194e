"""Killed and run again: the same result; and what each step needs to be installed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from musrec_core.workers.pool import WorkerPool
from training.__main__ import main
from training.data import prepare as preparing
from training.data.cache import load_cache
from training.recipe import load_recipe

from .conftest import recipe_file, run

ROOT = Path(__file__).parents[2]


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


def test_prepare_goes_on_where_it_was_killed(labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(recipe_file(tmp_path))
    monkeypatch.setattr(preparing, "PART_CLIPS", 4)
    monkeypatch.setattr(preparing, "_without_duplicates", interrupted)
    with pytest.raises(KeyboardInterrupt):
        preparing.prepare(recipe, labelled, tmp_path / "cache")
    kept = len(list((tmp_path / "cache" / "parts").glob("*.npz")))
    assert kept == 8  # 35 good clips

    monkeypatch.undo()
    asked: list[str] = []

    def nobody_answers(pool: WorkerPool, paths: Iterable[str]) -> Iterator[tuple[str, object]]:
        asked.extend(paths)
        return iter(())

    monkeypatch.setattr(WorkerPool, "map", nobody_answers)
    with pytest.raises(KeyError):  # the broken file alone is asked for again
        preparing.prepare(recipe, labelled, tmp_path / "cache")
    assert [Path(path).name for path in asked] == ["broken.flac"]

    monkeypatch.undo()
    preparing.prepare(recipe, labelled, tmp_path / "cache")
    assert not (tmp_path / "cache" / "parts").exists()
    whole = preparing.prepare(recipe, labelled, tmp_path / "other")
    np.testing.assert_array_equal(load_cache(tmp_path / "cache").frames, whole.frames)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def imported(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"], cwd=ROOT, check=True,
                          capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    return set(done.stdout.splitlines()[-1].split())


def test_prepare_needs_no_torch(labelled: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path)
    arguments = ["prepare", "--recipe", str(recipe), "--music", str(labelled), "--out", str(tmp_path)]
    code = f"from training.__main__ import main\nif __name__ == '__main__':\n    assert main({arguments}) == 0"
    assert not {"torch", "lightning", "torchaudio"} & imported(code)


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
