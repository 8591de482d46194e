"""Places that give a program little: few files, little memory, no semaphores, no home, another system's Python."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from musrec_core import Card
from musrec_core.encoder import TrackEmbedding
from musrec_core.workers import child
from musrec_core.workers.pool import WorkerPool, default_workers

from .test_process import HERE, echo, program

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="has no such limits")
EMBED = """
from musrec_core import Card
from musrec_core.workers.pool import WorkerPool
with WorkerPool(Card.load(), workers={workers}, warn=print) as pool:
    for path, outcome in pool.map([{path!r}, {path!r}]):
        print(type(outcome).__name__)
"""


def embedded_under(limit: str, path: Path, workers: int = 1) -> list[str]:
    """What a program prints that limits itself and embeds a file twice."""
    process = program(f"import resource\n{limit}\n{EMBED.format(workers=workers, path=str(path))}")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()


@POSIX_ONLY
def test_sixty_four_open_files(waltz: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"
    assert embedded_under(limit, waltz, workers=8) == ["TrackEmbedding"] * 2


@POSIX_ONLY
def test_too_few_open_files_for_any_worker(waltz: Path) -> None:
    warning, *outcomes = embedded_under("resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))", waltz, workers=2)
    assert warning.startswith("no worker process can be started (Too many open files)")
    assert outcomes == ["TrackEmbedding"] * 2


@pytest.mark.skipif(not getattr(os, "geteuid", int)(), reason="root may start any number, and Windows has no limit")
def test_no_process_and_no_thread_more(waltz: Path) -> None:
    """Once numpy is there, whose OpenBLAS ends a process in which it can't start its threads."""
    limit = "import numpy\nresource.setrlimit(resource.RLIMIT_NPROC, (1, 1))"
    warning, *outcomes = embedded_under(limit, waltz, workers=2)
    assert warning.startswith("no worker process can be started (")
    assert outcomes == ["TrackEmbedding"] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="nobody enforces it elsewhere")
def test_one_core_and_256_megabytes(waltz: Path) -> None:
    """Of data a process; the worker leaves such a limit as it is, and does not raise it to its own."""
    limit = "import os\nresource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))\nos.sched_setaffinity(0, [0])"
    limit = limit.replace("[0]", "list(os.sched_getaffinity(0))[:1]")
    assert embedded_under(limit, waltz) == ["TrackEmbedding"] * 2


def test_neither_semaphores_nor_a_temporary_folder_are_needed(
    waltz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where /dev/shm is missing, or nothing but the music is there to be read."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['_multiprocessing'] = None\n")
    monkeypatch.setitem(sys.modules, "_multiprocessing", None)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in ("TMPDIR", "TMP", "TEMP", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, os.path.join(os.devnull, "none"))
    told: list[str] = []
    with WorkerPool(Card.load(), workers=1, warn=told.append) as pool:
        assert isinstance(dict(pool.map([waltz]))[waltz], TrackEmbedding)
    assert not told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no daemonic process is forked there")
def test_a_daemonic_parent_has_workers_too(waltz: Path) -> None:
    """`multiprocessing` lets none of its daemons have children."""
    code = f"""
import multiprocessing
def run():
{textwrap.indent(EMBED.format(workers=1, path=str(waltz)), "    ")}
process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
process.start()
process.join(60)
"""
    out, err = program(code).communicate(timeout=120)
    assert out.splitlines() == ["TrackEmbedding"] * 2, err


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_any_standard_stream_may_be_closed(closed: tuple[int, ...], tmp_path: Path) -> None:
    code = f"""
import os
for stream in {closed}:
    os.close(stream)
from musrec_core.workers.pool import WorkerPool
from {HERE} import shout
told = []
with WorkerPool(None, workers=2, job=shout, warn=told.append) as pool:
    found = sorted(path for path, _ in pool.map("abc"))
open({str(tmp_path / "found")!r}, "w").write("".join(found + told))
"""
    program(code).communicate(timeout=120)
    assert (tmp_path / "found").read_text() == "abc"


def test_what_a_text_mode_would_change_comes_through_the_pipes() -> None:
    """Line ends and the end-of-file sign of Windows, in names and in pickles as long as they make."""
    names = ["a\r\nb", "\x1a", "\r", "\n" * 13, "x" * 0x0A0D, "日本\u00e9.flac"]
    with WorkerPool(None, workers=1, job=echo) as pool:
        assert [outcome for _, outcome in pool.map(names)] == names


@POSIX_ONLY
def test_a_system_that_is_no_linux(waltz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `resource`, signal masks and affinities, as Python on Windows; in the parent and in the worker."""
    lacking = "sys.modules['resource'] = None\nfor module, name in LACKING: delattr(sys.modules[module], name)"
    names = [("signal", "pthread_sigmask"), ("os", "sched_getaffinity"), ("os", "sched_setaffinity")]
    names = [(module, name) for module, name in names if hasattr(sys.modules[module], name)]
    after = "import atexit, os, signal, sys, musrec_core.workers.child as child\nchild.sys = Windows()"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        f"LACKING = {names}\n{lacking}\n"
        "class Windows:\n"
        "    platform = 'win32'\n"
        "    def __getattr__(self, name): return getattr(sys, name)\n"
        f"if any({child.__name__!r} in argument for argument in sys.orig_argv):\n"
        f"    sys.path.insert(0, {str(Path(child.__file__).parents[2])!r})\n"
        + "".join(f"    {line}\n" for line in after.splitlines())
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "resource", None)
    for module, name in names:
        monkeypatch.delattr(sys.modules[module], name)
    monkeypatch.setattr(sys, "platform", "win32")
    told: list[str] = []
    with WorkerPool(Card.load(), workers=1, warn=told.append) as pool:
        assert isinstance(dict(pool.map([waltz]))[waltz], TrackEmbedding)
    assert not told  # the worker did it


def test_the_memory_limit_is_linuxs_and_never_above_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    for platform in ("win32", "darwin"):
        monkeypatch.setattr(sys, "platform", platform)
        child._limit_memory()
    assert not asked
    monkeypatch.setattr(sys, "platform", "linux")
    if not Path("/proc/self/status").exists():
        return
    for hard in (resource.RLIM_INFINITY, 1 << 28):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (hard, hard))
        child._limit_memory()
    (free, _), (limited, _) = asked
    assert free > child.MAX_FILE_MEMORY
    assert limited == 1 << 28


@pytest.mark.parametrize("status", [None, "Name:\tpython\nVmPeak:\t1 kB\n"])
def test_no_memory_limit_where_proc_does_not_say_what_is_used(
    status: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a chroot or a sandbox."""
    resource = pytest.importorskip("resource")
    asked: list[object] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: asked.append(limits))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(child, "STATUS", tmp_path / "status")
    if status is not None:
        (tmp_path / "status").write_text(status)
    child._limit_memory()
    assert not asked


def test_the_number_of_cores_where_no_affinity_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for cores, workers in ((3, 3), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert default_workers() == workers


@POSIX_ONLY
def test_the_worker_hears_no_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    with WorkerPool(None, workers=1, job=echo) as pool:
        rest = pool.map(["a", "b"])
        next(rest)
        process = pool._slots[0].process
        assert process is not None
        os.kill(process._process.pid, signal.SIGINT)
        assert next(rest) == ("b", "b")
