"""Branches that follow a teacher layer by layer."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from musrec_core.audio.features import log_mel
from training.data.audio import Audio, to_int16, write_samples
from training.data.cache import Cache, Track
from training.data.decoder import mel_filter_bank
from training.fit.hints import HintReport, branch_file, fit_hints, load_branches
from training.model.encoder import new_encoder
from training.recipe import RECIPES, Recipe, RecipeError, load_recipe

pytestmark = pytest.mark.slow

RATE, N_FFT, HOP, MELS, FRAMES = 4_000, 64, 32, 8, 33
SAMPLES = (FRAMES - 1) * HOP
MEAN_DB, DEVIATION_DB = -20.0, 15.0
CLIPS = 60
BRANCH = {"file": "tiny.onnx", "samples": SAMPLES, "maps": ["first", "second"], "widths": [4, 5],
          "pools": [[2, 4], [4, 2]], "states": ["states"], "embedding": 3, "tags": 2}  # fmt: skip


class TinyTeacher(nn.Module):
    """A waveform -> log-mel -> two convolutions, a maximum after each -> embedding and tags. One channel is dead."""

    def __init__(self, bank: np.ndarray[Any, Any]) -> None:
        super().__init__()
        angle = 2 * np.pi * np.outer(np.arange(N_FFT // 2 + 1), np.arange(N_FFT)) / N_FFT
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
        self.transform = torch.from_numpy(np.concatenate([np.cos(angle), -np.sin(angle)]) * hann).float().unsqueeze(1)
        self.bank = torch.from_numpy(bank)
        self.first, self.second = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 5, 3, padding=1)
        with torch.no_grad():
            self.first.weight[2] = 0.0
            self.first.get_parameter("bias")[2] = -1.0
        self.memory, self.tags = nn.GRU(5, 3, batch_first=True), nn.Linear(3, 2)
        with torch.no_grad():
            for parameter in self.memory.parameters():
                parameter.mul_(4)

    def maps(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        padded = F.pad(waveform.unsqueeze(1), (N_FFT // 2, N_FFT // 2), mode="reflect")
        real, imaginary = F.conv1d(padded, self.transform, stride=HOP).chunk(2, dim=1)
        db = 10 * torch.log10((self.bank @ (real.square() + imaginary.square())).clamp(min=1e-10))
        first = self.first(((db - MEAN_DB) / DEVIATION_DB).unsqueeze(1))
        return first, self.second(F.max_pool2d(F.relu(first), (2, 4)))

    def forward(self, waveform: Tensor) -> tuple[Tensor, ...]:
        first, second = self.maps(waveform)
        last = F.max_pool2d(F.relu(second), (4, 2))
        states = self.memory(last.squeeze(2).transpose(1, 2))[0]
        embedding = states[:, -1]
        return first, second, states.transpose(0, 1).unsqueeze(1), embedding, self.tags(embedding).sigmoid()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    values = yaml.safe_load((RECIPES / "musrec_1.yaml").read_text(encoding="utf-8"))
    values |= {"name": "tiny", "teacher": None, "hints": {"clips": CLIPS, "steps": 1_500}}
    values["front_end"] = {
        "sample_rate": RATE, "clip_seconds": SAMPLES / RATE, "n_fft": N_FFT, "hop_length": HOP, "n_mels": MELS,
        "fmin": 0.0, "fmax": RATE / 2, "top_db": 80.0, "window_frames": FRAMES, "mel_scale": "htk",
        "pad_mode": "reflect", "normalise": "level", "level_dbfs": -20.0, "mean_db": MEAN_DB,
        "deviation_db": DEVIATION_DB,
    }  # fmt: skip
    values["network"] |= {"kind": "branches", "branches": [BRANCH], "stages": [], "features": 6}
    values["loss"]["teacher"], values["vector"] = 0.0, {"tags": 1.0, "genres": 1.0}
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_recipe(path)


@pytest.fixture(scope="module")
def cache(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """Coloured noise that swells, each clip in another way; every fourth is kept out of training."""
    folder = tmp_path_factory.mktemp("cache")
    rng = np.random.default_rng(3)

    def clip() -> np.ndarray[Any, Any]:
        colour = np.exp(rng.normal(0, 1.5, N_FFT // 2 + 1))
        spectrum = np.fft.rfft(rng.standard_normal(2 * SAMPLES))
        shaped = np.fft.irfft(spectrum * np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, 33), colour))
        swell = np.interp(np.arange(len(shaped)), np.linspace(0, len(shaped), 9), rng.random(9) + 0.05)
        return to_int16((0.9 * shaped * swell / np.abs(shaped).max()).astype(np.float32))

    count = CLIPS * 4 // 3
    stored = [clip() for _ in range(count)]
    lengths = np.array([len(y) for y in stored], np.int64)
    first = np.cumsum(lengths) - lengths
    write_samples(folder / "audio.npy", int(lengths.sum()), stored)
    frames = np.full(count, 2 * FRAMES, np.int64)
    tracks = [
        Track(f"t-{i}", f"A{i}", "train" if i % 4 else "valid", ("rock",), ("rock",), Path(f"{i}.ogg"))
        for i in range(count)
    ]
    return Cache(
        np.zeros((int(frames.sum()), MELS), np.uint8), np.cumsum(frames) - frames, frames, tracks, recipe.front,
        ["rock"], {}, None, Audio(folder / "audio.npy", first, lengths, RATE),
    )  # fmt: skip


@pytest.fixture(scope="module")
def teacher(recipe: Recipe) -> TinyTeacher:
    torch.manual_seed(1)
    return TinyTeacher(mel_filter_bank(recipe.front)).eval()


@pytest.fixture(scope="module")
def teachers(teacher: TinyTeacher, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers")
    torch.onnx.export(
        copy.deepcopy(teacher), (torch.randn(1, SAMPLES),), str(folder / "tiny.onnx"), input_names=["waveform"],
        output_names=["first", "second", "states", "embedding", "tags"], dynamo=True, external_data=False,
        verbose=False,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def fitted(
    recipe: Recipe, cache: Cache, teachers: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[HintReport], Path]:
    out = tmp_path_factory.mktemp("out")
    return list(fit_hints(recipe, cache, teachers, out)), out


def test_a_branch_follows_its_teacher_on_clips_that_it_never_heard(fitted: tuple[list[HintReport], Path]) -> None:
    (report,) = fitted[0]
    assert report.teacher == "tiny"
    assert max(report.layers) < 0.01
    assert report.embedding < 0.2
    assert report.tags < 0.25


def test_a_channel_that_nothing_moves_is_left_out(fitted: tuple[list[HintReport], Path]) -> None:
    """The branch has four channels where the teacher has five, one of them dead."""
    (report,) = fitted[0]
    assert report.left_out[0] == 0


def test_a_branch_with_too_few_channels_says_what_it_misses(
    recipe: Recipe, cache: Cache, teachers: Path, tmp_path: Path
) -> None:
    narrow = copy.deepcopy(recipe)
    narrow.network.branches[0]["widths"] = [2, 5]
    (report,) = fit_hints(narrow, cache, teachers, tmp_path)
    assert report.left_out[0] > 0.01


def test_the_saved_branch_computes_the_teachers_maps(
    fitted: tuple[list[HintReport], Path], recipe: Recipe, teacher: TinyTeacher
) -> None:
    encoder = new_encoder(recipe, 1)
    trunk: Any = encoder.trunk
    load_branches(trunk, recipe, fitted[1])
    y = (np.random.default_rng(9).standard_normal(SAMPLES) * 0.1).astype(np.float32)
    window = torch.from_numpy(log_mel(y, mel_filter_bank(recipe.front), recipe.front)[:, :FRAMES])[None, None]
    with torch.no_grad():
        second = teacher.maps(torch.from_numpy(y)[None])[1]
        ours = trunk.branches[0].convolutions[1](trunk.branches[0].maps(window, 1))
    assert float((ours - second).square().mean() / second.var()) < 0.02


def test_what_is_fitted_is_not_fitted_again(
    fitted: tuple[list[HintReport], Path], recipe: Recipe, cache: Cache, teachers: Path
) -> None:
    assert not list(fit_hints(recipe, cache, teachers, fitted[1]))
    other = copy.deepcopy(recipe)
    other.network.branches[0]["states"] = ["states", "states"]
    assert not branch_file(fitted[1], other, other.network.branches[0]).exists()


def test_heads_learn_and_branches_stay(recipe: Recipe) -> None:
    learnt = {name for name, one in new_encoder(recipe, 3).named_parameters() if one.requires_grad}
    assert "trunk.dense.0.weight" in learnt
    assert not [name for name in learnt if ".branches." in name]


def test_the_network_gives_the_branches_tags(recipe: Recipe) -> None:
    out = new_encoder(recipe, 3).eval()(torch.randn(2, MELS, FRAMES))
    assert out.tags.shape == (2, 2)
    assert out.features.shape == (2, 6)


def test_without_audio_branches_or_teacher_it_says_so(
    recipe: Recipe, cache: Cache, teachers: Path, tmp_path: Path
) -> None:
    deaf = Cache(cache.frames, cache.first, cache.length, cache.tracks, cache.front_end, cache.vocabulary, {}, None)
    with pytest.raises(RecipeError, match="lacks the audio"):
        list(fit_hints(recipe, deaf, teachers, tmp_path))
    with pytest.raises(RecipeError, match=r"tiny\.onnx is not in"):
        list(fit_hints(recipe, cache, tmp_path, tmp_path))
    with pytest.raises(RecipeError, match=r"no `network\.branches`"):
        list(fit_hints(load_recipe("musrec_1"), cache, teachers, tmp_path))
    with pytest.raises(RecipeError, match="python -m training hints"):
        load_branches(new_encoder(recipe, 1).trunk, recipe, tmp_path)  # type: ignore[arg-type]
