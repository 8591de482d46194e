"""Music and labels -> prepare, fit, export, evaluate -> an encoder that `beet` uses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musrec_core import Encoder
from training.data.cache import dequantise_cache, load_cache, quantise_cache
from training.evaluation.baselines import dsp_statistics_of
from training.recipe import RECIPES, RecipeError, load_recipe

from ..plugin.conftest import Beet
from .conftest import SPLITS, recipe_file, run, write_manifest, write_targets


def test_the_cache_holds_every_good_clip_and_says_what_is_missing(trained: Path) -> None:
    cache = load_cache(trained / "cache")
    assert len(cache.tracks) == 35
    assert {split: len(cache.split(split)) for split in SPLITS} == {split: 5 * n for split, n in SPLITS.items()}
    assert list(cache.left_out) == ["song-broken"]
    assert cache.left_out["song-broken"] == "no-audio"
    clip = cache.clip(3)
    assert clip.shape == (128, int(cache.length[3]))
    assert clip.mean() == pytest.approx(0, abs=0.02)
    assert clip.std() == pytest.approx(1, abs=0.02)


def test_quantising_keeps_the_picture() -> None:
    x = np.linspace(-4.9, 4.9, 500, dtype=np.float32)[None]
    assert np.abs(dequantise_cache(quantise_cache(x)) - x).max() <= 0.02
    assert quantise_cache(np.array([[-50.0, 50.0]], np.float32)).tolist() == [[0, 255]]


def test_the_exported_encoder_works_as_the_shipped_one_does(trained: Path, waltz: Path) -> None:
    encoder = Encoder.load(trained / "export" / "tiny.onnx")
    track = encoder.embed_file(waltz)
    assert track.vector.shape == (24,)
    assert np.linalg.norm(track.vector) == pytest.approx(1, abs=1e-5)
    assert set(track.genres) == {"bass", "waltz", "drone", "guitar", "rock"}
    assert track.model.startswith("tiny@")
    blob = (trained / "export" / "tiny.onnx").read_bytes()
    assert b"QuantizeLinear" not in blob  # as the recipe asks
    assert b"stack_trace" not in blob
    assert str(Path(__file__).parents[2]).encode() not in blob  # no path of the machine that trained it


@pytest.fixture(scope="module")
def dsp_features(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What evaluation keeps of an earlier run: the DSP features of all songs but the last, which it has to add."""
    store = tmp_path_factory.mktemp("dsp") / "dsp.npz"
    dsp_statistics_of(load_cache(trained / "cache").tracks[:-1], store)
    return store


def test_the_report_sets_every_system_beside_ours(
    trained: Path, labelled: Path, dsp_features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = shutil.copytree(trained, tmp_path / "run")  # it writes into the card
    shutil.copy(dsp_features, trained)
    model = trained / "export" / "tiny.onnx"
    for teacher in ("first", "second"):
        write_targets(trained / "cache", teacher)
    tiny = [f"schedule.{name}" for name in ("epochs=1", "crops_per_epoch=8", "batch_clips=4", "precision=32-true")]
    rest = (str(model), "--split", "test", "--into-card", *(word for value in tiny for word in ("--set", value)))
    assert run("evaluate", *rest, recipe=trained / "tiny.yaml", music=labelled, out=trained) == 0
    printed = capsys.readouterr().out
    folder = trained / "report-test"
    assert (folder / "report.md").read_text() in printed
    report = json.loads((folder / "report.json").read_text())
    figures = report["retrieval"]["song"]
    assert (figures["songs"], figures["artists"]) == (15, 10)
    with np.load(trained / "dsp.npz") as features:
        assert len(features.files) == 30  # of train and test
    assert 0 < figures["chance"] < 0.2
    assert {name.partition(",")[0] for name in figures["systems"]} == {
        "tiny", "latent-cnn", "mfcc-cnn", "vgg", "MFCC statistics", "DSP + linear SVM", "random",
        "teacher first", "teacher second", "ensemble of first and second"}  # fmt: skip
    mfcc = figures["systems"]["MFCC statistics"]
    assert mfcc["precision_at_1"] > figures["chance"]
    assert mfcc["precision_at_10_interval"][0] <= mfcc["precision_at_10"] <= mfcc["precision_at_10_interval"][1]
    assert report["genres"]["DSP + linear SVM"]["accuracy"] > 0.8  # composed styles are easy for it
    assert set(report["detail"]["calibration"]) == {"before", "after"}
    assert set(report["mood"]) == {"tiny, embedding, cosine", "DSP + linear SVM"}
    assert report["robustness"]["-12 dB"]["cosine"] > 0.98
    assert report["cost"]["tiny"]["cnn_ms"] > 0
    for section in ("Retrieval: song", "Genres", "Per genre", "Calibration", "Mood", "Robustness", "Cost", "72.5 %"):
        assert section in printed
    assert {path.name for path in folder.glob("*.png")} == {"retrieval.png", "confusion.png", "calibration.png"}
    assert Encoder.load(model).card.metrics["test"]["retrieval"] == report["retrieval"]
    card = model.with_suffix(".md").read_text()
    assert f"{figures['systems']['tiny, embedding, cosine']['precision_at_10']:.3f}" in card
    assert "Figures on the test split" in card


def test_one_command_does_what_is_left_of_the_recipe(
    trained: Path, labelled: Path, dsp_features: Path, tmp_path: Path
) -> None:
    shutil.copy(dsp_features, tmp_path)
    for done in ("cache", "encoder.pt"):
        (tmp_path / done).symlink_to(trained / done)
    models = tmp_path / "models"
    rest = ("--to", str(models), "--beside")  # beside nobody: the other systems have had their test
    assert run("run", *rest, recipe=trained / "tiny.yaml", music=labelled, out=tmp_path) == 0
    assert {path.name for path in models.iterdir()} == {
        "tiny.onnx",
        "tiny.ncnn.param",
        "tiny.ncnn.bin",
        "tiny.mel.npy",
        "tiny.json",
        "tiny.md",
    }
    assert set(Encoder.load(models / "tiny.onnx").card.metrics) == {"valid", "test"}
    assert (tmp_path / "report-valid" / "report.md").is_file()


def test_the_mood_head_reaches_beet(trained: Path, songs: Path, tmp_path: Path) -> None:
    model = trained / "export" / "tiny.onnx"
    beet = Beet(tmp_path / "home", songs)
    beet.configure(musrec={"model": str(model)})
    beet("import", str(songs))
    (line,) = beet("ls", "id:1", "-f", "$path|$musrec_mood|$musrec_valence|$musrec_arousal").lines
    path, printed, valence, arousal = line.split("|")
    assert printed == f"valence {valence}, arousal {arousal}"
    mood = Encoder.load(model).embed_file(path).mood
    assert mood is not None
    assert {axis: f"{p:.2f}" for axis, p in mood.items()} == {"valence": valence, "arousal": arousal}
    assert all(0 < p < 1 for p in mood.values())
    assert len(beet("ls", "musrec_arousal:0..1", "musrec_valence:0..1").lines) == 10
    values = [float(x) for x in beet("ls", "musrec_arousal+", "-f", "$musrec_arousal").lines]
    assert values == sorted(values)


def test_a_model_without_the_head_leaves_mood_out(trained: Path, labelled: Path, songs: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, loss__mood=0.0, schedule__epochs=1)
    (tmp_path / "cache").symlink_to(trained / "cache")
    assert run("fit", recipe=recipe, music=labelled, out=tmp_path) == 0
    assert run("export", recipe=recipe, music=labelled, out=tmp_path) == 0
    beet = Beet(tmp_path / "home", songs)
    beet.configure(musrec={"model": str(trained / "export" / "tiny.onnx")})
    beet("import", str(songs))
    assert len(beet.attributes("musrec_mood")) == 10
    beet.configure(musrec={"model": str(tmp_path / "export" / "tiny.onnx")})
    assert beet("embed").out == "10 embedded\n"
    assert beet.attributes("musrec_mood") == {}  # the old model's opinion does not outlive it
    assert beet("ls", "id:1", "-f", "[$musrec_valence]").out == "[]\n"


def test_beet_changes_to_another_encoder(trained: Path, songs: Path, tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", songs)
    beet("import", str(songs))
    beet.configure(musrec={"model": str(trained / "export" / "tiny.onnx")})
    said = beet("similar", "--first", "Waltz")
    assert len(said.lines) == 5
    assert "10 of 10 songs are embedded with musrec-2@" in said.err
    assert beet("embed").out == "10 embedded\n"
    assert len(beet("similar", "--first", "Waltz").lines) == 5
    assert beet("ls", "id:1", "-f", "$musrec_embedding").out == "24-d\n"
    assert len(beet("ls", "musrec_waltz:0..1").lines) == 10


def test_a_run_can_be_repeated_to_the_same_weights(trained: Path, labelled: Path, tmp_path: Path) -> None:
    import torch

    recipe = recipe_file(tmp_path, schedule__epochs=1)
    (tmp_path / "cache").symlink_to(trained / "cache")
    states = []
    for _ in range(2):
        assert run("fit", recipe=recipe, music=labelled, out=tmp_path) == 0
        states.append(torch.load(tmp_path / "encoder.pt", weights_only=True)["encoder"])
    for name, tensor in states[0].items():
        torch.testing.assert_close(tensor, states[1][name], rtol=0, atol=0)


def test_each_loss_can_be_switched_off(trained: Path, labelled: Path, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, loss__teacher=0.0, loss__contrastive=0.0, augment__mixup=0.0, vector__tags=0.0,
                         vector__teacher=0.0, vector__features=1.0, schedule__epochs=1)  # fmt: skip
    (tmp_path / "cache").symlink_to(trained / "cache")
    assert run("fit", recipe=recipe, music=tmp_path, out=tmp_path) == 0
    assert run("export", recipe=recipe, music=tmp_path, out=tmp_path) == 0


def test_mistakes_are_one_sentence(
    trained: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = recipe_file(tmp_path)

    def error(command: str, *rest: str, recipe: Path = recipe, folder: Path = tmp_path) -> str:
        assert run(command, *rest, recipe=recipe, music=folder, out=tmp_path) == 1
        return capsys.readouterr().err

    assert "holds no cache" in error("fit")
    assert "tracks.csv" in error("prepare")
    assert "no recipe nosuch" in error("prepare", recipe=Path("nosuch"))
    assert "schedule.epochs" in error("prepare", "--set", "schedule.epochs=many")
    (tmp_path / "tracks.csv").write_text("id,file\n1,x\n")
    assert "columns" in error("prepare")
    write_manifest(tmp_path, [["a-1", "x.flac", "A", "String Drone", "holdout"]])
    assert "holdout" in error("prepare")
    write_manifest(tmp_path, [["a-1", "x.flac", "A", "String Drone", "train"]])
    assert "no clip could be used" in error("prepare")
    files = [str(labelled / f"song-0{k}.flac") for k in range(2)]
    write_manifest(
        tmp_path, [["a-1", files[0], "A", "String Drone", "train"], ["a-2", files[1], "a ", "String Drone", "test"]]
    )
    assert "more than one split, such as a" in error("prepare")


def test_every_recipe_that_comes_with_us_is_valid() -> None:
    names = {path.stem for path in RECIPES.glob("*.yaml")}
    assert names == {"musrec_1", "fma_small", "latent_cnn", "mfcc_cnn", "musrec_2", "vgg"}
    for name in names:
        assert load_recipe(name).data["labels"]
    with pytest.raises(RecipeError, match="name"):
        load_recipe("musrec_1", {"name": "no name with spaces"})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"teacher": None}, "names no file"),
        ({"loss.teacher": 0}, "needs loss.teacher"),
        ({"loss.contrastive": 0, "vector.head": 1}, "needs loss.contrastive"),
        ({"loss.contrastive": 0, "schedule.pretrain_epochs": 2}, "pretrain_epochs"),
        ({"network.kind": "transformer"}, "network.kind"),
        ({"loss.taught": 1}, "network.taught and loss.taught"),
        ({"vector.taught": 1}, "vector.taught needs loss.taught"),
        ({"schedule.branches_lr": 0.1}, "needs network.branches"),
    ],
)
def test_a_recipe_that_contradicts_itself_says_where(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        load_recipe("musrec_1", changes)
