"""What is written when, by whom, and what a run says of itself."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import pyarrow as pa

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue import writer as writer_module
from musrec_core.catalogue.embedding.progress import EmbedReport, Progress
from musrec_core.catalogue.meter import duration
from musrec_core.catalogue.writer import Writer, take_once, writing
from musrec_core.errors import CatalogueError

from .rows import COLUMNS, rows, unit_vectors


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS, pa.schema([("year", pa.int64())]))


def made(names: str, rng: np.random.Generator) -> pa.Table:
    return rows(list(names), unit_vectors(rng, len(names)), {"year": [1] * len(names)})


def test_rows_are_written_together_once_it_is_time(catalogue: Catalogue, rng: np.random.Generator) -> None:
    patient, hasty = Writer(catalogue, seconds=1e6), Writer(catalogue, seconds=0)
    patient.add(made("ab", rng))
    patient.add(made("c", rng))
    assert len(Catalogue.open(catalogue.uri)) == 0
    hasty.add(made("d", rng))
    assert len(Catalogue.open(catalogue.uri)) == 1
    catalogue.refresh()
    version = catalogue.lance.version
    patient.commit()
    assert (len(catalogue), catalogue.lance.version) == (4, version + 1)


def test_the_end_leaves_one_file_and_an_index_of_the_ids(catalogue: Catalogue, rng: np.random.Generator) -> None:
    writer = Writer(catalogue, seconds=0)
    for name in "abcd":
        writer.add(made(name, rng))
    writer.refresh(pa.table({"id": ["a"], "year": [7]}))
    writer.finish()
    there = Catalogue.open(catalogue.uri)
    assert len(there.lance.get_fragments()) == 1
    assert [index.name for index in there.lance.describe_indices()] == ["id_idx"]
    assert there.count("year = 7") == 1
    writer.add(made("ae", rng))
    writer.finish()
    assert len(Catalogue.open(catalogue.uri)) == 5
    assert Catalogue.open(catalogue.uri).count("id = 'e'") == 1


def test_many_commits_do_not_leave_many_files(
    catalogue: Catalogue, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "COMPACT_EVERY", 3)
    writer = Writer(catalogue, seconds=0)
    for name in "abcdefg":
        writer.add(made(name, rng))
    there = Catalogue.open(catalogue.uri)
    assert (len(there.lance.get_fragments()), len(there)) == (2, 7)  # of six commits, and of the seventh


def test_corrected_columns_do_not_leave_many_files_either(
    catalogue: Catalogue, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "COMPACT_EVERY", 4)
    writer = Writer(catalogue, seconds=0)
    for name in "abcd":  # three commits, then two at a time
        writer.add(made(name, rng))
        if name != "a":
            writer.refresh(pa.table({"id": ["a"], "year": [7]}))
    there = Catalogue.open(catalogue.uri)
    assert [index.name for index in there.lance.describe_indices()] == ["id_idx"]
    assert len(there.lance.get_fragments()) < 4


def test_a_retried_batch_counts_once(rng: np.random.Generator) -> None:
    left = set("abc")
    assert take_once(made("ab", rng), left)["id"].to_pylist() == ["a", "b"]
    assert take_once(made("bcx", rng), left)["id"].to_pylist() == ["c"]
    assert not left


def hold(uri: str, ready: object) -> None:
    with writing(uri):
        ready.set()  # type: ignore[attr-defined]
        signal.pause()


def test_a_lock_ends_with_the_process_that_has_it(tmp_path: Path) -> None:
    uri = str(tmp_path / "deep" / "tracks.lance")
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(uri, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(CatalogueError, match="another process is writing"), writing(uri):
        pass
    holder.kill()
    holder.join()
    with writing(uri):
        assert len(list(Path(uri).parent.iterdir())) == 1
    assert not list(Path(uri).parent.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="needs a folder that may not be written")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CatalogueError, match="can't be written"), writing(str(tmp_path / "tracks.lance")):
        pass


def test_a_path_that_leads_through_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogueError, match="can't be written"), writing(str(tmp_path / "file" / "tracks.lance")):
        pass


def test_progress_gives_rate_and_time_left_in_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    progress = Progress(show=True, clock=lambda: now[0])
    now[0] = 5.0  # seconds that Ray took to start
    progress.expect(1000)
    for _ in range(4):
        now[0] += 20
        progress.done({"ok": 90, "missing": 10})
    assert capsys.readouterr().err == "300 of 1000 tracks, 30 failed, 5.0 tracks/s, 2 min 20 s left\n"
    progress.unchanged = 5
    assert str(progress.report()) == "embedded 360, 40 failed (missing 40), 5 unchanged, in 1 min 25 s (4.7 tracks/s)"


def test_a_report_names_what_there_was() -> None:
    assert str(EmbedReport(0, unchanged=12, seconds=0.04)) == "embedded 0, 12 unchanged, in 0.0 s"
    full = EmbedReport(980, {"missing": 10, "unreadable": 5}, 1, 2, 3, 4, 5, 6, seconds=80)
    assert str(full) == (
        "embedded 980, 15 failed (missing 10, unreadable 5), 1 unchanged, 2 with new columns, 3 pruned, "
        "4 not in the manifest, 5 without their file, 6 whose file can't be looked at, in 1 min 20 s (12.4 tracks/s)"
    )
    assert (duration(59.6), duration(3 * 3600 + 299)) == ("1 min 0 s", "3 h 4 min")


def test_a_file_and_a_folder_of_something_else_are_not_written(tmp_path: Path) -> None:
    (tmp_path / "a.lance").touch()
    (tmp_path / "b.lance").mkdir()
    (tmp_path / "b.lance" / "thesis.txt").touch()
    (tmp_path / "c.lance").mkdir()
    for name, why in {"a": "is a file, and no dataset", "b": "is a folder of something else"}.items():
        with pytest.raises(CatalogueError, match=why), writing(str(tmp_path / f"{name}.lance")):
            pass
    with writing(str(tmp_path / "c.lance")):
        pass
