"""What players read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from musrec_core.playlist.m3u import Entry, Style, encode, one_line, read, write


def test_extended_m3u() -> None:
    text = encode([Entry(b"/m/a.mp3", "Björk - Jóga", 305.4), Entry(b"/m/\xff.ogg", "?", None)])
    assert text == "#EXTM3U\n#EXTINF:305,Björk - Jóga\n/m/a.mp3\n#EXTINF:-1,?\n/m/".encode() + b"\xff.ogg\n"


def test_relative_paths() -> None:
    entries = [Entry(b"/music/a/b.mp3", "b"), Entry(b"/music/#1 hits/c.mp3", "c"), Entry(b"/else/d.mp3", "d")]
    lines = encode(entries, Style(relative_to=b"/music")).splitlines()[2::2]
    assert lines == [b"a/b.mp3", b"./#1 hits/c.mp3", b"../else/d.mp3"]


ODD = Entry(b"/music/a b\\#1 %20\n\xff.mp3", "odd")


@pytest.mark.parametrize(
    ("style", "line"),
    [
        (Style(urlencode=True), b"/music/a%20b%5C%231%20%2520%0A%FF.mp3"),
        (
            Style(urlencode=True, relative_to=b"/music", prefix=b"http://nas/"),
            b"http://nas/a%20b%5C%231%20%2520%0A%FF.mp3",
        ),
        (Style(urlencode=True, forward_slash=True), b"/music/a%20b/%231%20%2520%0A%FF.mp3"),
    ],
)
def test_locations_as_smartplaylist_writes_them(style: Style, line: bytes) -> None:
    assert encode([ODD], style).splitlines() == [b"#EXTM3U", b"#EXTINF:-1,odd", line]


def test_prefixes_slashes_addresses_and_plain_lists() -> None:
    song = Entry(b"/m/a\\b.mp3", "x", 10.0)
    assert encode([song], Style(prefix=b"smb://nas", extended=False)) == b"smb://nas/m/a\\b.mp3\n"
    assert encode([song], Style(forward_slash=True, extended=False)) == b"/m/a/b.mp3\n"
    served = Entry(b"/m/a\nb.mp3", "x", 10.0, uri="http://nas:8337/item/7/file")
    assert encode([served]) == b"#EXTM3U\n#EXTINF:10,x\nhttp://nas:8337/item/7/file\n"
    assert encode([], Style(extended=False)) == b""


def test_percent_encoded_paths_are_read_again(tmp_path: Path) -> None:
    song = tmp_path / "a #1 100%.mp3"
    song.touch()
    write(tmp_path / "list.m3u8", [Entry(bytes(song), "x")], Style(urlencode=True, relative_to=bytes(tmp_path)))
    assert read(tmp_path / "list.m3u8")[0] == [bytes(song)]


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


def test_reading_what_others_wrote(tmp_path: Path) -> None:
    for name in ("a b.mp3", "100%25.mp3", "c%20d.mp3", "Björk.ogg"):
        (tmp_path / "music" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "music" / name).touch()
    listed = tmp_path / "list.m3u"
    listed.write_bytes(
        b"\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,x\r\nmusic/a b.mp3\r\n\r\nmusic/a%20b.mp3\r\nmusic/100%25.mp3\n"
        + b"music/c%20d.mp3\n"
        + b"music\\a b.mp3\nfile://" + bytes(tmp_path) + b"/music/a%20b.mp3\nfile:///gone.mp3\nhttp://radio/x\n"
        + b"music/Bj\xf6rk.ogg\n  gone too.mp3  \nC:\\x.mp3"
    )  # fmt: skip
    files, streams = read(listed)
    folder = bytes(tmp_path)
    names = [b"a b.mp3", b"a b.mp3", b"100%25.mp3", b"c%20d.mp3", b"a b.mp3", b"a b.mp3"]
    assert files[:6] == [folder + b"/music/" + name for name in names]
    assert files[6:] == [b"/gone.mp3", folder + "/music/Björk.ogg".encode(), folder + b"/gone too.mp3",
                         folder + b"/C:\\x.mp3"]  # fmt: skip
    assert streams == [b"http://radio/x"]


def test_reading_what_we_wrote(tmp_path: Path) -> None:
    paths = [bytes(tmp_path) + name for name in (b"/#1.mp3", b"/a/b%41.mp3", b"/\xff.ogg", b"/ x.mp3")]
    for folder in (None, bytes(tmp_path)):
        write(tmp_path / "list.m3u8", [Entry(path, "x") for path in paths], Style(relative_to=folder))
        assert read(tmp_path / "list.m3u8")[0] == paths
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "list.m3u8", [Entry(paths[0], "x")], Style(relative_to=bytes(tmp_path)))
    (tmp_path / "#1.mp3").touch()
    assert read(tmp_path / "deep" / "list.m3u8", relative_to=bytes(tmp_path))[0] == paths[:1]
