"""Teachers: the audio that `prepare` keeps for them, what `teach` makes of it, and what training asks of that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from musrec_core.audio.clip import load_clip
from musrec_core.workers.pool import WorkerPool
from training.__main__ import main
from training.data import teach as teaching
from training.data.audio import from_int16, read_samples, to_int16, write_samples
from training.data.cache import Cache, dequantise_cache, load_cache
from training.data.onnx_teacher import window_starts
from training.data.prepare import prepare
from training.data.targets import Targets, load_targets
from training.data.teach import teach
from training.recipe import Recipe, RecipeError, load_recipe

from ... import music
from ..conftest import imported, recipe_file

RATE, SAMPLES, GROUPS = 16_000, 16_000, 4
LABELS = ["loud", "fast", "odd", "old"]
TEACHER = {"file": "tiny.onnx", "rate": RATE, "samples": SAMPLES, "hop": 0.5, "outputs": ["tags", "embedding"]}


def write_teacher(path: Path) -> None:
    """The mean square of each quarter of a window as ``embedding``, its logistic function as ``tags``."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [-1, GROUPS, SAMPLES // GROUPS])
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["waveform", "shape"], ["quarters"]),
            helper.make_node("Mul", ["quarters", "quarters"], ["squares"]),
            helper.make_node("ReduceMean", ["squares"], ["embedding"], axes=[2], keepdims=0),
            helper.make_node("Sigmoid", ["embedding"], ["tags"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["batch", SAMPLES])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", GROUPS]) for name in ("tags", "embedding")],
        [shape],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


def said_by_hand(y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the teacher's embedding has to be, a row a window."""
    starts = window_starts(len(y), SAMPLES, RATE // 2)
    return np.stack([np.square(y[s : s + SAMPLES].reshape(GROUPS, -1)).mean(axis=1) for s in starts])


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two labelled clips, and songs without labels in two packages, one of them far too short."""
    folder = tmp_path_factory.mktemp("collection")
    rng = np.random.default_rng(5)

    def noise(seconds: float, loudness: float) -> music.Samples:
        swell = 0.2 + np.abs(np.sin(np.linspace(0, 3, int(seconds * music.RATE))))
        return (rng.standard_normal((1, len(swell))) * swell * loudness).astype(np.float32)

    music.encode(noise(7, 0.05), folder / "rock" / "a.flac")
    music.encode(noise(5, 0.1), folder / "rock" / "b.flac")
    music.encode(noise(13.5, 0.1), folder / "free" / "game" / "music" / "long.flac")
    music.encode(noise(4, 0.1), folder / "free" / "other" / "theme.flac")
    music.encode(noise(0.1, 0.1), folder / "free" / "other" / "click.flac")
    (folder / "free" / "other" / "copyright.txt").write_text("CC0")
    rows = "id,file,artist,genres,split\nrock-a,rock/a.flac,A,Rock,train\nrock-b,rock/b.flac,B,Rock,valid\n"
    (folder / "tracks.csv").write_text(rows)
    (folder / "teachers").mkdir()
    write_teacher(folder / "teachers" / "tiny.onnx")
    (folder / "teachers" / "tags.json").write_text(json.dumps({"tiny": LABELS}))
    return folder


def yaml_recipe(folder: Path, teachers: list[dict[str, Any]], **front_end: bool) -> Path:
    values = yaml.safe_load(recipe_file(folder).read_text())
    songs = {"songs": "free", "every": 5, "clip_seconds": 4, "min_megabytes": 0.05, "valid": ["other"]}
    values["data"] = {"clip_seconds": 30, "sources": [{"manifest": "tracks.csv"}, songs], "labels": {"Rock": ["rock"]}}
    values["front_end"] |= front_end
    values["teachers"] = teachers
    values["teacher"], values["loss"]["teacher"], values["vector"] = None, 0.0, {"genres": 1.0}
    path = folder / "teachers.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def prepared(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    """The recipe, and the folder of its cache."""
    folder = tmp_path_factory.mktemp("prepared")
    recipe = load_recipe(yaml_recipe(folder, [TEACHER]))
    prepare(recipe, collection, folder / "cache", jobs=1)
    return recipe, folder / "cache"


@pytest.fixture(scope="module")
def taught(collection: Path, prepared: tuple[Recipe, Path]) -> tuple[Cache, Targets]:
    recipe, folder = prepared
    cache = load_cache(folder)
    for _ in teach(recipe, cache, folder, collection / "teachers", jobs=1):
        pass
    return cache, load_targets(folder, "tiny")


def test_songs_without_labels_give_several_clips_and_are_kept_out_by_package(prepared: tuple[Recipe, Path]) -> None:
    tracks = load_cache(prepared[1]).tracks
    free = [track for track in tracks if not track.is_labelled]
    assert [(t.collection, t.start, t.split, t.artist, t.genres) for t in free] == [
        ("game", 0, "train", "", ()),
        ("game", 5, "train", "", ()),
        ("game", 10, "train", "", ()),  # 3.5 s are left
        ("other", 0, "valid", "", ()),
    ]
    assert len({track.song for track in free}) == 2
    assert [track.id for track in free] == [f"{t.song}@{t.start:04.0f}" for t in free]
    assert all(track.is_labelled and not track.song for track in tracks[:2])


def test_the_audio_is_what_the_log_mel_was_made_of(
    prepared: tuple[Recipe, Path], collection: Path, tmp_path: Path
) -> None:
    cache = load_cache(prepared[1])
    assert cache.audio is not None
    assert cache.audio.sample_rate == 22_050  # the front end's is the highest
    rock = cache.audio.clip(0, 22_050)
    np.testing.assert_allclose(rock, load_clip(collection / "rock" / "a.flac"), atol=1 / 32_767)
    later = next(i for i, track in enumerate(cache.tracks) if track.start == 5)
    song = load_clip(collection / "free" / "game" / "music" / "long.flac", start=5.0, seconds=4.0)
    np.testing.assert_allclose(cache.audio.clip(later, 22_050), song, atol=1 / 32_767)
    silent = prepare(load_recipe(yaml_recipe(tmp_path, [])), collection, tmp_path / "cache", jobs=1)
    assert silent.audio is None
    assert not (tmp_path / "cache" / "audio.npy").exists()
    assert [track.id for track in silent.tracks] == [track.id for track in cache.tracks]
    np.testing.assert_array_equal(silent.frames, cache.frames)


def test_audio_as_integers() -> None:
    y = np.array([0, 0.5, -1], np.float32)
    np.testing.assert_allclose(from_int16(to_int16(y), 8_000, 8_000), y, atol=1e-4)
    assert to_int16(2 * y).tolist() == to_int16(y).tolist()  # what is too loud is scaled, not cut off


def test_what_the_front_end_skips_is_skipped_in_the_audio_too(collection: Path, tmp_path: Path) -> None:
    y = np.random.default_rng(0).standard_normal((1, 20 * music.RATE)).astype(np.float32) * 0.1
    y[:, 8 * music.RATE : 12 * music.RATE] = 0
    music.encode(y + 0.05, tmp_path / "music" / "rock" / "a.flac")
    (tmp_path / "music" / "free").mkdir()
    row = "id,file,artist,genres,split\nrock-a,rock/a.flac,A,Rock,train\n"
    (tmp_path / "music" / "tracks.csv").write_text(row)
    values = yaml.safe_load(yaml_recipe(tmp_path, [TEACHER], remove_dc=True, skip_silent=True).read_text())
    values["data"]["sources"].pop()
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(values))
    cache = prepare(load_recipe(tmp_path / "one.yaml"), tmp_path / "music", tmp_path / "cache", jobs=1)
    assert cache.audio is not None
    audio = cache.audio.clip(0, 22_050)
    assert len(audio) / 22_050 == pytest.approx(16, abs=0.3)
    assert abs(audio.mean()) < 1e-3
    assert cache.length[0] == 1 + len(audio) // 512  # the same moments


def test_a_teacher_hears_every_window_of_every_clip(taught: tuple[Cache, Targets]) -> None:
    cache, targets = taught
    assert cache.audio is not None
    assert set(targets.windows) == {track.id for track in cache.tracks}
    for i, track in enumerate(cache.tracks):
        rows = targets.windows[track.id]
        expected = said_by_hand(cache.audio.clip(i, RATE))
        np.testing.assert_allclose(targets.outputs["embedding"][rows.start : rows.stop], expected, rtol=2e-3)
        np.testing.assert_allclose(targets.start_s[rows.start : rows.start + 2], [0, 0.5])
    assert targets.window_s == 1
    assert targets.labels == {"tags": LABELS, "embedding": LABELS}
    train = np.concatenate([targets.windows[t.id] for t in cache.tracks if t.split == "train"])
    standard = targets.standardise(targets.outputs["embedding"][train].astype(np.float32), "embedding")
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(standard.std(axis=0), 1, atol=1e-3)


def test_teaching_goes_on_where_it_was_killed_and_hears_nothing_twice(
    prepared: tuple[Recipe, Path], collection: Path, taught: tuple[Cache, Targets], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    recipe, folder = prepared
    cache = load_cache(folder)
    (tmp_path / "audio.npy").symlink_to(folder / "audio.npy")
    monkeypatch.setattr(teaching, "PART_CLIPS", 2)
    asked: list[int] = []
    whole = WorkerPool.map

    def killed_after(most: int) -> None:
        def some(pool: WorkerPool, paths: Iterable[str]) -> Iterator[tuple[str, object]]:
            asked.append(len(list(paths)))
            for n, found in enumerate(whole(pool, paths)):
                if n == most:
                    raise KeyboardInterrupt
                yield found

        monkeypatch.setattr(WorkerPool, "map", some)

    killed_after(5)
    with pytest.raises(KeyboardInterrupt):
        list(teach(recipe, cache, tmp_path, collection / "teachers", jobs=1))
    with pytest.raises(RecipeError, match="has not heard this cache to its end"):
        load_targets(tmp_path, "tiny")
    killed_after(99)
    (report,) = teach(recipe, cache, tmp_path, collection / "teachers", jobs=1)
    (again,) = teach(recipe, cache, tmp_path, collection / "teachers", jobs=1)
    assert asked == [6, 2, 0]
    assert (report.clips, report.fresh, again.clips, again.fresh) == (6, 2, 6, 0)
    assert again.windows == report.windows == len(taught[1].start_s)
    resumed = load_targets(tmp_path, "tiny")
    np.testing.assert_array_equal(resumed.outputs["tags"], taught[1].outputs["tags"])
    assert [path.name for path in (tmp_path / "teachers").iterdir()] == ["tiny.npz"]

    slower = load_recipe(yaml_recipe(tmp_path, [TEACHER | {"hop": 1.0}]))
    (other,) = teach(slower, cache, tmp_path, collection / "teachers", jobs=1)
    assert other.fresh == 6  # another hop: all is heard again
    assert other.windows < report.windows


def test_a_stretch_of_a_clip_has_the_mean_of_its_windows(taught: tuple[Cache, Targets]) -> None:
    cache, targets = taught
    first = cache.tracks[0].id
    said = targets.outputs["tags"].astype(np.float32)
    rows, weights = targets.overlaps(first, 0.0, 0.5)
    assert (rows.tolist(), weights.tolist()) == ([0], [1.0])
    rows, weights = targets.overlaps(first, 0.25, 1.25)  # 0.75 s of the first window, 0.75 of the second, 0.25 of ...
    assert rows.tolist() == [0, 1, 2]
    np.testing.assert_allclose(weights, [3 / 7, 3 / 7, 1 / 7])
    target = targets.target(first, 0.25, 1.25)
    assert target is not None
    np.testing.assert_allclose(target, (3 * said[0] + 3 * said[1] + said[2]) / 7, rtol=1e-6)
    assert targets.overlaps(first, 99, 100)[0].tolist() == [targets.windows[first].stop - 1]  # the nearest
    assert targets.target("nobody", 0, 1) is None
    start, count = targets.table(cache.tracks)
    assert [range(a, a + n) for a, n in zip(start, count, strict=True)] == [targets.windows[t.id] for t in cache.tracks]
    standard = targets.target(first, 0, 0.5, "embedding", standardised=True)
    assert standard is not None
    np.testing.assert_allclose(
        standard * targets.deviation["embedding"] + targets.mean["embedding"], targets.outputs["embedding"][0],
        rtol=1e-3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("length", "window", "hop", "starts"),
    [
        (30, 3, 3, [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]),
        (11, 3, 3, [0, 3, 6, 8]),  # 2 left
        (10, 3, 3, [0, 3, 6]),  # 1 left
        (45, 29, 15, [0, 15]),
        (30, 29, 15, [0]),
        (3, 3, 3, [0]),
    ],
)
def test_windows_cover_a_clip(length: int, window: int, hop: int, starts: list[int]) -> None:
    assert window_starts(length, window, hop) == starts


def test_a_clip_that_is_shorter_than_a_window_is_repeated_and_inner_tensors_can_be_heard(
    prepared: tuple[Recipe, Path], collection: Path, tmp_path: Path
) -> None:
    from training.data.onnx_teacher import open_teacher

    recipe = load_recipe(yaml_recipe(tmp_path, [TEACHER | {"outputs": ["quarters", "tags"]}]))
    teacher = open_teacher(collection / "teachers" / "tiny.onnx", recipe.teachers[0])
    y = np.linspace(0, 0.5, 10_000).astype(np.float32)
    said = teacher.hear(y)
    assert said["quarters"].shape == (1, GROUPS, SAMPLES // GROUPS)
    np.testing.assert_allclose(said["quarters"].ravel(), np.resize(y, SAMPLES), rtol=1e-3)
    assert said["start_s"].tolist() == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "nosuch.onnx"}, "nosuch.onnx is not in"),
        ({"samples": 999}, "not 999 samples"),
        ({"outputs": ["moods"]}, "no output and no node's output moods"),
        ({"rate": 48_000}, "lacks the audio that the teachers need"),
        ({"hop": 0}, "hop above 0"),
        ({"outputs": []}, "and outputs"),
        ({"file": "broken.onnx"}, "broken.onnx can't be loaded"),
    ],
)
def test_teachers_that_are_not_what_the_recipe_says(
    change: dict[str, Any], message: str, prepared: tuple[Recipe, Path], collection: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (collection / "teachers" / "broken.onnx").write_bytes(b"no network")
    recipe = yaml_recipe(tmp_path, [TEACHER | change])
    arguments = ["--music", str(collection), "--out", str(tmp_path), "--cache", str(prepared[1])]
    assert main(["teach", "--recipe", str(recipe), *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"songs": "free", "valid": ["nosuch"]}, "has no folder nosuch"),
        ({"songs": "nosuch"}, "the folder of songs .* is missing"),
        ({"manifest": "tracks.csv", "every": 30}, "every, clip_seconds.* for `songs`"),
    ],
)
def test_sources_of_songs_that_are_not_there(
    source: dict[str, Any], message: str, collection: Path, tmp_path: Path
) -> None:
    values = yaml.safe_load(yaml_recipe(tmp_path, []).read_text())
    values["data"]["sources"] = [source]
    (tmp_path / "source.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(RecipeError, match=message):
        prepare(load_recipe(tmp_path / "source.yaml"), collection, tmp_path / "cache", jobs=1)


def test_teach_as_a_command_needs_no_torch(
    prepared: tuple[Recipe, Path], taught: tuple[Cache, Targets], collection: Path, tmp_path: Path
) -> None:
    recipe = yaml_recipe(tmp_path, [TEACHER])
    arguments = [
        "teach", "--recipe", str(recipe), "--music", str(collection), "--cache", str(prepared[1]), "--jobs", "1",
    ]  # fmt: skip
    code = f"from training.__main__ import main\nif __name__ == '__main__':\n    assert main({arguments}) == 0"
    assert not {"torch", "lightning", "torchaudio"} & imported(code)


def test_the_log_mel_is_the_same_through_a_higher_rate(collection: Path, tmp_path: Path) -> None:
    recipe = load_recipe(yaml_recipe(tmp_path, [TEACHER | {"rate": 32_000}]))
    high = prepare(recipe, collection, tmp_path / "high", jobs=1)
    low = prepare(load_recipe(yaml_recipe(tmp_path, [])), collection, tmp_path / "low", jobs=1)
    assert high.audio is not None
    assert high.audio.sample_rate == 32_000
    a, b = (dequantise_cache(cache.frames[: cache.length[0]]) for cache in (high, low))
    frames = min(len(a), len(b))
    assert np.abs(a[:frames, :120] - b[:frames, :120]).mean() < 0.02  # half a quantum


def test_samples_are_read_where_they_stand(tmp_path: Path) -> None:
    samples = np.arange(-50, 50, dtype=np.int16)
    write_samples(tmp_path / "audio.npy", 100, [samples[:30], samples[30:]])
    np.testing.assert_array_equal(np.load(tmp_path / "audio.npy"), samples)
    np.testing.assert_array_equal(read_samples(tmp_path / "audio.npy", 20, 40), samples[20:60])
    with pytest.raises(RecipeError, match="is cut short"):
        read_samples(tmp_path / "audio.npy", 90, 20)
