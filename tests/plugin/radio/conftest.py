"""A real MPD that plays into nothing, and a `beet radio` beside it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mpd
import pytest

from ..conftest import BEET, Beet

PATIENCE = 60.0  # seconds: a busy machine is slow, which is no failure


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Daemon:
    """A music player daemon over a folder of music, at a socket, or with ``port`` at that port."""

    def __init__(self, music: Path, *more: str, port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mpd"))  # a socket's path has to be short
        self.port = port
        self.host = "127.0.0.1" if port else str(self.folder / "socket")
        lines = [
            f'{key} "{value}"'
            for key, value in {
                "music_directory": music, "playlist_directory": self.folder, "db_file": self.folder / "db",
                "state_file": self.folder / "state", "log_file": self.folder / "log", "bind_to_address": self.host,
                "restore_paused": "no", "auto_update": "no", "connection_timeout": 600,
                **({"port": port} if port else {}),
            }.items()
        ]  # fmt: skip
        output = 'audio_output {\n type "null"\n name "null"\n}\n'
        (self.folder / "mpd.conf").write_text("\n".join([*lines, *more, output]))
        self.client = mpd.MPDClient()
        self.client.timeout = PATIENCE
        self.start()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mpd", "--no-daemon", str(self.folder / "mpd.conf")], stderr=subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(OSError):
                self.client.connect(self.host, self.port or None)
                break
            assert self._process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)

    def update(self) -> None:
        """Read the music."""
        self.client.update()
        self.until(lambda: "updating_db" not in self.client.status())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)
        self.client.disconnect()

    def stop(self) -> None:
        """End it as a system does: it keeps its queue."""
        self._process.terminate()
        self._process.wait(30)
        self.client.disconnect()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.client.disconnect()
        self._process.kill()
        self._process.wait(30)
        shutil.rmtree(self.folder)

    def mpc(self, *words: str) -> str:
        """What a user's client does."""
        done = subprocess.run(
            ["mpc", "-h", self.host, *(["-p", str(self.port)] if self.port else []), *words],
            capture_output=True, text=True, check=True, timeout=PATIENCE,
        )  # fmt: skip
        return done.stdout

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so."""
        self.client.idletimeout = PATIENCE
        while not condition():
            self.client.idle()

    @property
    def queue(self) -> list[str]:
        return [song["file"] for song in self.client.playlistinfo()]

    def has(self, count: int) -> None:
        """Wait until the queue holds so many songs."""
        self.until(lambda: len(self.queue) == count)

    @property
    def environment(self) -> dict[str, str]:
        return {"MPD_HOST": self.host, "MPD_PORT": str(self.port or 6600)}


@contextlib.contextmanager
def running_daemon(music: Path) -> Iterator[Daemon]:
    """One for a single test, which knows the songs of a folder."""
    with Daemon(music) as daemon:
        daemon.update()
        yield daemon


class RunningRadio:
    """A `beet radio` that runs until it is ended."""

    def __init__(self, beet: Beet, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [BEET, "radio", *arguments],
            env={**os.environ, "BEETSDIR": str(beet.home), "PYTHONIOENCODING": "utf-8", **environment},
            cwd=beet.home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._coming: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._coming.put(line)

    def says(self, text: str) -> str:
        """Wait for a line that holds some text."""
        while True:
            try:
                line = self._coming.get(timeout=PATIENCE)
            except queue.Empty:
                pytest.fail(f"it does not say {text}: {self.lines}")
            self.lines.append(line)
            if text in line:
                return line

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit status."""
        self._process.send_signal(number)
        status = self._process.wait(PATIENCE)
        while not self._coming.empty():
            self.lines.append(self._coming.get())
        assert not [line for line in self.lines if "Traceback" in line], self.lines
        return status

    def close(self) -> None:
        self._process.kill()
        self._process.wait(30)
        if self._process.stderr:
            self._process.stderr.close()


@pytest.fixture(scope="module")
def shared_daemon(songs: Path) -> Iterator[Daemon]:
    with running_daemon(songs) as daemon:
        yield daemon


@pytest.fixture
def daemon(shared_daemon: Daemon) -> Daemon:
    """One with an empty queue, which knows the ten songs."""
    client = shared_daemon.client
    client.stop()
    client.clear()
    for mode in ("random", "consume", "single", "repeat"):
        getattr(client, mode)(0)
    return shared_daemon


@pytest.fixture
def radio() -> Iterator[Callable[..., RunningRadio]]:
    """Starts a `beet radio` of a library."""
    running: list[RunningRadio] = []

    def start(beet: Beet, daemon: Daemon, *arguments: str) -> RunningRadio:
        running.append(RunningRadio(beet, *arguments, **daemon.environment))
        return running[-1]

    yield start
    for each in running:
        each.close()


def memory(beet: Beet, daemon: Daemon) -> dict[str, Any]:
    """What the radio has kept."""
    stored = json.loads((beet.home / "library.db.musrec-radio").read_text())
    address = f"{daemon.host}:{daemon.port}" if daemon.port else daemon.host
    found: dict[str, Any] = stored["players"][address]
    return found


def heard(beet: Beet, daemon: Daemon, count: int) -> None:
    """Wait until the radio has noted that so many songs began."""
    until = time.monotonic() + PATIENCE
    while len(memory(beet, daemon)["heard"]) < count:
        assert time.monotonic() < until, memory(beet, daemon)
        time.sleep(0.01)
