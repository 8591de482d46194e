"""Networks, augmentation, sources, robustness and ablation, each by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from training.__main__ import main
from training.data.cache import SPLITS, load_cache, save_cache
from training.data.sources import read_folder, split_of
from training.evaluation.ablate import table
from training.evaluation.baselines import svm_probabilities
from training.evaluation.robustness import robustness
from training.fit.augment import Augment
from training.model.encoder import TrackVector, new_encoder
from training.recipe import load_recipe

from .. import music
from .conftest import recipe_file

NETWORKS = [("shipped", 130, 256), ("vgg", 130, 256), ("latent_cnn", 128, 32), ("mfcc_cnn", 130, 64)]


@pytest.mark.parametrize(("name", "frames", "features"), NETWORKS)
def test_each_recipe_builds_its_network(name: str, frames: int, features: int) -> None:
    recipe = load_recipe(name)
    assert recipe.front.window_frames == frames
    encoder = new_encoder(recipe, 7).eval()
    out = encoder(torch.randn(2, 128, frames))
    assert out.features.shape == (2, features)
    assert out.genres.shape == (2, 7)
    shipped = name == "shipped"
    assert (out.head.shape[1], out.teacher.shape[1], out.mood.shape[1]) == ((128, 200, 2) if shipped else (0, 0, 0))
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in encoder.parameters() if p.dim() == 4)


def augment(**changes: float) -> Augment:
    options: dict[str, float] = {
        "frequency_mask": 0,
        "time_mask": 0,
        "tilt": 0.0,
        "gain": 0.0,
        "pitch": 0,
        "low_pass": 0.0,
    }
    return Augment(**(options | changes))  # type: ignore[arg-type]


def test_augmentation_switched_off_changes_nothing() -> None:
    x = torch.randn(3, 128, 130)
    torch.testing.assert_close(augment()(x), x)


def test_a_low_pass_takes_the_treble_and_leaves_mean_and_deviation() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 128, 130)
    y = augment(low_pass=1.0)(x)
    assert (y[:, -1].std(dim=1) < 1e-5).all()  # the highest band is silent
    assert (y[:, :70].std(dim=2) > 0.2).all()  # the lower ones still sound
    torch.testing.assert_close(y.mean(dim=(1, 2)), x.mean(dim=(1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.std(dim=(1, 2)), x.std(dim=(1, 2)), atol=1e-3, rtol=0)


def test_a_pitch_shift_moves_the_bands() -> None:
    torch.manual_seed(0)
    x = torch.arange(128.0)[None, :, None].expand(32, 128, 4)
    y = augment(pitch=3)(x)
    moved = y[:, 64, 0] - 64
    assert set(moved.tolist()) == {-3.0, -2, -1, 0, 1, 2, 3}
    torch.testing.assert_close(y[:, 10:110, 0], x[:, 10:110, 0] + moved[:, None])


def test_tilt_and_gain_stay_within_their_bounds() -> None:
    x = torch.zeros(64, 128, 4)
    assert augment(tilt=0.4)(x).abs().max() <= 0.4
    shifted = augment(gain=0.2)(x)
    assert shifted.std(dim=(1, 2)).max() == 0
    assert 0.1 < shifted.abs().max() <= 0.2


def test_whitening_makes_the_axes_equal() -> None:
    torch.manual_seed(0)
    parts = torch.randn(500, 6) * torch.tensor([5.0, 3, 2, 1, 0.5, 0.2])

    def spread(whiten: float) -> torch.Tensor:
        vector = TrackVector({"features": 1.0}, 4, 6, whiten=whiten).fit(parts)
        return ((parts - vector.mean) @ vector.projection).std(dim=0)

    plain, half, white = spread(0), spread(0.5), spread(1)
    assert plain[0] / plain[3] == pytest.approx((half[0] / half[3]).item() ** 2, rel=0.01)
    torch.testing.assert_close(white, torch.ones(4), atol=0.01, rtol=0)


def test_a_folder_per_genre(tmp_path: Path, songs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = music.Song("String Drone", "Tagged", "Album", "One", 1, "flac", 7)
    for artist in "abcdefghij":
        folder = tmp_path / "mine" / "Slow Songs" / artist
        folder.mkdir(parents=True)
        music.encode(
            music.compose(music.Song(song.style, artist, "A", "T", 1, "flac", ord(artist)), 4), folder / "1.flac"
        )
    loud = tmp_path / "mine" / "Loud"
    loud.mkdir()
    music.encode(music.compose(song, 4), loud / "tagged.flac")
    music.tag(loud / "tagged.flac", song)
    (loud / "cover.jpg").write_bytes(b"\xff\xd8")
    (loud / ".hidden").write_bytes(b"")
    (tmp_path / "mine" / "licence.txt").write_text("free")

    tracks = read_folder(tmp_path / "mine", {})
    by_artist = {track.artist: track for track in tracks}
    assert len(tracks) == 12
    assert by_artist["a"].genres == ("slow songs",)
    assert by_artist["Tagged"].genres == ("loud",)
    assert len({track.id for track in tracks}) == 12
    assert {track.split for track in tracks} <= set(SPLITS)
    assert all(track.split == split_of(track.artist) for track in tracks if track.artist)

    recipe = yaml.safe_load(recipe_file(tmp_path).read_text())
    recipe["data"] = {"clip_seconds": 30, "sources": [{"folder": "mine"}], "labels": {}}
    recipe["teacher"] = None
    recipe["loss"]["teacher"] = 0
    recipe["vector"] = {"features": 1.0}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    common = ["--recipe", str(tmp_path / "mine.yaml"), "--music", str(tmp_path), "--out", str(tmp_path / "run")]
    assert main(["prepare", *common]) == 0
    assert "no-audio" in capsys.readouterr().out  # cover.jpg
    cache = load_cache(tmp_path / "run" / "cache")
    assert cache.vocabulary == ["loud", "slow songs"]
    assert len(cache.tracks) == 11


def test_the_split_of_artists_is_about_eight_to_one_to_one() -> None:
    found = [split_of(f"artist {n}") for n in range(2000)]
    assert found.count("train") == pytest.approx(1600, abs=80)
    assert found.count("valid") == pytest.approx(200, abs=60)
    assert split_of("Björk") == split_of("BJÖRK")


def test_a_changed_song_is_still_itself(trained: Path) -> None:
    from musrec_core import Encoder

    cache = load_cache(trained / "cache")
    tracks = [cache.tracks[i] for i in cache.split("test")][:6]
    figures = robustness(Encoder.load(trained / "export" / "tiny.onnx"), tracks)
    assert set(figures) >= {"MP3 at 64 kbit/s", "-12 dB", "16 kHz"}
    assert figures["-12 dB"]["first"] == 1
    assert figures["-12 dB"]["cosine"] > figures["16 kHz"]["cosine"]
    assert all(f["songs"] == 6 and 1 <= f["median_rank"] <= 6 for f in figures.values())


def test_an_ablation_goes_on_and_gives_a_table(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {
        "seeds": [1, 2],
        "base": {"schedule.epochs": 1, "schedule.crops_per_epoch": 32},
        "variants": {"base": None, "no mixup": {"augment.mixup": 0}},
        "vectors": {"genres": {"genres": 1.0}},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    common = ["ablate", "--recipe", str(recipe_file(tmp_path)), "--cache", str(trained / "cache"), "--out",
              str(tmp_path / "out"), "--plan", str(tmp_path / "plan.yaml")]  # fmt: skip
    assert main(common) == 0
    first = capsys.readouterr().out
    assert [line.split(" | ")[:3] for line in first.splitlines()[2:]] == [
        ["| base", "its own", "2"], ["| base", "genres", "2"], ["| no mixup", "its own", "2"]]  # fmt: skip
    trained_before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("encoder.pt")}
    assert len(trained_before) == 4
    assert main(common) == 0
    assert capsys.readouterr().out == first
    assert all(path.stat().st_mtime_ns == when for path, when in trained_before.items())


def test_the_table_shows_mean_and_deviation_over_seeds() -> None:
    rows = [{"variant": "a", "vector": "its own", "mAP": value} for value in (0.4, 0.6)]
    assert "| a | its own | 2 | 0.500 ± 0.100 |" in table(rows)


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


def test_too_few_songs_give_no_svm() -> None:
    x = np.zeros((4, 3), np.float32)
    assert svm_probabilities(x, np.array(["a", "a", "a", "b"]), x, ["a", "b"]) is None
