"""Nothing touches the network: not our code, not the libraries below it, not a playlist that names an address."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Beet

pytestmark = pytest.mark.quick_model

# Runs in every Python process below, the workers included; what was tried goes into a file, in case it is caught.
GUARD = """
import socket
def refuse(name):
    def refused(*arguments, **options):
        with open({log!r}, "a") as log:
            print(name, arguments, file=log)
        raise OSError("no network here")
    return refused
def guarded(name):
    real = getattr(socket.socket, name)
    def call(self, *arguments):
        return (real if self.family == socket.AF_UNIX else refuse(name))(self, *arguments)
    return call
with open({log!r} + ".loaded", "a") as log:
    print("loaded", file=log)
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, guarded(name))
for name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, name, refuse(name))
"""


@pytest.fixture
def guard(tmp_path: Path) -> tuple[str, Path]:
    """The PYTHONPATH that forbids the network, and the file with what tried."""
    log = tmp_path / "tried"
    folder = tmp_path / "guard"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(GUARD.format(log=str(log)))
    return str(folder), log


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of this machine, and what was sent to it."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with contextlib.suppress(OSError):  # closed: the test is over
                while True:
                    caller, _ = server.accept()
                    with caller:
                        caller.settimeout(1)
                        heard.append(caller.recv(1_000))

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard


def test_import_embed_and_similar(songs: Path, tmp_path: Path, guard: tuple[str, Path]) -> None:
    python_path, tried = guard
    folder = tmp_path / "music"
    for song in sorted(songs.rglob("*Waltz*.*")) + sorted(songs.rglob("*Drone*.*")):
        shutil.copytree(song.parent, folder / song.parent.name, dirs_exist_ok=True)
    beet = Beet(tmp_path / "home", folder)
    beet("import", str(folder), PYTHONPATH=python_path)
    beet("embed", "-f", "-j", "2", PYTHONPATH=python_path)
    assert len(beet("similar", "--first", "Waltz", "-n", "2", PYTHONPATH=python_path).lines) == 2
    beet("similar", "--file", str(song), "-m", str(tmp_path / "party"), PYTHONPATH=python_path)
    beet("genreguess", PYTHONPATH=python_path)
    assert (tmp_path / "tried.loaded").read_text().count("loaded") >= 5 + 3  # the commands, and their workers
    assert not tried.exists(), tried.read_text()


def test_a_file_that_names_an_address_opens_none(
    own_files: Beet, guard: tuple[str, Path], listener: tuple[int, list[bytes]]
) -> None:
    """FFmpeg reads lists of addresses, in C where no Python guard is: nobody calls the port that they name."""
    port, heard = listener
    url = f"http://127.0.0.1:{port}/song.ts"
    lists = [
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{url}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{url}'\n",
        f"[playlist]\nFile1={url}\nNumberOfEntries=1\n",
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT10S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" '
        f'bandwidth="1000"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>',
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} TCP 0\n",
    ]
    python_path, tried = guard
    paths = [Path(line) for line in own_files("ls", "-p").lines]
    for path, text in zip(paths, lists, strict=False):
        path.write_text(text)
    own_files.sql("DELETE FROM item_attributes")
    assert own_files("embed", PYTHONPATH=python_path).out == "5 embedded, 5 failed\n"
    assert not tried.exists()
    assert heard == []
    with socket.create_connection(("127.0.0.1", port)) as caller:  # the listener does hear who calls
        caller.sendall(b"hello")
        caller.shutdown(socket.SHUT_WR)
        caller.recv(1)
    assert heard == [b"hello"]
