"""Workers for forks of `beet` (`beet_server`), forked as well: a hundredth of a second in place of a quarter.

The server, which has one thread, forks them on request; `beet`, which has several, could hang in a fork of its own.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NoReturn

from musrec_core.workers import process

STATUS = struct.Struct("i")
MOST = 1 << 20  # bytes of a request


class Fork:
    """A worker as `beet` sees it: what `musrec_core.workers.process` uses of `subprocess.Popen`."""

    def __init__(self, server: socket.socket, lock: threading.Lock, arguments: list[str], **options: Any) -> None:
        given = arguments[arguments.index(process.BOOT) + 1 :]
        to_worker, commands = os.pipe()
        results, from_worker = os.pipe()
        self._status, told = os.pipe()
        theirs = [to_worker, from_worker, 2, told]
        with lock:
            socket.send_fds(server, [pickle.dumps((given, options["env"], options["cwd"]))], theirs)
            (self.pid,) = STATUS.unpack(server.recv(STATUS.size))
        for descriptor in (to_worker, from_worker, told):
            os.close(descriptor)
        self.stdin, self.stdout = os.fdopen(commands, "wb"), os.fdopen(results, "rb")
        self.returncode: int | None = None

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status; raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a worker", timeout or 0)
            (self.returncode,) = STATUS.unpack(os.read(self._status, STATUS.size))
            os.close(self._status)
        return self.returncode


def use_forks(server: socket.socket) -> None:
    """In a fork of `beet`: let workers be forked by the server at the other end."""
    popen = partial(Fork, server, threading.Lock())
    forking = SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE, TimeoutExpired=subprocess.TimeoutExpired)
    setattr(process, "subprocess", forking)  # noqa: B010 - mypy knows no such name


class Forker:
    """The server's side: waits for forks of `beet`, and forks workers for them."""

    def __init__(self) -> None:
        self._woken, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._told: dict[int, int] = {}  # a worker's process id -> where its exit status is to be written

    @staticmethod
    def leave() -> None:
        """In a fork: wait for nobody."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def attend(self, beet: int, requests: socket.socket) -> int:
        """Fork workers until a process has ended; gives its status, as `os.waitpid` does."""
        asks = requests.fileno()
        waited_for = [self._woken, asks]
        while True:
            ready, _, _ = select.select(waited_for, [], [])
            if self._woken in ready:
                os.read(self._woken, MOST)
                if (status := self._reap().get(beet)) is not None:
                    return status
            if asks in ready and not self._answer(requests):
                waited_for = [self._woken]

    def _reap(self) -> dict[int, int]:
        """The processes that have ended -> their statuses; a worker's is told to its `beet`."""
        ended: dict[int, int] = {}
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                ended[pid] = status
                if (told := self._told.pop(pid, None)) is not None:
                    with contextlib.suppress(BrokenPipeError):  # its `beet` has ended, too
                        os.write(told, STATUS.pack(os.waitstatus_to_exitcode(status)))
                    os.close(told)
        return ended

    def _answer(self, requests: socket.socket) -> bool:
        """Fork one worker; False where there will be no more requests."""
        try:
            request, descriptors, _, _ = socket.recv_fds(requests, MOST, 4)
        except ConnectionResetError:
            return False
        if not request:
            return False
        for module in ("av", "ncnn"):  # what a worker imports
            with contextlib.suppress(ImportError):
                import_module(module)
        if (worker := os.fork()) == 0:
            self.leave()
            given, environment, cwd = pickle.loads(request)
            _become_worker(given, environment, cwd, descriptors)
        self._told[worker] = descriptors[3]
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        requests.send(STATUS.pack(worker))
        return True


def _become_worker(given: list[str], environment: dict[str, str], cwd: str, descriptors: list[int]) -> NoReturn:
    try:
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
        os.closerange(3, max(descriptors) + 1)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(cwd)
        sys.argv = ["-c", *given]
        exec(process.BOOT, {})
    except BaseException:
        sys.excepthook(*sys.exc_info())
    os._exit(1)
