"""What players make of our playlists: two readers in Python always, real players where they are installed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import m3u8
import pytest

from ...programs import needs
from ..conftest import Beet

pytestmark = pytest.mark.slow

ODD = "Ünïcode #1 100% [x] & 'y' \"z\""


@pytest.fixture
def music(own_files: Beet, tmp_path: Path) -> Beet:
    """Songs below folders with names that readers trip over."""
    own_files.configure(paths={"default": f"{ODD}/#$title"}, replace={"$^": "_"})
    own_files("move")
    return own_files


def wanted(beet: Beet, *options: str) -> list[str]:
    """The seed and the songs, as a playlist should name them."""
    seed = beet("ls", "-p", "Harbour Waltz").lines
    return seed + beet("similar", "Harbour Waltz", "-n", "4", "-p", *options).lines


def written(beet: Beet, path: Path) -> Path:
    beet("similar", "Harbour Waltz", "-n", "4", "-m", str(path), "--order", "nearest")
    assert "#MUSREC:" in path.read_text("utf-8")
    return path


@pytest.mark.parametrize("ending", ["m3u", "m3u8"])
def test_the_python_package_m3u8(music: Beet, tmp_path: Path, ending: str) -> None:
    found = m3u8.load(str(written(music, tmp_path / f"list.{ending}")))
    assert [segment.uri for segment in found.segments] == wanted(music)
    assert [segment.duration for segment in found.segments] == [12] * 5
    assert all(" - " in segment.title for segment in found.segments)


def test_beets_own_reader(music: Beet, tmp_path: Path) -> None:
    music.configure(plugins="musrec playlist", musrec={"playlist": {"relative_to": str(music.directory)}},
                    playlist={"relative_to": "library", "playlist_dir": str(tmp_path)})  # fmt: skip
    written(music, tmp_path / "list.m3u")
    said = music("-vv", "ls", "-p", "playlist:list")
    assert all(repr(os.fsencode(file)) in said.err for file in wanted(music))
    assert sorted(said.lines) in (
        [],
        sorted(wanted(music)),
    )  # from 2.10 on it reads the list and finds none: beets #6784


@contextlib.contextmanager
def mpd(music: Path, folder: Path) -> Iterator[list[str]]:
    """A music player daemon over a folder of music; yields the words of a client's command."""
    folder.mkdir(exist_ok=True)
    socket = folder / "socket"
    (folder / "mpd.conf").write_text(
        f'music_directory "{music}"\nplaylist_directory "{folder}"\ndb_file "{folder}/db"\nlog_file "{folder}/log"\n'
        f'bind_to_address "{socket}"\naudio_output {{\n type "null"\n name "null"\n}}\n'
    )
    daemon = subprocess.Popen(["mpd", "--no-daemon", str(folder / "mpd.conf")])
    try:
        while not socket.exists():
            assert daemon.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        subprocess.run(["mpc", "-q", "-h", str(socket), "update", "--wait"], check=True, timeout=300)
        yield ["mpc", "-h", str(socket)]
    finally:
        daemon.terminate()
        daemon.wait(30)


@needs("mpd", "mpc")
@pytest.mark.parametrize("relative", [True, False])
def test_mpd(music: Beet, tmp_path: Path, relative: bool) -> None:
    folder = tmp_path / "lists"
    if relative:
        music.configure(musrec={"playlist": {"relative_to": str(music.directory)}})
    with mpd(music.directory, folder) as mpc:
        written(music, folder / "list.m3u")
        many = folder / "many.m3u"  # more marks than a reader's buffer holds
        marks = b"".join(b"#MUSREC-SONGS:%s\n" % b" ".join([b"0123456789ab.01234567"] * 9) for _ in range(100))
        many.write_bytes((folder / "list.m3u").read_bytes().replace(b"#EXTM3U\n", b"#EXTM3U\n" + marks))
        for name in ("list", "many"):
            subprocess.run([*mpc, "-q", "clear"], check=True, timeout=300)
            subprocess.run([*mpc, "-q", "load", name], check=True, timeout=300)
            said = subprocess.run([*mpc, "playlist", "-f", "%file%"], capture_output=True, check=True, timeout=300)
            files = [str(music.directory / line) for line in said.stdout.decode().splitlines()]
            assert files == wanted(music)
        subprocess.run([*mpc, "-q", "play", "5"], check=True, timeout=300)
        said = subprocess.run([*mpc, "current", "-f", "%file%"], capture_output=True, check=True, timeout=300)
        assert said.stdout.decode().strip() in wanted(music)[-1]


@needs("mpv")
@pytest.mark.parametrize("urlencode", [False, True])
def test_mpv(music: Beet, tmp_path: Path, urlencode: bool) -> None:
    if urlencode:
        music.configure(musrec={"playlist": {"urlencode": True, "prefix": "file://"}})
    path = written(music, tmp_path / "list.m3u8")
    said = subprocess.run(
        ["mpv", "--no-config", "--ao=null", "--vo=null", "--length=0.1", "--term-playing-msg=PLAYS ${path}", str(path)],
        capture_output=True, stdin=subprocess.DEVNULL, check=True, timeout=300,
    )  # fmt: skip
    lines = [line.strip() for line in said.stdout.decode().splitlines()]
    played = [line.removeprefix("PLAYS ") for line in lines if line.startswith("PLAYS ")]
    assert [unquote(file).removeprefix("file://") if urlencode else file for file in played] == wanted(music)


@needs("cvlc")
@pytest.mark.skipif(os.geteuid() == 0, reason="VLC refuses to run as root")
@pytest.mark.parametrize("name", ["list.m3u8", "list.xspf"])
def test_vlc(music: Beet, tmp_path: Path, name: str) -> None:
    music.configure(musrec={"playlist": {"urlencode": True}})  # of a plain path it takes `#` for the end
    path = written(music, tmp_path / name)
    said = subprocess.run(
        ["cvlc", "--no-video", "--aout=dummy", "--run-time=1", "--verbose=2", "--no-color", str(path), "vlc://quit"],
        capture_output=True, stdin=subprocess.DEVNULL, check=True, timeout=300,
    )  # fmt: skip
    opened = [unquote(line) for line in said.stderr.decode().splitlines() if "successfully opened" in line]
    assert all(any(file in line for line in opened) for file in wanted(music)), opened
