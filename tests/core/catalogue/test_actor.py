"""What an actor does where its node can't do the work, and a model that travels to it."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra catalogue is not installed")

import pyarrow as pa
import ray

from musrec_core import Card
from musrec_core.catalogue.embedding import model_files
from musrec_core.catalogue.embedding.actor import AGAIN, EmbeddingActor, Job
from musrec_core.catalogue.embedding.model_files import ModelFiles, UnpackedModel
from musrec_core.catalogue.schema import ModelColumns
from musrec_core.catalogue.storage.storage import Storage
from musrec_core.errors import ModelError, WorkersError


@pytest.fixture
def model(quick: Path) -> ModelFiles:
    return ModelFiles.of(Card.load(quick))


@pytest.fixture
def elsewhere(model: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFiles:
    """A model that this node does not have."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return ModelFiles("/nowhere/else/quick-1.json", model.files, model.digest)


def test_a_model_that_is_here_is_used_where_it_is(model: ModelFiles, quick: Path) -> None:
    assert UnpackedModel(model).card.folder == quick.parent
    assert {Path(name).suffix for name in model.files} == {".json", ".onnx", ".npy", ".param", ".bin"}


def test_a_model_that_is_not_here_is_unpacked_and_deleted(elsewhere: ModelFiles, tmp_path: Path) -> None:
    unpacked = UnpackedModel(elsewhere)
    assert unpacked.card.folder.parent == tmp_path
    assert unpacked.card.model_id == Card.load(unpacked.card.folder / "quick-1.onnx").model_id
    unpacked.close()
    assert not list(tmp_path.iterdir())


def test_another_model_of_the_same_path_is_not_used(model: ModelFiles, tmp_path: Path) -> None:
    other = tmp_path / "quick-1.json"
    other.write_text("{}")
    unpacked = UnpackedModel(ModelFiles(str(other), model.files, model.digest))
    assert unpacked.card.folder != tmp_path
    unpacked.close()


def test_a_model_that_was_damaged_on_its_way_is_refused_and_leaves_nothing(
    elsewhere: ModelFiles, tmp_path: Path
) -> None:
    elsewhere.files["quick-1.onnx"] = b"nonsense"
    with pytest.raises(ModelError, match=r"quick-1\.onnx"):
        UnpackedModel(elsewhere)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_actor_left_is_swept_away_later(elsewhere: ModelFiles, tmp_path: Path) -> None:
    old, new = (tmp_path / f"{model_files.PREFIX}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / "x.onnx").touch()
    os.utime(old, (0, time.time() - model_files.STALE_SECONDS - 9))
    UnpackedModel(elsewhere).close()
    assert [path.name for path in tmp_path.iterdir()] == [new.name]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (WorkersError("no worker process can be kept alive: killed"), "no worker process can be kept alive: killed"),
        (ModelError("the model needs ncnn"), "the model needs ncnn"),
    ],
)
def test_rows_that_a_node_can_not_do_are_handed_back_with_the_reason(
    fault: Exception, told: str, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(reference: object) -> object:
        raise fault

    pauses: list[float] = []
    monkeypatch.setattr(ray, "get", fail)
    monkeypatch.setattr(time, "sleep", pauses.append)
    columns = ModelColumns.of_card(Card.load(quick))
    embedding = EmbeddingActor(Job([None], columns, pa.schema([("year", pa.int64())]), Storage()))
    given = pa.table({"id": ["a", "b"], "path": ["a.mp3", "b.mp3"], "heard": [None, None], "year": [1, 2]})
    rows = embedding(given).to_pylist()
    assert [(row["id"], row["status"], row["year"]) for row in rows] == [("a", AGAIN, 1), ("b", AGAIN, 2)]
    assert all(told in row["error"] for row in rows)
    embedding(given)
    assert pauses == [1.0, 2.0]  # a node that fails at once would take the tracks of all others


def test_a_file_that_changes_while_it_is_read_counts_as_it_was_before(
    quick: Path, waltz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = tmp_path / "song.flac"
    song.write_bytes(waltz.read_bytes())
    before = song.stat().st_size
    files = ModelFiles.of(Card.load(quick))
    monkeypatch.setattr(ray, "get", lambda reference: files)
    columns = ModelColumns.of_card(Card.load(quick))
    embedding = EmbeddingActor(Job([None], columns, pa.schema([]), Storage(), embed=growing))
    given = pa.table({"id": ["a"], "path": [str(song)], "heard": pa.array([None], pa.string())})
    (row,) = embedding(given).to_pylist()
    embedding.close()
    assert song.stat().st_size > before
    assert row["heard"].startswith(f"size:{before} ")


def growing(path: str) -> object:
    """Embeds a file that another program appends to."""
    from musrec_core.workers.pool import embed_in_worker

    with open(path, "ab") as file:
        file.write(bytes(10))
    return embed_in_worker(path)
