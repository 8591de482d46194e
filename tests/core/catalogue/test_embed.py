"""Embedding a catalogue: whatever a file, a worker, an actor or a user does, each track is there once."""

from __future__ import annotations

import csv
import functools
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")
pytest.importorskip("moto", reason="the extra dev-catalogue is not installed")

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from moto.server import ThreadedMotoServer
from pyarrow import fs

from musrec_core import Encoder
from musrec_core.catalogue import Catalogue
from musrec_core.catalogue import cli as program
from musrec_core.catalogue.embedding import actor
from musrec_core.catalogue.embedding import driver as embedding
from musrec_core.catalogue.embedding import run as embedding_run
from musrec_core.catalogue.embedding.progress import Progress
from musrec_core.catalogue.storage.errors import StorageError
from musrec_core.catalogue.storage.filesystems import s3_options
from musrec_core.catalogue.storage.local_copies import Copy
from musrec_core.catalogue.storage.storage import Storage
from musrec_core.catalogue.writer import writing
from musrec_core.errors import CatalogueError

from .jobs import misbehave
from .servers import file_server

embed = functools.partial(embedding.embed, workers=1)  # one starts sooner than two
pytestmark = pytest.mark.usefixtures("ray_local")
COLUMNS = ["id", "path", "vector", "genre", "genres", "mood", "model", "heard", "status", "error"]


@pytest.fixture
def music(songs: Path, tmp_path: Path) -> Path:
    """A folder with three songs, and three files that are none."""
    folder = tmp_path / "mu'sic 😀"
    folder.mkdir()
    for number, song in enumerate(sorted(songs.rglob("*.*"))[:3]):
        shutil.copy(song, folder / f"{number}{song.suffix}")
    (folder / "empty.flac").touch()
    (folder / "random.mp3").write_bytes(np.random.default_rng(0).bytes(40_000))
    (folder / "cut.ogg").write_bytes(sorted(songs.rglob("*.ogg"))[0].read_bytes()[:2000])
    return folder


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "tracks.lance")


def rows(out: str, names: list[str] = COLUMNS) -> dict[str, dict[str, Any]]:
    found = [row for batch in Catalogue.open(out).batches(names) for row in batch.to_pylist()]
    by_id = {row["id"]: row for row in found}
    assert len(by_id) == len(found)
    return by_id


def statuses(out: str) -> dict[str, str]:
    return {id_: row["status"] for id_, row in rows(out).items()}


def write_csv(path: Path, lines: list[tuple[object, ...]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return path


def test_a_folder_is_embedded_and_brought_up_to_date(
    music: Path, out: str, quick: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["embed", str(music), "--out", out, "--model", str(quick), "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("embedded 3, 3 failed (unreadable 3), in ")
    assert told.splitlines()[-1] == f"which, and why: python -m musrec_core.catalogue failures {out}"
    assert program.main(["failures", out]) == 0
    *listed, last = capsys.readouterr().out.splitlines()
    assert [each.split()[:2] for each in listed] == [
        ["unreadable", id_] for id_ in ("cut.ogg", "empty.flac", "random.mp3")
    ]
    assert last == "3 tracks without an embedding: unreadable 3"
    first = rows(out)
    assert {id_: row["status"] for id_, row in first.items() if row["status"] != "ok"} == {
        "empty.flac": "unreadable",
        "random.mp3": "unreadable",
        "cut.ogg": "unreadable",
    }
    encoder = Encoder.load(quick)
    for id_, row in first.items():
        assert row["model"] == encoder.card.model_id
        if row["status"] == "ok":
            alone = encoder.embed_file(music / id_)
            np.testing.assert_allclose(np.array(row["vector"], np.float32), alone.vector, atol=1e-3)
            assert row["genre"] == next(iter(alone.genres))
            assert row["mood"] == pytest.approx(alone.mood, abs=1e-6)
            assert sum(row["genres"].values()) == pytest.approx(1, abs=1e-4)
            assert row["error"] is None
        else:
            assert row["vector"] is row["genre"] is row["genres"] is row["mood"] is None
            assert row["error"]

    assert embed(music, out, model=quick).unchanged == 6
    whole, *_ = sorted(music.glob("0.*"))
    shutil.copy(whole, music / "cut.ogg")
    shutil.copy(whole, music / "new.mp3")
    (music / "random.mp3").unlink()
    report = embed(music, out, model=quick)
    assert (report.embedded, report.failed, report.unchanged, report.gone) == (2, {}, 4, 1)
    assert embed(music, out, model=quick, prune=True).pruned == 1
    assert set(statuses(out)) == {path.name for path in music.iterdir()}


def test_a_file_that_hangs_or_kills_the_decoder_costs_itself(
    waltz: Path, out: str, quick: Path, tmp_path: Path
) -> None:
    names = ["hang.flac", "kill.flac", "fine 1.flac", "fine 2.flac"]
    for name in names:
        (tmp_path / name).symlink_to(waltz)
    manifest = write_csv(tmp_path / "m.csv", [("id", "path"), *((name, name) for name in names)])
    report = embed(manifest, out, model=quick, timeout=3, job=misbehave)
    assert (report.embedded, report.failed) == (2, {"timeout": 1, "crashed": 1})
    assert rows(out)["kill.flac"]["error"] == "the worker ended with status -9"


def test_further_columns_are_kept_added_and_refreshed_without_embedding_again(
    waltz: Path, out: str, quick: Path, tmp_path: Path
) -> None:
    odd = "it's; DROP \n 007 \u00e9"
    manifest = tmp_path / "m.parquet"
    pq.write_table(pa.table({"id": ["007", odd], "path": [str(waltz)] * 2, "year": [1, 2]}), manifest)
    embed(manifest, out, model=quick)
    pq.write_table(
        pa.table({"id": [odd, "8"], "path": [str(waltz)] * 2, "label": ["x", "y"], "year": [2, 3]}), manifest
    )
    report = embed(manifest, out, model=quick)
    assert (report.embedded, report.refreshed, report.gone) == (1, 1, 1)
    assert {id_: (r["year"], r["label"]) for id_, r in rows(out, ["id", "year", "label"]).items()} == {
        "007": (1, None),
        odd: (2, "x"),
        "8": (3, "y"),
    }
    pq.write_table(pa.table({"id": [odd], "path": [str(waltz)]}), manifest)
    assert embed(manifest, out, model=quick, force=True).embedded == 1
    assert rows(out, ["id", "year"])[odd]["year"] == 2
    pq.write_table(pa.table({"id": ["9"], "path": [str(waltz)], "year": ["unknown"]}), manifest)
    with pytest.raises(CatalogueError, match="year"):
        embed(manifest, out, model=quick)


def test_another_model_takes_over_without_losing_what_can_not_be_embedded_again(
    waltz: Path, out: str, quick: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("stays.flac", "goes.flac"):
        shutil.copy(waltz, tmp_path / name)
    lines = [("id", "path"), ("stays", "stays.flac"), ("goes", "goes.flac")]
    manifest = write_csv(tmp_path / "m.csv", lines)  # type: ignore[arg-type]
    embed(manifest, out, model=quick)
    newer = tmp_path / "model"
    shutil.copytree(quick.parent, newer)
    card = newer / "quick-1.json"
    card.write_text(card.read_text().replace('"name": "quick-1"', '"name": "quick-2"'))
    (tmp_path / "goes.flac").unlink()
    with pytest.raises(CatalogueError, match=r"has 2 tracks of the model quick-1@.* --replace-model embeds them anew"):
        embed(manifest, out, model=newer / quick.name)
    assert Catalogue.open(out).columns.model.startswith("quick-1@")
    report = embed(manifest, out, model=newer / quick.name, replace_model=True, progress=Progress(show=True))
    assert (report.embedded, report.failed) == (1, {"missing": 1})
    assert "is of the model quick-1@" in capsys.readouterr().err
    found = rows(out)
    assert found["stays"]["model"].startswith("quick-2@")
    assert found["goes"]["model"].startswith("quick-1@")
    assert found["goes"]["vector"] is not None


def test_what_can_not_be_begun_leaves_no_dataset(
    music: Path, out: str, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise CatalogueError("no Ray cluster answers")

    monkeypatch.setattr(embedding_run, "ray_session", nowhere)
    (tmp_path / "silence").mkdir()
    for source, why in ((music, "no Ray cluster answers"), (tmp_path / "silence", "holds no track")):
        with pytest.raises(CatalogueError, match=why):
            embed(source, out, model=quick)
        assert not Path(out).exists()


def test_a_second_driver_is_told(music: Path, out: str, quick: Path) -> None:
    with writing(out), pytest.raises(CatalogueError, match=f"another process is writing {out}"):
        embed(music, out, model=quick)
    assert not Path(out).exists()


class DeadlyStorage(Storage):
    """Kills the actor, as a bug in a library of its own would."""

    def fetch(self, path: str) -> Copy:
        if Path(path).name.startswith("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fetch(path)


def test_a_track_whose_actor_dies_again_and_again_costs_itself(
    waltz: Path,
    out: str,
    quick: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(embedding, "Storage", DeadlyStorage)
    monkeypatch.setattr(embedding_run, "TASK_RETRIES", 1)
    monkeypatch.setattr(embedding_run, "PASSES", (4, 1))
    lines = [("id", "path"), ("a", str(waltz)), ("bad", "poison.flac"), ("b", str(waltz))]
    (tmp_path / "poison.flac").write_bytes(b"poison")
    manifest = write_csv(tmp_path / "m.csv", lines)  # type: ignore[arg-type]
    report = embed(manifest, out, model=quick)
    assert (report.embedded, report.failed) == (2, {"crashed": 1})
    again = embed(manifest, out, model=quick)  # it waits until the file changes
    assert (again.embedded, again.failed, again.unchanged) == (0, {}, 3)
    assert statuses(out) == {"a": "ok", "bad": "crashed", "b": "ok"}
    assert ray.is_initialized()
    assert capfd.readouterr() == ("", "")  # Ray would tell of each actor's end on standard output


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where copies of files from elsewhere lie: none is left."""
    folder = tmp_path / "copies"
    folder.mkdir()
    made: list[Storage] = []

    def storage(options: Mapping[str, str] | None) -> Storage:
        made.append(Storage(options, folder=str(folder)))
        return made[-1]

    monkeypatch.setattr(embedding, "Storage", storage)
    yield folder
    assert made
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("copies")
def test_files_and_manifests_by_http_are_embedded(waltz: Path, out: str, quick: Path) -> None:
    with file_server() as web:
        web.files["/songs/w%C3%A4ltz%201.flac"] = waltz.read_bytes()
        lines = ["id,path", "1,songs/w%C3%A4ltz%201.flac", f"2,{web.url}/gone.mp3", f"3,{web.url}/denied.mp3"]
        web.files["/m.csv"] = "\n".join(lines).encode()
        report = embed(f"{web.url}/m.csv", out, model=quick)
        assert (report.embedded, report.failed) == (1, {"missing": 1, "storage": 1})
        assert rows(out)["1"]["heard"].endswith("etag:tag-1")
        report = embed(f"{web.url}/m.csv", out, model=quick)  # what could not be fetched is tried again
        assert (report.embedded, report.failed, report.unchanged) == (0, {"storage": 1}, 2)
    assert {id_: (row["status"], row["error"]) for id_, row in rows(out).items()} == {
        "1": ("ok", None),
        "2": ("missing", "HTTP 404 Not Found"),
        "3": ("storage", "HTTP 403 Forbidden"),
    }


@pytest.mark.usefixtures("copies")
def test_files_manifest_and_dataset_on_object_storage(waltz: Path, quick: Path, tmp_path: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "aws_endpoint": f"http://{host}:{port}",
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "aws_region": "us-east-1",
        "allow_http": "true",
    }
    try:
        files = fs.S3FileSystem(**s3_options(options), allow_bucket_creation=True)
        files.create_dir("music")
        for name, content in {"a b.flac": waltz.read_bytes(), "m.csv": b"id,path\n1,a b.flac\n2,gone.mp3\n"}.items():
            with files.open_output_stream(f"music/{name}") as target:
                target.write(content)
        run = functools.partial(
            embed, "s3://music/m.csv", "s3://music/tracks.lance", model=quick, storage_options=options
        )
        report = run()
        assert (report.embedded, report.failed) == (1, {"missing": 1})
        catalogue = Catalogue.open("s3://music/tracks.lance", storage_options=options)
        assert catalogue.count("vector IS NOT NULL AND path = 's3://music/a b.flac'") == 1
        assert run().unchanged == 2
    finally:
        server.stop()


def test_a_bug_in_an_actor_shows_its_traceback(
    waltz: Path, out: str, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "Storage", BuggyStorage)
    manifest = write_csv(tmp_path / "m.csv", [("id", "path"), ("a", str(waltz))])
    with pytest.raises(RuntimeError, match=r"(?s)an actor failed:.*ZeroDivisionError: on purpose"):
        embed(manifest, out, model=quick)
    assert len(Catalogue.open(out)) == 0


def test_where_no_node_can_embed_the_run_ends_with_the_reason(
    waltz: Path, out: str, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "Storage", FullDisk)
    monkeypatch.setattr(embedding_run, "PASSES", (1,))
    manifest = write_csv(tmp_path / "m.csv", [("id", "path"), *((n, waltz) for n in range(3))])
    with pytest.raises(CatalogueError, match=r"^3 tracks can't be embedded here: OSError: .*No space left"):
        embed(manifest, out, model=quick)
    monkeypatch.setattr(embedding_run, "VAIN_BATCHES", 1)
    with pytest.raises(CatalogueError, match=r"^no track can be embedded here: OSError: .*No space left"):
        embed(manifest, out, model=quick)
    assert len(Catalogue.open(out)) == 0


class FullDisk(Storage):
    def fetch_ahead(self, paths: Iterable[str], **_: object) -> Iterator[Copy | StorageError]:
        actor.FIRST_PAUSE = 0.0
        raise OSError(28, "No space left on device")


class BuggyStorage(Storage):
    def fetch(self, path: str) -> Copy:
        raise ZeroDivisionError("on purpose")


def interrupting(number: signal.Signals, after: int) -> Callable[[Progress, Mapping[str, int]], None]:
    """`Progress.done` that sends this process a signal once so many tracks are done."""
    original = Progress.done

    def done(self: Progress, statuses: Mapping[str, int]) -> None:
        original(self, statuses)
        if self.embedded >= after:
            os.kill(os.getpid(), number)

    return done


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_after_a_commit(
    number: signal.Signals,
    status: int,
    waltz: Path,
    out: str,
    quick: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(embedding_run, "PASSES", (2, 1))
    manifest = write_csv(tmp_path / "m.csv", [("id", "path"), *((n, waltz) for n in range(40))])
    words = ["embed", str(manifest), "--out", out, "--model", str(quick), "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "done", interrupting(number, 4))
        with pytest.raises(SystemExit) as ended:
            program.main(words)
    assert ended.value.code == status
    assert "the same command goes on from here" in capsys.readouterr().err
    there = len(Catalogue.open(out))
    assert 2 <= there < 40
    if number == signal.SIGTERM:
        assert program.main([*words, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["embedded"], told["unchanged"]) == (40 - there, there)
        assert len(rows(out)) == 40


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nothing.csv"], "there is no nothing.csv"),
        (["{music}", "--out", "tracks.db"], "has to end in .lance"),
        (["{music}", "--model", "nothing.onnx"], "no model card nothing.json"),
    ],
)
def test_what_a_user_got_wrong_is_one_sentence(
    words: list[str],
    sentence: str,
    music: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [word.format(music=music) for word in words]
    assert program.main(["embed", "--out", "tracks.lance", *given]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert sentence in told
