"""A worker process from the parent's side: a Python interpreter of its own, and two pipes.

It needs no temporary folder, no shared memory and no working directory, and imports nothing from the last. So it is no
`multiprocessing.Process`: that one's helpers look for modules in the working directory, where the music may lie.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any, BinaryIO, cast

from .child import Setup, receive, send

# `-c` puts the working directory first: it goes before anything is imported.
BOOT = (
    "import sys; given = sys.argv[1:]; "
    "sys.path[:] = given + [entry for entry in sys.path if entry and entry not in given]; "
    "from musrec_core.workers.child import main; main()"
)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
FLAGS = {
    "isolated": "-I", "ignore_environment": "-E", "no_user_site": "-s", "no_site": "-S", "dont_write_bytecode": "-B"
}  # fmt: skip
SPARE_FILES = 16  # that the parent can still open beside its workers' pipes, for the library and more
KILL_TIMEOUT = 1.0  # seconds: a killed process ends at once, unless it waits for a disk that does not answer

Messages = SimpleQueue[tuple["WorkerProcess | None", "bytes | None"]]


class WorkerProcess:
    """One running worker.

    Parameters
    ----------
    setup : Setup
        What it is to do.
    modules : iterable of str
        The packages that it has to find, wherever the parent found them.
    messages : SimpleQueue
        Where what it says is put, still pickled, and at its end None.

    Raises
    ------
    OSError
        No process, no thread or too few file handles are left.
    """

    def __init__(self, setup: Setup, modules: Iterable[str], messages: Messages) -> None:
        _need_spare_files()
        python = sys.executable or ""  # none where Python is part of another program
        with _without_interrupts():
            self._process = subprocess.Popen(
                [python, *_flags(), "-c", BOOT, *search_path(modules)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=_environment(),
                cwd=os.path.dirname(python)
                if sys.platform == "win32"
                else "/",  # any that is there and nobody drops music in
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._commands = cast("BinaryIO", self._process.stdin)
        self._results = cast("BinaryIO", self._process.stdout)
        try:
            threading.Thread(target=self._listen, args=(messages,), daemon=True).start()
        except RuntimeError as error:
            self.end()
            raise OSError(errno.EAGAIN, str(error)) from None
        self._send(setup)

    def hand(self, path: str | bytes | os.PathLike[Any]) -> None:
        """Queue a path."""
        self._send(os.fsencode(path))

    def _send(self, message: object) -> None:
        with contextlib.suppress(OSError):  # it has ended, as the listener will say
            send(self._commands, message)

    def _listen(self, messages: Messages) -> None:
        with self._results as results, contextlib.suppress(EOFError, OSError):
            while True:
                messages.put((self, receive(results)))
        messages.put((self, None))

    def end(self) -> int | None:
        """Kill it, and give its exit status; None where not even that ends it."""
        self._process.kill()
        with contextlib.suppress(OSError):  # what it has not read yet
            self._commands.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(KILL_TIMEOUT)
        return None


def search_path(modules: Iterable[str]) -> list[str]:
    """The parent's `sys.path` without the working directory, unless one of ``modules`` was found there."""
    homes = {os.path.realpath(home) for name in modules if (home := _home(name))}
    try:
        here = os.getcwd()
    except OSError:  # it is deleted: there is nothing in it, and nothing is relative to it
        entries = [entry for entry in sys.path if os.path.isabs(entry)]
        by_chance = set()
    else:
        entries = [os.path.join(here, entry) for entry in sys.path]
        named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        by_chance = {os.path.realpath(entry) for entry in ["", *named] if not os.path.isabs(entry)}
    left_out = by_chance - homes
    return [entry for entry in dict.fromkeys(entries) if os.path.realpath(entry) not in left_out]


def _home(name: str) -> str | None:
    """The folder on `sys.path` that contains a loaded module."""
    file = getattr(sys.modules[name], "__file__", None)
    if file is None:
        return None
    levels = name.count(".") + 1 + hasattr(sys.modules[name], "__path__")
    for _ in range(levels):
        file = os.path.dirname(file)
    return file


def _flags() -> list[str]:
    """The options that this Python was started with, as far as they say where modules and names of files come from."""
    flags = [flag for name, flag in FLAGS.items() if getattr(sys.flags, name)]
    return [*flags, "-X", f"utf8={sys.getfilesystemencoding() == 'utf-8':d}"]


def _environment() -> dict[str, str]:
    """The parent's, without what would bring in the working directory, and with one thread for each library."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONINSPECT", "PYTHONPATH")}
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if absolute := [entry for entry in named if os.path.isabs(entry)]:
        environment["PYTHONPATH"] = os.pathsep.join(absolute)
    return environment | dict.fromkeys(ONE_THREAD, "1")


def _need_spare_files() -> None:
    """Raise `OSError` unless this process can open more files than a worker needs."""
    with contextlib.ExitStack() as opened:
        for _ in range(SPARE_FILES):
            opened.enter_context(open(os.devnull, "rb"))


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started here ignore Ctrl-C from the beginning."""
    if sys.platform == "win32":  # a process without a console hears none
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
