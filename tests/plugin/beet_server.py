"""Runs `beet` in a fork of a process that has loaded beets and the plugin: a tenth of a second in place of a whole one.

Each fork starts from the same clean state; in one process, beets' configuration, listeners and types would leak.
``python -m tests.plugin.beet_server`` reads requests, one line of JSON each, and answers with the exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from .worker_server import Forker, use_forks

ROOT = Path(__file__).parents[2]
TIMEOUT = 300  # seconds
NEEDED = {  # what a command imports that costs a second, where it is installed
    "musicmap": ("sklearn.manifold", "plotly.offline", "matplotlib.figure"),
    "genreguess": ("sklearn.linear_model", "sklearn.model_selection"),
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # threads do not fork


class BeetServer:
    """The client's side: starts the process on first use, and ends with the tests."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: Sequence[str], *, environment: Mapping[str, str], cwd: Path, out: Path, err: Path) -> int:
        """The exit status of a `beet` whose output goes to two files."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.plugin.beet_server"],
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD, "PYTHONIOENCODING": "utf-8"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "cwd": str(cwd),
            "out": str(out),
            "err": str(err),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], TIMEOUT)[0]:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise TimeoutError(f"beet {' '.join(arguments)} took more than {TIMEOUT} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def serve() -> None:
    """Answer requests until there are no more; in a fork, run `beet` and end as it does."""
    forker = Forker()
    _preload()
    _remember_defaults()
    gc.collect()
    gc.freeze()  # a fork's collections then leave these objects alone: to look at them copies their memory
    while line := sys.stdin.readline():
        request = json.loads(line)
        for command in NEEDED.keys() & request["arguments"]:
            for module in NEEDED[command]:
                with contextlib.suppress(ImportError):  # the command says so itself
                    import_module(module)
        requests, for_workers = socket.socketpair()
        with requests, for_workers:
            if (child := os.fork()) == 0:
                forker.leave()
                requests.close()
                use_forks(for_workers)
                _become_beet(request)
            for_workers.close()
            status = forker.attend(child, requests)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _preload() -> None:
    import beets.ui.commands
    import tqdm  # noqa: F401

    import beetsplug.musrec
    import musrec_core

    for package in (beetsplug.musrec, musrec_core, beets.ui.commands):
        for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
            if not module.name.endswith("__main__") and not module.name.startswith("musrec_core.catalogue"):
                import_module(module.name)


def _remember_defaults() -> None:
    """Read beets' own defaults once: to parse them anew takes a third of a short command's time."""
    import beets
    from confuse import yaml_util

    file = str(Path(beets.__file__).absolute().with_name("config_default.yaml"))
    read = yaml_util.load_yaml
    defaults = read(file)

    def load_yaml(filename: str, loader: Any = yaml_util.Loader) -> Any:
        return copy.deepcopy(defaults) if filename == file else read(filename, loader)

    yaml_util.load_yaml = load_yaml


def _become_beet(request: dict[str, Any]) -> NoReturn:
    from beets import config

    for number, (name, mode) in enumerate([(os.devnull, os.O_RDONLY), (request["out"], 0), (request["err"], 0)]):
        opened = os.open(name, mode or (os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one has read ahead
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    config.clear()
    config._materialized = False  # beets 2.7, without a terminal, reads its configuration when it is imported
    sys.argv = ["beet", *request["arguments"]]
    status = _main()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # without taking down every object that the parent shares: that copies its memory, 0.1 s of work


def _main() -> int:
    """Run `beet` as `sys.argv` says; its exit status, as Python would give it."""
    from beets import config
    from beets.ui import main

    if config._materialized:  # beets 2.7 reads the configuration when its commands are imported
        config.clear()
        config.read()
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    serve()
