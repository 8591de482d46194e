"""What players read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from musrec_core.playlist import Entry, encode, one_line, write


def test_extended_m3u() -> None:
    text = encode([Entry(b"/m/a.mp3", "Björk - Jóga", 305.4), Entry(b"/m/\xff.ogg", "?", None)])
    assert text == "#EXTM3U\n#EXTINF:305,Björk - Jóga\n/m/a.mp3\n#EXTINF:-1,?\n/m/".encode() + b"\xff.ogg\n"


def test_relative_paths() -> None:
    entries = [Entry(b"/music/a/b.mp3", "b"), Entry(b"/music/#1 hits/c.mp3", "c"), Entry(b"/else/d.mp3", "d")]
    lines = encode(entries, relative_to=b"/music").splitlines()[2::2]
    assert lines == [b"a/b.mp3", b"./#1 hits/c.mp3", b"../else/d.mp3"]


@pytest.mark.parametrize("evil", ["a\n/etc/passwd", "a\r\n#EXTINF:1,x", "a\u2028b", "a\x1b[31mb", "a\x00b", "a\x85b"])
def test_a_title_can_not_inject_a_line(evil: str) -> None:
    text = encode([Entry(b"/m/a.mp3", evil)]).decode()
    assert len(text.splitlines()) == 3
    assert "\x1b" not in text
    assert one_line(evil).startswith("a")


@pytest.mark.parametrize("path", [b"/m/a\nb.mp3", b"/m/a\rb.mp3"])
def test_a_path_with_a_line_break_is_refused(path: bytes) -> None:
    with pytest.raises(ValueError, match="line break"):
        encode([Entry(path, "x")])


def test_a_lone_surrogate_in_a_title_does_not_stop_it() -> None:
    assert encode([Entry(b"/a", "x\udcff")]).endswith(b"#EXTINF:-1,x?\n/a\n")


def test_writing_makes_folders_and_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.m3u8"
    write(path, [Entry(b"/a", "a")])
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    write(path, [Entry(b"/b", "b")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.read_bytes().endswith(b"/b\n")


def test_a_failure_leaves_the_old_playlist_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.m3u8"
    write(path, [Entry(b"/old", "old")])

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, [Entry(b"/new", "new")])
    assert b"/old" in path.read_bytes()
    assert os.listdir(tmp_path) == ["list.m3u8"]
