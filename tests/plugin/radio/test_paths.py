"""What MPD calls the files of a library, and the other way round."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from beets.library import Item, Library

from beetsplug.musrec.library import sql
from beetsplug.musrec.radio.paths import MusicPaths

links = pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
NAME = "Ä Ö/ü.mp3"
NFD = unicodedata.normalize("NFD", NAME)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    return tmp_path / "music"


@pytest.fixture
def lib(music: Path) -> Library:
    return Library(":memory:", str(music))


def added(lib: Library, path: Path) -> Item:
    item = Item(title="a", path=bytes(path))
    lib.add(item)
    return item


@links
@pytest.mark.parametrize("directory", ["music", "music/", "link", "."])
def test_a_file_below_the_directory(lib: Library, music: Path, tmp_path: Path, directory: str) -> None:
    music.mkdir()
    (tmp_path / "link").symlink_to(music)
    item = added(lib, music / "A & B" / "100% #1.mp3")
    paths = MusicPaths(f"{tmp_path}/{directory}")
    first = paths.spellings(item, anywhere=True)[0]
    assert first == ("music/" if directory == "." else "") + "A & B/100% #1.mp3"
    assert paths.find(lib, [first, "http://nas/A", "A & B", "../A & B/100% #1.mp3", "a\0b"]) == {first: item.id}


@links
def test_a_library_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "music").symlink_to(tmp_path / "disk")
    lib = Library(":memory:", str(tmp_path / "music"))
    item = added(lib, tmp_path / "music" / "a.mp3")
    paths = MusicPaths(str(tmp_path / "disk"))
    assert paths.spellings(item, anywhere=False) == ["a.mp3"]
    assert paths.find(lib, ["a.mp3"]) == {"a.mp3": item.id}


def test_a_file_outside_the_directory(lib: Library, music: Path, tmp_path: Path) -> None:
    item = added(lib, music / "a.mp3")
    paths = MusicPaths(str(tmp_path / "other"))
    assert paths.spellings(item, anywhere=False) == []
    assert paths.spellings(item, anywhere=True) == [str(music / "a.mp3")]
    for uri in (str(music / "a.mp3"), f"file://{music / 'a.mp3'}"):
        assert paths.find(lib, [uri]) == {uri: item.id}


@pytest.mark.parametrize("stored", [NAME, NFD])
def test_composed_and_decomposed_names(lib: Library, music: Path, stored: str) -> None:
    item = added(lib, music / stored)
    paths = MusicPaths(str(music))
    assert set(paths.spellings(item, anywhere=False)) == {NAME, NFD}
    assert paths.spellings(item, anywhere=False)[0] == stored
    assert paths.find(lib, [NAME]) == {NAME: item.id}
    assert paths.find(lib, [NFD]) == {NFD: item.id}


@pytest.mark.skipif(sys.platform != "linux", reason="file systems take both for one")
def test_upper_and_lower_case(lib: Library, music: Path) -> None:
    """A link in the place of a file system that takes both for one: what counts is that it is one file."""
    music.mkdir()
    (music / "ABC.mp3").touch()
    item = added(lib, music / "ABC.mp3")
    paths = MusicPaths(str(music))
    (music / "abc.mp3").hardlink_to(music / "ABC.mp3")
    assert paths.find(lib, ["abc.mp3"]) == {"abc.mp3": item.id}
    (music / "abc.mp3").unlink()
    (music / "abc.mp3").touch()  # another one
    assert paths.find(lib, ["abc.mp3"]) == {}
    assert sql.id_of(item) == 1
