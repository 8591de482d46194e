"""A Ray session starts quietly, and where none can be had, one sentence says why."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="the extra catalogue is not installed")

import ray

from musrec_core.catalogue.cluster import session
from musrec_core.catalogue.cluster.session import ray_session, session_cpus
from musrec_core.errors import CatalogueError


def test_a_session_that_runs_is_used_and_left_as_it_is(ray_local: None) -> None:
    with ray_session("nowhere:1"):
        assert session_cpus() == 2
    assert ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # Ray's own would end the process without a commit


@pytest.mark.parametrize("address", ["cluster", "host:port", ":6379", "http://host:6379", "host:6379/x"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(CatalogueError, match="is no address of a Ray cluster"):
        session._require_port(address)


def test_a_port_where_nothing_listens_and_an_unknown_host_are_told_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"127.0.0.1:{unused.getsockname()[1]}"
    started = time.monotonic()
    for address in (closed, f"ray://{closed}", "nobody.invalid:6379", "127.0.0.1:99999"):
        with pytest.raises(CatalogueError, match=f"^no Ray cluster answers at {address}: "):
            session._require_port(address)
    assert time.monotonic() - started < 60  # Ray itself takes two minutes for each


def test_a_cluster_of_another_version_and_one_that_is_none_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        error: BaseException = RuntimeError(
            "Version mismatch: The cluster was started with:\n    Ray: 2.50.0\n"
            "This process was started with:\n    Ray: 2.60.0"
        )
        with pytest.raises(
            CatalogueError, match=rf"^the Ray cluster at {address} can't be used: [^\n]*Ray: 2.50.0 This"
        ):
            session._connect(address)
        error = SystemExit(15)  # what Ray raises where no Ray answers
        with pytest.raises(CatalogueError, match=f"^no Ray cluster answers at {address}$"):
            session._connect(address)


@pytest.mark.skipif(os.name == "nt", reason="the main thread can't be woken there")
def test_a_head_node_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = f"127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address=gone))
    monkeypatch.setattr(session, "LOOK_SECONDS", 0.1)
    lost = pytest.raises(CatalogueError, match="head node of the Ray cluster at HEAD:6379 is lost")
    with lost, session._head_watched("HEAD:6379"):
        time.sleep(60)


def test_too_little_shared_memory_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(session, "LEAST_OBJECT_STORE", 1 << 60)
    with pytest.raises(CatalogueError, match=r"Ray needs .* MB of shared memory, and .* has"):
        session._object_store()


def test_what_ray_prints_is_logged_and_a_version_that_prints_otherwise_may(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = ray._private.worker
    printing = worker.print_to_stdstream
    with caplog.at_level("INFO", session.__name__), session._prints_logged():
        worker.print_to_stdstream({"lines": ["a node died"]}, False)
    assert caplog.messages == ["a node died"]
    assert worker.print_to_stdstream is printing
    monkeypatch.delattr(worker, "print_to_stdstream")
    with session._prints_logged():
        assert not hasattr(worker, "print_to_stdstream")
