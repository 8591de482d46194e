"""Ready log-mel as sound, for a recipe whose front end is another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from musrec_core.audio.features import log_mel
from musrec_core.audio.resampling import resample
from musrec_core.front_end import FrontEnd
from musrec_core.workers.pool import WorkerPool
from training.data.cache import quantise_cache
from training.data.decoder import mel_filter_bank
from training.data.prepare import prepare
from training.data.resynthesis import READY, bins_of, resynthesise
from training.recipe import RECIPES, Recipe, RecipeError, load_recipe

from ... import music

SECONDS = 3
LEVEL = {
    "sample_rate": 16_000, "n_fft": 512, "hop_length": 256, "n_mels": 96, "fmax": 8_000,
    "mel_scale": "htk",
    "normalise": "level", "level_dbfs": -20.0, "mean_db": -1.7,
    "deviation_db": 20.0, "window_frames": 128, "clip_seconds": 2.0, "skip_silent": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def sounds() -> list[np.ndarray[Any, Any]]:
    styles = list(music.STYLES)[:2]
    songs = [music.Song(style, "A", "B", "C", 1, "flac", n) for n, style in enumerate(styles)]
    return [resample(music.compose(song, SECONDS).mean(axis=0), music.RATE, READY.sample_rate) for song in songs]


@pytest.fixture(scope="module")
def ready(sounds: list[np.ndarray[Any, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with log-mel alone of two clips, and the second of them as a file, too."""
    folder = tmp_path_factory.mktemp("ready")
    basis = mel_filter_bank(READY)
    spectrograms = [quantise_cache(log_mel(y, basis, READY)) for y in sounds]
    tracks, splits, genres = np.array(["one", "two"]), np.array(["valid", "train"]), np.array(["waltz", "rock"])
    np.savez(folder / "mel.npz", logmel=np.stack(spectrograms), track=tracks, split=splits, genre=genres)
    music.encode(resample(sounds[1], READY.sample_rate, music.RATE)[None], folder / "two.flac")
    (folder / "tracks.csv").write_text("id,file,artist,genres,split\nset-two,two.flac,,rock,train\n")
    return folder


def recipe(folder: Path, *sources: dict[str, Any], front_end: dict[str, Any] = LEVEL) -> Recipe:
    values = yaml.safe_load((RECIPES / "musrec_1.yaml").read_text())
    values["data"] = {"clip_seconds": 30, "sources": list(sources), "labels": {}}
    values["front_end"] = values["front_end"] | front_end
    values["teachers"] = [{"file": "t.onnx", "rate": 16_000, "samples": 1000, "hop": 1, "outputs": ["tags"]}]
    values["teacher"], values["loss"]["teacher"], values["vector"] = None, 0.0, {"genres": 1.0}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    return load_recipe(folder / "recipe.yaml")


def test_bins_of_the_stft_give_their_bands() -> None:
    basis = mel_filter_bank(READY)
    power = basis @ np.random.default_rng(0).random((basis.shape[1], 5)).astype(np.float32)
    found = bins_of(power, basis)
    assert (found >= 0).all()
    np.testing.assert_allclose(basis @ found, power, rtol=0.05)


def test_the_sound_of_a_log_mel_has_this_log_mel(sounds: list[np.ndarray[Any, Any]]) -> None:
    basis = mel_filter_bank(READY)
    for y in sounds:
        wanted = log_mel(y, basis, READY)
        again = resynthesise(wanted, basis)
        assert abs(len(again) - len(y)) < READY.hop_length
        assert np.abs(again).max() == pytest.approx(1)
        found = log_mel(again, basis, READY)
        frames = min(found.shape[1], wanted.shape[1])
        assert np.corrcoef(found[:, :frames].ravel(), wanted[:, :frames].ravel())[0, 1] > 0.9


def test_prepare_hears_ready_log_mel_with_the_recipes_front_end(
    sounds: list[np.ndarray[Any, Any]], ready: Path, tmp_path: Path
) -> None:
    source = {"log_mel": "mel.npz", "id_prefix": "set-", "resynthesise": True}
    ours = recipe(tmp_path, {"manifest": "tracks.csv"}, source)
    cache = prepare(ours, ready, tmp_path / "cache", jobs=1)
    assert not cache.left_out
    assert [(t.id, t.split, t.file is None) for t in cache.tracks] == [
        ("set-two", "train", False),  # the file wins
        ("set-one", "valid", True),
    ]
    assert cache.audio is not None
    assert cache.audio.length[1] == pytest.approx(16_000 * SECONDS, abs=600)
    front_end = FrontEnd.from_dict(cache.front_end.to_dict())
    real = log_mel(resample(sounds[0], READY.sample_rate, 16_000), mel_filter_bank(front_end), front_end)
    frames = min(real.shape[1], int(cache.length[1]))
    assert np.corrcoef(real[:, :frames].ravel(), cache.clip(1)[:, :frames].ravel())[0, 1] > 0.8
    again = log_mel(cache.audio.clip(1, 16_000), mel_filter_bank(front_end), front_end)
    assert np.abs(again - cache.clip(1)).mean() < 0.03  # log-mel and audio are of the same sound


def test_resynthesis_goes_on_where_it_was_killed(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = recipe(tmp_path, {"log_mel": "mel.npz", "resynthesise": True})

    def interrupted(*_: object) -> Iterator[Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.data.prepare._without_duplicates", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(ours, ready, tmp_path / "cache", jobs=1)
    monkeypatch.undo()
    asked: list[str] = []

    def nobody_answers(_: WorkerPool, places: Iterable[str]) -> Iterator[tuple[str, object]]:
        asked.extend(places)
        return iter(())

    monkeypatch.setattr(WorkerPool, "map", nobody_answers)
    assert len(prepare(ours, ready, tmp_path / "cache", jobs=1).tracks) == 2
    assert asked == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"log_mel": "mel.npz"}, "mel.npz has another .* set `resynthesise: yes`"),
        ({"manifest": "tracks.csv", "resynthesise": True}, "resynthesise is a setting for `log_mel`"),
    ],
)
def test_sources_that_can_not_be_heard(source: dict[str, Any], message: str, ready: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message):
        prepare(recipe(tmp_path, source), ready, tmp_path / "cache", jobs=1)
