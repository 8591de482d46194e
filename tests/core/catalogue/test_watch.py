"""While Ray makes a run wait, or fails, the user is told in a sentence."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="the extra catalogue is not installed")

import ray

from musrec_core.catalogue.cluster.errors import ray_sentence
from musrec_core.catalogue.cluster.nodes import require_nodes
from musrec_core.catalogue.cluster.watch import watched
from musrec_core.catalogue.embedding import actor_watch
from musrec_core.catalogue.embedding.actor_watch import RESTARTS, SAID_AFTER, ActorWatch
from musrec_core.errors import CatalogueError

wakes = pytest.mark.skipif(os.name == "nt", reason="the main thread can't be woken there")


def test_an_error_of_rays_is_its_cause_without_colours_and_stacks() -> None:
    said = (
        "The actor died because of an error raised in its creation task, \x1b[36mray::Map.__init__()\x1b[39m (pid=1)\n"
        "  At least one of the input arguments could not be computed:\n"
        "ray.exceptions.RaySystemError: System error: No module named 'musrec_core'\n"
        'traceback: Traceback (most recent call last):\n  File "a.py", line 3, in <module>\n'
        "ModuleNotFoundError: No module named 'musrec_core'"
    )
    assert ray_sentence(RuntimeError(said)) == "ModuleNotFoundError: No module named 'musrec_core'"
    assert ray_sentence(RuntimeError("It is\n full. Try again.\n\nLogs: x")) == "It is full"
    assert ray_sentence(RuntimeError()) == "RuntimeError"


def test_a_node_that_can_not_import_what_the_job_does_is_told(ray_local: None) -> None:
    require_nodes("ray.data", "musrec_core.catalogue.embedding.actor")
    with pytest.raises(CatalogueError, match=r"^the node [\d.]+ can't work: ModuleNotFoundError: No module named 'no_"):
        require_nodes("no_such_package")


def test_a_node_that_starts_no_process_is_told(ray_local: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "wait", lambda tasks, timeout: ([], tasks))
    with pytest.raises(CatalogueError, match=r"no process has started there within 7 s"):
        require_nodes("json", seconds=7)


@wakes
@pytest.mark.parametrize("before", [signal.default_int_handler, signal.SIG_IGN])
def test_a_watch_ends_what_waits_even_where_ctrl_c_is_ignored(before: Any) -> None:
    handler = signal.signal(signal.SIGINT, before)  # a shell's script ignores it for what it starts with &
    try:
        ended = pytest.raises(CatalogueError, match="enough")
        with ended, watched(lambda: None, 0.01), watched(lambda: "enough", 0.05):
            time.sleep(60)
        ended = pytest.raises(CatalogueError, match="from outside")
        with ended, watched(lambda: "from outside", 0.05), watched(lambda: None, 0.01):
            time.sleep(60)
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, handler)


@wakes
def test_a_look_that_ends_after_the_block_ends_nothing() -> None:
    looking, looked = threading.Event(), threading.Event()

    def late() -> str:
        looking.set()
        looked.wait(60)
        return "too late"

    with watched(late, 0.01):
        assert looking.wait(60)
    looked.set()
    for thread in threading.enumerate():
        if thread.name == "watch":
            thread.join(60)
    time.sleep(0.01)  # a signal would come here


@wakes
def test_ctrl_c_is_still_a_ctrl_c_while_something_watches() -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), watched(lambda: None, 60):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, handler)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A cluster of three CPUs with one actor; what the watch says of it."""
    made = SimpleNamespace(words=[], now=0.0, free=0.0, actor={"State": "PENDING_CREATION", "NumRestarts": 0, "Pid": 0})
    monkeypatch.setattr(actor_watch, "_embedding_actors", lambda: [made.actor])
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": made.all} if made.all else {})
    monkeypatch.setattr(ray, "available_resources", lambda: {"CPU": made.free})
    made.all = 3.0
    made.watch = ActorWatch(made.words.append, 1)
    return made


def test_a_run_that_waits_for_a_cpu_says_so_once(said: SimpleNamespace) -> None:
    assert (said.watch.look(), said.words) == (None, [])
    said.now = SAID_AFTER
    said.actor["Pid"] = 42  # it has a CPU, and only takes long to start
    assert (said.watch.look(), said.words) == (None, [])
    said.actor["Pid"] = 0
    assert (said.watch.look(), said.watch.look()) == (None, None)
    assert said.words == ["waiting for a CPU: other jobs have all 3 of the cluster"]
    said.actor["State"] = "ALIVE"
    said.now = 10_000
    assert (said.watch.look(), len(said.words)) == (None, 1)
    said.actor["State"] = "RESTARTING"  # its node was the only one
    said.all = 0.0
    said.watch.look()
    assert said.words[1:] == ["waiting: the cluster has no CPU"]


def test_actors_that_die_again_and_again_end_the_run_unless_tracks_are_done(said: SimpleNamespace) -> None:
    said.actor["NumRestarts"] = RESTARTS - 1
    assert said.watch.look() is None
    said.watch.done()
    said.actor["NumRestarts"] = RESTARTS
    assert said.watch.look() is None
    said.actor["NumRestarts"] = 2 * RESTARTS
    assert "each ended before any track was done" in said.watch.look()


def test_a_version_of_ray_without_that_private_state_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor_watch, "state", None)
    notes: list[str] = []
    watch = ActorWatch(notes.append, 1)
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)
    assert watch.look() is None
    assert not notes
