"""Files wherever they lie: what goes wrong costs its row only, and what is wrong with all is told at once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import fsspec

from musrec_core.catalogue.storage.errors import StorageError
from musrec_core.catalogue.storage.file_state import FileState
from musrec_core.catalogue.storage.filesystems import open_filesystem, place_of, s3_options, shown
from musrec_core.catalogue.storage.local_copies import Copy, Limits
from musrec_core.catalogue.storage.storage import Storage
from musrec_core.errors import CatalogueError

from .servers import FileServer, fetched, file_server, made_up_s3, silent_server

QUICK = Limits(connect_seconds=1, read_seconds=1, total_seconds=5, attempts=2, pause=0.01, spare_bytes=0)
MODIFIED = datetime(2026, 11, 26, 10, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def web() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with made_up_s3({name: name.encode() for name in ("a b/sóng?1#%20.mp3", "two.flac")}) as options:
        yield options


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    (tmp_path / "copies").mkdir()
    with Storage(limits=QUICK, folder=str(tmp_path / "copies")) as made:
        yield made


def failure(storage: Storage, path: str) -> StorageError:
    with pytest.raises(StorageError) as caught:
        storage.fetch(path)
    assert "\n" not in str(caught.value)
    return caught.value


def content(storage: Storage, path: str) -> bytes:
    with fetched(storage, path) as copy:
        return Path(copy.local).read_bytes()


def test_a_local_file_is_opened_where_it_lies_whatever_its_name(storage: Storage, tmp_path: Path) -> None:
    for name in ("a b.mp3", "line\nfeed.mp3", "'\"; DROP.mp3", "😀%41.mp3"):
        file = tmp_path / name
        file.write_bytes(b"12345")
        with fetched(storage, str(file)) as copy:
            assert (copy.local, copy.state.size, copy.temporary) == (str(file), 5, False)
        assert file.exists()
    with fetched(storage, f"file://{tmp_path}/a%20b.mp3") as copy:
        assert Path(copy.local).read_bytes() == b"12345"


def test_a_name_that_is_no_utf8_is_reached_by_its_file_url(storage: Storage, tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp3")).write_bytes(b"12345")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert content(storage, f"file://{tmp_path}/caf%E9.mp3") == b"12345"


def test_what_is_no_local_file_is_told(storage: Storage, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp3"
    if hasattr(os, "mkfifo"):
        os.mkfifo(pipe)
        assert failure(storage, str(pipe)).status == "unreadable"
    (tmp_path / "self.mp3").symlink_to(tmp_path / "self.mp3")
    for path in ("gone.mp3", "self.mp3", "nul\0.mp3", "x" * 300, "."):
        assert failure(storage, f"{tmp_path}/{path}").status == "missing", path


def test_http_files_are_copied_and_the_copies_deleted(storage: Storage, web: FileServer, tmp_path: Path) -> None:
    web.files["/a%20b.mp3?sig=x%2Fy&v=1"] = b"signed"
    state = FileState(5, MODIFIED, "tag-1")
    with fetched(storage, f"{web.url}/song.mp3") as copy:
        assert (Path(copy.local).read_bytes(), copy.state) == (b"music", state)
        assert copy.local.endswith(".mp3")
    assert not os.path.exists(copy.local)
    assert storage.state(f"{web.url}/song.mp3") == state
    assert content(storage, f"{web.url}/moved.mp3") == b"music"
    assert content(storage, f"{web.url}/a%20b.mp3?sig=x%2Fy&v=1") == b"signed"
    assert not list(tmp_path.glob("copies/*/*"))


def test_a_server_that_refuses_head_still_tells_the_state(storage: Storage, web: FileServer) -> None:
    web.files["/signed.mp3"] = b"123456789"
    assert storage.state(f"{web.url}/signed.mp3").size == 9


@pytest.mark.parametrize(
    ("path", "status", "tries", "detail"),
    [
        ("/gone.mp3", "missing", 1, "HTTP 404"),
        ("/status/410", "missing", 1, "HTTP 410"),
        ("/status/403", "storage", 1, "HTTP 403"),
        ("/status/500", "storage", 2, "HTTP 500"),
        ("/circle", "storage", None, "redirects in a circle"),
        ("/to-disk", "storage", 1, "redirects to what is no address"),
        ("/cut.mp3", "storage", 2, "ended in the middle"),
    ],
)
def test_what_a_server_does_wrong_is_a_rows_status(
    storage: Storage, web: FileServer, tmp_path: Path, path: str, status: str, tries: int | None, detail: str
) -> None:
    before = web.asked[path]
    error = failure(storage, web.url + path)
    assert (error.status, error.path) == (status, web.url + path)
    assert detail in error.detail
    assert tries is None or web.asked[path] - before == tries
    assert not list(tmp_path.glob("copies/*/*"))


def test_a_busy_server_is_asked_again(storage: Storage, web: FileServer) -> None:
    assert content(storage, f"{web.url}/once-busy.mp3") == b"at last"


def test_a_file_without_end_is_too_large(tmp_path: Path, web: FileServer) -> None:
    limits = Limits(attempts=1, spare_bytes=0, max_bytes=1 << 20)
    with Storage(limits=limits, folder=str(tmp_path)) as storage:
        assert failure(storage, f"{web.url}/endless.mp3").status == "unreadable"
        web.files["/long.mp3"] = bytes(2 << 20)
        assert "larger than 1 MiB" in failure(storage, f"{web.url}/long.mp3").detail


def test_a_full_disk_is_told_and_nothing_is_copied(tmp_path: Path, web: FileServer) -> None:
    with Storage(limits=Limits(attempts=1, spare_bytes=1 << 60), folder=str(tmp_path)) as storage:
        error = failure(storage, f"{web.url}/song.mp3")
    assert (error.status, error.detail) == ("storage", "no space left for a copy")


def test_a_server_that_says_nothing_costs_its_row_only(tmp_path: Path) -> None:
    limits = Limits(connect_seconds=0.3, read_seconds=0.3, attempts=1, spare_bytes=0)
    with silent_server() as address, Storage(limits=limits, folder=str(tmp_path)) as storage:
        assert failure(storage, f"http://{address}/x.mp3").detail == "no answer in time"


def test_a_server_that_sends_a_byte_at_a_time_is_given_up(tmp_path: Path, web: FileServer) -> None:
    limits = Limits(total_seconds=0.3, attempts=1, spare_bytes=0)
    with Storage(limits=limits, folder=str(tmp_path)) as storage:
        assert failure(storage, f"{web.url}/trickle.mp3").detail == "no answer in time"


def test_an_s3_that_says_nothing_costs_its_row_only(tmp_path: Path) -> None:
    limits = Limits(connect_seconds=1, read_seconds=1, attempts=1, spare_bytes=0)
    with silent_server() as address:
        options = {"endpoint_override": f"http://{address}", "access_key": "k", "secret_key": "s", "region": "x"}
        with Storage(options, limits, str(tmp_path)) as storage:
            assert failure(storage, "s3://music/x.mp3").status == "storage"


def test_s3_files_are_copied_whatever_their_keys(tmp_path: Path, s3: dict[str, str]) -> None:
    with Storage(s3, QUICK, str(tmp_path)) as storage:
        path = "s3://music/a b/sóng?1#%20.mp3"
        with fetched(storage, path) as copy:
            assert Path(copy.local).read_text() == "a b/sóng?1#%20.mp3"
        found = storage.state(path)
        assert found.size == copy.state.size == len("a b/sóng?1#%20.mp3".encode())
        assert found.is_of(copy.state)
        assert copy.state.etag
        assert failure(storage, "s3://music/none.mp3").status == "missing"
        assert failure(storage, "s3://music/a b").status == "missing"
        assert failure(storage, "s3://music/two.flac\0.mp3").status == "missing"
        assert failure(storage, "s3://music//two.flac").status == "unreadable"
        assert "credentials are not read from URLs" in failure(storage, "s3://me:word@music/two.flac").detail


def test_a_storage_is_pickled_without_its_connections(tmp_path: Path, s3: dict[str, str]) -> None:
    with Storage(s3, QUICK, str(tmp_path)) as storage:
        storage.state("s3://music/two.flac")
        with pickle.loads(pickle.dumps(storage)) as other:
            assert other.state("s3://music/two.flac").size == len("two.flac")


def test_an_unknown_bucket_is_told_at_once(s3: dict[str, str]) -> None:
    with Storage(s3, QUICK) as storage:
        storage.check(["s3://music/none.mp3", "/local/none.mp3"])
        with pytest.raises(CatalogueError, match=r"^s3://nowhere can't be read: the bucket does not exist$"):
            storage.check(["s3://music/two.flac", "s3://nowhere/a.mp3"])


def test_wrong_credentials_are_told_at_once_and_never_shown(web: FileServer) -> None:
    options = {"endpoint_override": web.url, "access_key": "AKIA-KEY", "secret_key": "TOP-SECRET", "region": "x"}
    with Storage(options, QUICK) as storage:
        with pytest.raises(CatalogueError, match=r"^s3://denied can't be read: access denied, by wrong") as caught:
            storage.check([f"s3://denied/{n}.mp3" for n in range(9)])
        assert "SECRET" not in str(caught.value)
        assert len([path for path in web.asked if path.startswith("/denied")]) == 3


def test_an_unreachable_s3_is_told_at_once() -> None:
    options = {"endpoint_override": "http://127.0.0.1:1", "access_key": "k", "secret_key": "s", "region": "x"}
    told = r"^s3://music can't be read: (Failed to|Couldn't) connect to [^\n]+$"
    with Storage(options, QUICK) as storage, pytest.raises(CatalogueError, match=told):
        storage.check(["s3://music/a.mp3"])


def test_one_dead_host_of_several_does_not_end_a_job_and_a_single_one_does(web: FileServer) -> None:
    with Storage(limits=QUICK) as storage:
        dead = "http://127.0.0.1:1/a.mp3"
        storage.check([f"{web.url}/song.mp3", dead])
        with pytest.raises(CatalogueError, match=r"^http://127\.0\.0\.1:1 can't be read: "):
            storage.check([dead])
        storage.check([f"{web.url}/status/403"])  # it answers: others may be had
        with pytest.raises(CatalogueError, match="HTTP 401"):
            storage.check([f"{web.url}/status/401"])
        with pytest.raises(CatalogueError, match=r"^http://nowhere\.invalid can't be read: the host"):
            storage.check(["http://nowhere.invalid/a.mp3"])


def test_local_states_come_in_their_order_however_many_there_are(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12")
    paths = [str(tmp_path / name) for name in ("a", "none", "a")] * 300
    found = [s.size if isinstance(s, FileState) else s.status for s in storage.states(paths)]
    assert found == [2, "missing", 2] * 300


def test_files_are_fetched_ahead_in_their_order_and_no_more_than_asked_for(
    storage: Storage, web: FileServer, tmp_path: Path
) -> None:
    for n in range(12):
        web.files[f"/n{n}.mp3"] = str(n).encode()
    urls = [f"{web.url}/n{n}.mp3" for n in range(12)] + [f"{web.url}/gone.mp3"]
    seen: list[str] = []
    for outcome in storage.fetch_ahead(urls, threads=3):
        assert len(list(tmp_path.glob("copies/*/*"))) <= 4
        if isinstance(outcome, Copy):
            seen.append(Path(outcome.local).read_text())
            outcome.release()
        else:
            seen.append(outcome.status)
    assert seen == [*map(str, range(12)), "missing"]


def test_what_was_fetched_and_not_taken_is_deleted(storage: Storage, web: FileServer, tmp_path: Path) -> None:
    ahead = storage.fetch_ahead([f"{web.url}/song.mp3"] * 6, threads=2)
    first = next(ahead)
    assert isinstance(first, Copy)
    ahead.close()  # type: ignore[attr-defined]
    first.release()
    assert not list(tmp_path.glob("copies/*/*"))


def test_a_place_that_keeps_failing_is_not_tried_again_and_again(storage: Storage, web: FileServer) -> None:
    path = "/status/502"
    for _ in range(5):
        failure(storage, web.url + path)
    before = web.asked[path]
    failure(storage, web.url + path)
    assert web.asked[path] == before + 1
    assert content(storage, f"{web.url}/song.mp3") == b"music"
    failure(storage, web.url + path)
    assert web.asked[path] == before + 3


@pytest.mark.parametrize(
    "path", ["s4://a/b.mp3", "zip://a.zip", "reference://x", "ftp://h/a::file:///b", "gdrive://a/b.mp3"]
)
def test_what_no_package_reads_is_told(storage: Storage, path: str) -> None:
    error = failure(storage, path)
    assert error.status == "storage"
    assert f"{path.partition(':')[0]}://" in error.detail


def test_another_storage_of_fsspec_is_read(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musrec_core.catalogue.storage.filesystems._WRAPPERS", ())
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/songs/x.mp3", b"music")
    assert content(storage, "memory://songs/x.mp3") == b"music"
    assert storage.state("memory://songs/x.mp3").size == 5
    assert failure(storage, "memory://songs/y.mp3").status == "missing"
    memory.rm("/songs", recursive=True)


@pytest.mark.parametrize("path", ["https://[bad/x", "http://127.0.0.1:99999/x", "http://", f"http://{'a' * 300}/x"])
def test_what_is_no_url_is_told(storage: Storage, path: str) -> None:
    assert (failure(storage, path).status, failure(storage, path).detail) == ("missing", "it is no URL")


def test_credentials_of_urls_are_not_shown() -> None:
    assert shown("see https://me:word@host/a?X-Amz-Signature=abc and\nmore") == "see https://host/a?... and more"
    assert place_of("https://me:word@host:8/a") == "https://host:8"
    assert shown("/music/what?.mp3") == "/music/what?.mp3"


def test_options_of_s3_have_lances_names_too_and_unknown_ones_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert s3_options({"aws_endpoint": "http://host:9", "allow_http": "true", "AWS_ACCESS_KEY_ID": "k"}) == {
        "endpoint_override": "host:9", "scheme": "http", "access_key": "k"
    }  # fmt: skip
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://minio.example")
    assert s3_options({}) == {"endpoint_override": "minio.example", "scheme": "https"}
    with pytest.raises(CatalogueError, match="colour is no option of S3"):
        open_filesystem("s3://bucket/a", {"colour": "red"})
