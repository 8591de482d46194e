"""A real Supysonic with a folder of music."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

USER, PASSWORD = "alice", "wonder & land: ü"
_CLI = "from supysonic.cli import main; main()"
_SERVE = """
from supysonic.web import create_application
from waitress import create_server
server = create_server(create_application(), host="127.0.0.1", port=0)
print(server.effective_port, flush=True)
server.run()
"""
_CONFIG = """
[base]
database_uri = sqlite:///{folder}/supysonic.db
[webapp]
cache_dir = {folder}/cache
mount_webui = off
[daemon]
socket = {folder}/socket
run_watcher = off
"""


class Supysonic:
    """Supysonic on SQLite in a folder of its own, as its documents say: a user, a folder, a scan, a server."""

    def __init__(self, folder: Path, music: Path) -> None:
        self._environment = {**os.environ, "HOME": str(folder)}
        folder.mkdir(parents=True)
        (folder / ".supysonic").write_text(_CONFIG.format(folder=folder))
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.cli("user", "add", "-p", PASSWORD, USER)
        self.cli("folder", "add", "music", str(music))
        self.scan()

    def cli(self, *arguments: str) -> str:
        """Run `supysonic-cli`."""
        done = subprocess.run(
            [sys.executable, "-c", _CLI, *arguments],
            env=self._environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout

    def scan(self) -> None:
        self.cli("folder", "scan", "--foreground", "music")

    def start(self) -> None:
        """Start the server on a free port."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def stop(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
