"""Playlists as other programs write them, and files that are none."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from musrec_core.errors import PlaylistError
from musrec_core.playlist.m3u import read
from musrec_core.playlist.reading import MAX_BYTES, Locator

NAME = "Sigur Rós/Ágætis byrjun/Svefn-g-englar – 7ö.mp3"


def form(name: str, text: str) -> str:
    return unicodedata.normalize(name, text)  # type: ignore[arg-type]


@pytest.fixture(params=["NFC", "NFD"])
def song(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file whose path is in one Unicode form."""
    path = tmp_path / form(request.param, NAME)
    path.parent.mkdir(parents=True)
    path.touch()
    return path


@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_the_unicode_form_of_a_name_does_not_matter(song: Path, written: str, tmp_path: Path) -> None:
    folders, _, file = NAME.rpartition("/")
    other = "NFD" if written == "NFC" else "NFC"
    lines = [
        form(written, NAME),
        f"{form(written, folders)}/{form(other, file)}",
        form(written, NAME).replace("/", "\\"),
        "file://" + os.path.join(tmp_path, form(written, NAME)).replace(" ", "%20"),
    ]
    (tmp_path / "list.m3u8").write_text("\n".join(lines), "utf-8")
    assert read(tmp_path / "list.m3u8") == ([bytes(song)] * len(lines), [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "mac_roman"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_encoding_and_the_line_ends_do_not_matter(song: Path, encoding: str, end: str, tmp_path: Path) -> None:
    text = end.join(["#EXTM3U", "#EXTINF:1,x", form("NFC", NAME).replace("/", "\\"), ""])
    (tmp_path / "list.m3u").write_bytes(text.encode(encoding))
    assert read(tmp_path / "list.m3u") == ([bytes(song)], [])


@pytest.mark.parametrize(("encoding", "name"), [("cp1251", "Кино.mp3"), ("cp932", "さくら.mp3"), ("gbk", "月亮.mp3")])
def test_eight_bit_names_of_other_countries(encoding: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    (tmp_path / "list.m3u").write_bytes(name.encode(encoding) + b"\r\n")
    assert read(tmp_path / "list.m3u")[0] == [bytes(tmp_path / name)]


def test_other_playlists_and_web_addresses_are_no_sound_files(tmp_path: Path) -> None:
    (tmp_path / "list.m3u").write_bytes(b"list.m3u\nother.M3U8\nhttp://radio/x\na.mp3\n")
    assert read(tmp_path / "list.m3u") == (
        [bytes(tmp_path / "a.mp3")],
        [b"list.m3u", b"other.M3U8", b"http://radio/x"],
    )


def test_a_line_of_a_megabyte_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    line = "ö".encode() * (1 << 19)
    assert Locator([bytes(tmp_path)]).find(line) == bytes(tmp_path) + b"/" + line


def test_a_folder_is_listed_once_for_all_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []

    def listdir(folder: bytes) -> list[bytes]:
        listed.append(folder)
        return []

    monkeypatch.setattr(os, "listdir", listdir)
    locator = Locator([bytes(tmp_path)])
    for n in range(50):
        assert locator.find(f"ö{n}.mp3".encode()) == bytes(tmp_path) + f"/ö{n}.mp3".encode()
    assert len(listed) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"ID3\x04\x00\x00\x00\x00\x00\x00\xff\xfb\x90",
        b"[playlist]\nFile1=a.mp3\n",
        b'\xef\xbb\xbf<?xml version="1.0"?><playlist/>',
        b"#EXTM3U\na.mp3\n\0",
        bytes(range(1, 256)) * 3,
    ],
    ids=["mp3", "pls", "xspf", "nul", "binary"],
)
def test_what_is_no_m3u_playlist_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(PlaylistError, match=r"song\.mp3 is not an M3U playlist"):
        read(path)


def test_folders_pipes_and_what_is_too_large_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlaylistError, match="is a folder"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PlaylistError, match="is not a regular file"):
        read(tmp_path / "pipe")
    with pytest.raises(PlaylistError, match="is not a regular file"):
        read("/dev/zero")
    with (tmp_path / "large.m3u").open("wb") as file:
        file.write(b"a\n" * (MAX_BYTES // 2 + 1))
    with pytest.raises(PlaylistError, match="too large"):
        read(tmp_path / "large.m3u")
