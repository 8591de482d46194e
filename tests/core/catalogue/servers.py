"""A server of files by HTTP that misbehaves when asked to, and one that never answers."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("moto", reason="the extra dev-catalogue is not installed")

from moto.server import ThreadedMotoServer
from pyarrow import fs

from musrec_core.catalogue.storage.filesystems import s3_options
from musrec_core.catalogue.storage.local_copies import Copy
from musrec_core.catalogue.storage.storage import Storage

MODIFIED = "Thu, 26 Nov 2026 10:00:00 GMT"


@contextmanager
def fetched(storage: Storage, path: str) -> Iterator[Copy]:
    """A file, or a copy of it, for the time of a block."""
    copy = storage.fetch(path)
    try:
        yield copy
    finally:
        copy.release()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_HEAD(self) -> None:
        if self.path.startswith("/signed"):
            return self._answer(403)
        return self.do_GET()

    def do_GET(self) -> None:
        path = self.path
        self.server.asked[path] += 1
        if path in self.server.files:
            return self._answer(200, self.server.files[path], {"ETag": '"tag-1"', "Last-Modified": MODIFIED})
        if path.startswith("/denied"):
            return self._answer(403)
        if path.startswith("/status/"):
            return self._answer(int(path.rpartition("/")[2]))
        if path == "/once-busy.mp3":
            return self._answer(503) if self.server.asked[path] == 1 else self._answer(200, b"at last")
        if path == "/circle":
            return self._answer(302, headers={"Location": "/circle"})
        if path == "/to-disk":
            return self._answer(302, headers={"Location": "file:///etc/hostname"})
        if path == "/moved.mp3":
            return self._answer(301, headers={"Location": "/song.mp3"})
        if path == "/cut.mp3":
            return self._answer(200, b"only half", {"Content-Length": "1000"})
        if path == "/endless.mp3":
            return self._endless(1 << 16)
        if path == "/trickle.mp3":
            return self._endless(1, pause=0.05)
        return self._answer(404)

    def _answer(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _endless(self, size: int, pause: float = 0.0) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while self.command == "GET":
                self.wfile.write(bytes(size))
                time.sleep(pause)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` (path -> content) and counts what it is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {"/song.mp3": b"music"}
        self.asked: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def file_server() -> Iterator[FileServer]:
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def made_up_s3(files: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    """The options of an S3 in this process that has the bucket ``music`` with these files."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"access_key": "k", "secret_key": "s", "region": "us-east-1"}
    options = {"endpoint_override": f"http://{host}:{port}"} | keys
    system = fs.S3FileSystem(**s3_options(options), allow_bucket_creation=True)
    system.create_dir("music")
    for key, content in files.items():
        with system.open_output_stream(f"music/{key}") as target:
            target.write(content)
    try:
        yield options
    finally:
        server.stop()


@contextmanager
def silent_server() -> Iterator[str]:
    """``HOST:PORT`` of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"
