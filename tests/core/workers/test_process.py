"""Workers start wherever the program does, import nothing that lies beside the music, and end with the program."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from musrec_core import Card, ModelError, UnusableAudio
from musrec_core.encoder import TrackEmbedding
from musrec_core.errors import WorkersError
from musrec_core.workers import child
from musrec_core.workers.pool import WorkerPool
from musrec_core.workers.process import WorkerProcess, search_path

ROOT = Path(__file__).parents[3]
HERE = __name__


def echo(path: str) -> str:
    return path


def where(_: str) -> str:
    return os.getcwd()


def origin(module: str) -> str:
    return str(importlib.import_module(module).__file__)


def shout(path: str) -> str:
    print("from Python")
    os.write(1, b"from C\n")
    return path


def fail(path: str) -> str:
    raise KeyError(path)


def cannot_travel(_: str) -> Any:
    return threading.Lock()


def work(path: str) -> str:
    """Half a second; what is begun is told."""
    print("begun", path, file=sys.stderr, flush=True)
    time.sleep(0.5)
    return path


def hang(path: str) -> None:
    print(os.getpid(), file=sys.stderr, flush=True)
    time.sleep(600)


def hang_once(path: str) -> str:
    if not Path(path).exists():
        Path(path).touch()
        time.sleep(600)
    return path


def program(code: str, **options: Any) -> subprocess.Popen[str]:
    """A Python that reads its program from standard input, as nobody's worker can do a second time."""
    process = subprocess.Popen(
        [sys.executable, "-"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )
    assert process.stdin is not None
    process.stdin.write(code)
    process.stdin.close()
    process.stdin = None
    return process


def no_process(times: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let that many starts fail as under a limit on processes; returns a list of those that were tried."""
    real, tried = subprocess.Popen, []

    def limited(*arguments: Any, **options: Any) -> Any:
        tried.append("start")
        if len(tried) <= times:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return real(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", limited)
    return tried


def test_no_module_beside_the_music_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_card: Card
) -> None:
    names = ["random", "numpy", "socket", "queue", "av", "multiprocessing", "wave", "musrec_core.audio"]
    for name in [*names, "sitecustomize", "usercustomize", "encodings", "codecs", "musrec_core"]:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), ".", *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", str(ROOT)]))
    with WorkerPool(quick_card, workers=1, job=origin) as pool:
        found = dict(pool.map(names))
    assert all(not str(file).startswith(str(tmp_path)) for file in found.values()), found
    assert not (tmp_path / "ran").exists()


def test_the_search_path_is_the_parents_without_its_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "lib")
    elsewhere = ["/elsewhere/app.pyz", "/elsewhere"]
    by_chance = ["", ".", str(tmp_path), str(tmp_path / "link"), str(tmp_path / "lib")]
    monkeypatch.setattr(sys, "path", [*by_chance, *elsewhere, "/elsewhere"])
    assert search_path([]) == elsewhere
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", ["", "/elsewhere"])  # `python -m training`, in this repository
    assert [Path(entry) for entry in search_path(["musrec_core.workers.child"])] == [ROOT, Path("/elsewhere")]
    assert search_path(["musrec_core"]) == search_path(["musrec_core.workers.child"])


def test_a_package_that_runs_from_the_working_directory_finds_its_own_jobs(tmp_path: Path) -> None:
    """As `python -m training` does in a checkout: the package is installed nowhere."""
    package = tmp_path / "checkout" / "uninstalled"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "job.py").write_text("def job(path):\n    return f'{__name__} {path}'\n")
    (package / "__main__.py").write_text(
        "from musrec_core.workers.pool import WorkerPool\n"
        "from .job import job\n"
        "with WorkerPool(None, workers=1, job=job) as pool:\n"
        "    print(dict(pool.map(['a', 'b'])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "uninstalled"], cwd=package.parent, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout == "{'a': 'uninstalled.job a', 'b': 'uninstalled.job b'}\n", done.stderr


def test_a_working_directory_that_is_deleted(
    waltz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_card: Card
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with WorkerPool(quick_card, workers=1) as pool:
        outcomes = dict(pool.map([str(waltz), "waltz.ogg"]))
    assert isinstance(outcomes[str(waltz)], TrackEmbedding)
    assert outcomes["waltz.ogg"].reason == "missing"


def test_a_working_directory_that_no_worker_can_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: str(tmp_path / "private"))
    with WorkerPool(None, workers=1, job=where) as pool:
        assert [outcome for _, outcome in pool.map(["a"])] != [str(tmp_path / "private")]


def test_relative_paths_start_from_the_working_directory(
    waltz: Path, monkeypatch: pytest.MonkeyPatch, quick_card: Card
) -> None:
    monkeypatch.chdir(waltz.parent)
    with WorkerPool(quick_card, workers=1) as pool:
        assert isinstance(dict(pool.map([waltz.name]))[waltz.name], TrackEmbedding)


def test_what_libraries_print_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with WorkerPool(None, workers=1, job=shout) as pool:
        assert list(pool.map(["a", "b"])) == [("a", "a"), ("b", "b")]
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("from C") == 2


def test_a_name_that_is_no_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    with WorkerPool(None, workers=1, job=echo) as pool:
        assert [outcome for _, outcome in pool.map([b"/a\xff\n\xc3\xa9"])] == [os.fsdecode(b"/a\xff\n\xc3\xa9")]


def test_a_start_that_fails_once_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = no_process(2, monkeypatch)
    told: list[str] = []
    with WorkerPool(None, workers=1, job=echo, warn=told.append) as pool:
        assert list(pool.map(["a", "b", "c"])) == [("a", "a"), ("b", "b"), ("c", "c")]
    assert len(tried) == 3
    assert not told


def test_those_workers_that_start_do_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = WorkerProcess, []

    def only_one(*arguments: Any) -> WorkerProcess:
        tried.append("start")
        if len(tried) > 1:
            raise OSError(24, "Too many open files")
        return real(*arguments)

    monkeypatch.setattr("musrec_core.workers.pool.WorkerProcess", only_one)
    with WorkerPool(None, workers=8, job=echo) as pool:
        assert len(list(pool.map([str(n) for n in range(40)]))) == 40
    assert 1 < len(tried) < 20


@pytest.mark.parametrize("lacking", ["processes", "threads"])
def test_where_no_process_can_start_this_one_does_the_work(
    lacking: str, waltz: Path, monkeypatch: pytest.MonkeyPatch, quick_card: Card
) -> None:
    if lacking == "processes":
        no_process(float("inf"), monkeypatch)
    else:
        monkeypatch.setattr(threading.Thread, "start", _no_thread)
    told: list[str] = []
    with WorkerPool(quick_card, workers=2, warn=told.append) as pool:
        outcomes = dict(pool.map([str(waltz), "/gone.ogg"]))
        assert dict(pool.map(["/gone.ogg"])).keys() == {"/gone.ogg"}
    assert isinstance(outcomes[str(waltz)], TrackEmbedding)
    assert outcomes["/gone.ogg"].reason == "missing"
    (sentence,) = told
    assert sentence.startswith("no worker process can be started (")
    assert "embedded in this process" in sentence


def _no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def dying(how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let every worker end as it starts."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, sys\nif any('{child.__name__}' in argument for argument in sys.orig_argv):\n    {how}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_workers_that_are_killed_as_they_start(
    waltz: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick_card: Card
) -> None:
    """As where memory is short: this process would be killed in their place, and no file is to blame."""
    dying("os.kill(os.getpid(), 9)", monkeypatch, tmp_path)
    with WorkerPool(quick_card, workers=2) as pool, pytest.raises(WorkersError, match="ended with status -9 before"):
        list(pool.map([waltz]))


def test_a_worker_that_lacks_a_library(
    waltz: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick_card: Card
) -> None:
    dying("sys.modules['av'] = None", monkeypatch, tmp_path)
    told: list[str] = []
    with WorkerPool(quick_card, workers=1, warn=told.append) as pool:
        assert isinstance(dict(pool.map([waltz]))[waltz], TrackEmbedding)
    assert "ModuleNotFoundError" in told[0]


def test_a_model_that_is_broken(tmp_path: Path, waltz: Path) -> None:
    card = Card.load()
    for file in card.folder.glob(f"{Path(card.weights).stem}*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / card.weights).write_bytes(b"broken")
    broken = Card.load(tmp_path / card.weights)
    with WorkerPool(broken, workers=1) as pool, pytest.raises(ModelError):
        list(pool.map([waltz]))


def test_an_error_of_the_job_is_raised_here() -> None:
    with WorkerPool(None, workers=1, job=fail) as pool:
        with pytest.raises(KeyError, match="song") as raised:
            list(pool.map(["song"]))
        assert "in fail" in str(raised.value.__cause__)
        with pytest.raises(KeyError, match="another"):  # and the pool can still be used
            list(pool.map(["another"]))
    with WorkerPool(None, workers=1, job=cannot_travel) as pool, pytest.raises(TypeError, match="pickle"):
        list(pool.map(["song"]))


def test_a_job_of_the_program_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "echo", echo, raising=False)
    with pytest.raises(ValueError, match="a module that workers can import"):
        WorkerPool(None, job=echo)


def test_a_timeout_is_tried_once_more(tmp_path: Path) -> None:
    with WorkerPool(None, workers=1, timeout=2, job=hang_once) as pool:
        assert dict(pool.map([str(tmp_path / "slow")])) == {str(tmp_path / "slow"): str(tmp_path / "slow")}
    with WorkerPool(None, workers=1, timeout=2, job=hang) as pool:
        ((_, outcome),) = pool.map(["a"])
    assert isinstance(outcome, UnusableAudio)
    assert outcome.reason == "timeout"


@pytest.mark.skipif(sys.platform == "win32", reason="no signal stops a process there")
def test_time_in_which_the_program_was_stopped_does_not_count() -> None:
    code = f"""
from musrec_core.workers.pool import WorkerPool
from {HERE} import work
with WorkerPool(None, workers=1, timeout=3, job=work) as pool:
    for _, outcome in pool.map("abcd"):
        print(outcome, flush=True)
"""
    process = program(code)
    assert process.stdout is not None
    assert process.stdout.readline() == "a\n"
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.killpg(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=300)
    assert out == "b\nc\nd\n"
    assert err.split() == ["begun", "a", "begun", "b", "begun", "c", "begun", "d"]  # each once


def test_a_worker_ends_with_its_parent_even_in_the_middle_of_a_file() -> None:
    code = f"""
from musrec_core.workers.pool import WorkerPool
from {HERE} import hang
list(WorkerPool(None, workers=1, job=hang).map(["a"]))
"""
    process = program(code)
    assert process.stderr is not None
    worker = psutil.Process(int(process.stderr.readline()))
    process.kill()
    process.communicate()
    worker.wait(timeout=300)


def test_a_pool_closed_by_another_thread_ends_its_map() -> None:
    with WorkerPool(None, workers=1, job=hang) as pool:
        threading.Timer(1, pool.close).start()
        assert list(pool.map(["a", "b"])) == []
    with pytest.raises(ValueError, match="closed"):
        list(pool.map(["a"]))


def test_what_a_caller_leaves_is_not_worked_on() -> None:
    with WorkerPool(None, workers=1, job=echo) as pool:
        begun = pool.map(str(n) for n in range(1000))
        assert next(begun) == ("0", "0")
        del begun
        assert list(pool.map(["new"])) == [("new", "new")]


def test_a_pause_before_the_next_start_loses_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller leaves while the second worker waits to be started, and comes again at once."""
    real, tried = WorkerProcess, []

    def first_only(*arguments: Any) -> WorkerProcess:
        tried.append("start")
        if len(tried) > 1:
            raise OSError(11, "Resource temporarily unavailable")
        return real(*arguments)

    monkeypatch.setattr("musrec_core.workers.pool.WorkerProcess", first_only)
    with WorkerPool(None, workers=2, job=echo) as pool:
        next(pool.map(str(n) for n in range(1000)))
        assert len(tried) > 1
        monkeypatch.setattr("musrec_core.workers.pool.WorkerProcess", real)
        assert list(pool.map(["new"])) == [("new", "new")]
