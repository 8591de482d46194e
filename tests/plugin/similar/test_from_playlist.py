"""`--from-playlist` on what other programs leave: names in another form, files that are no playlists, long lists."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import pytest

from beetsplug.musrec.library import sql

from ..conftest import Beet

NAME = "Björk – Jóga.flac"


@pytest.fixture
def renamed(library: Beet, tmp_path: Path) -> Beet:
    """The library with a first song whose file has accents, composed as most systems do."""
    path = tmp_path / "music" / NAME
    path.parent.mkdir()
    shutil.copy(library.paths("id:1")[0], path)
    library.sql("UPDATE items SET path = ? WHERE id = 1", bytes(path))
    return library


@pytest.mark.parametrize("there", [True, False])
def test_a_name_in_another_unicode_form_is_the_song(renamed: Beet, tmp_path: Path, there: bool) -> None:
    if not there:
        (tmp_path / "music" / NAME).unlink()  # a disk that is not mounted: the library knows the song all the same
    listed = tmp_path / "mac.m3u8"
    listed.write_text(f"#EXTM3U\n{tmp_path}/music/{unicodedata.normalize('NFD', NAME)}\n", "utf-8")
    expected = renamed("similar", "id:1", "-n", "3").out
    said = renamed("similar", "--from-playlist", str(listed), "-n", "3")
    assert (said.out, said.err) == (expected, "")


def test_a_line_in_another_form_is_no_song_that_was_taken_out(renamed: Beet, tmp_path: Path) -> None:
    listed = tmp_path / "list.m3u8"
    renamed("similar", "id:2", "-n", "9", "-m", str(listed), "--order", "nearest")
    text = listed.read_text("utf-8")
    assert NAME in text
    listed.write_text(unicodedata.normalize("NFD", text), "utf-8")
    renamed("similar", "--refresh", str(listed))
    names = [Path(line).name for line in listed.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names)) == 10
    assert unicodedata.normalize("NFC", NAME) in {unicodedata.normalize("NFC", name) for name in names}


def test_a_name_alone_is_looked_for_where_playlists_go(library: Beet, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "lists", tmp_path / "elsewhere"
    elsewhere.mkdir()
    library.configure(musrec={"playlist": {"dir": str(folder)}})
    library("similar", "Harbour Waltz", "-n", "2", "-m", "party.m3u")
    by_path = library("similar", "--from-playlist", str(folder / "party.m3u"), "-n", "3").out
    for name in ("party", "party.m3u"):
        assert library("similar", "--from-playlist", name, "-n", "3", cwd=elsewhere).out == by_path
    library("similar", "--from-playlist", "party", "-n", "3", "-m", "more", cwd=elsewhere)
    library("similar", "--refresh", "more", cwd=tmp_path)
    assert str(folder / "party.m3u") in (folder / "more.m3u8").read_text()


@pytest.mark.parametrize("option", ["--from-playlist", "--refresh", "--extend"])
def test_what_is_no_playlist_is_refused_in_a_sentence(library: Beet, option: str) -> None:
    song = library.paths("id:1")[0]
    assert library.error("similar", option, str(song)) == f"error: {song} is not an M3U playlist"


def test_a_long_list_of_files_that_are_gone(library: Beet, tmp_path: Path) -> None:
    lines = [f"/gone/{n:05}.mp3" for n in range(20_000)] + [str(path) for path in library.paths("Waltz")]
    (tmp_path / "long.m3u").write_text("\n".join(lines))
    said = library("similar", "--from-playlist", str(tmp_path / "long.m3u"), "-n", "2")
    assert len(said.lines) == 2
    assert said.err.splitlines()[0].endswith("(not found): 00000.mp3, 00001.mp3, 00002.mp3, 00003.mp3, 00004.mp3"
                                             " and 19995 more")  # fmt: skip


def test_the_number_of_statements_does_not_grow_with_the_list(library: Beet) -> None:
    from beets.library import Library

    lib = Library(str(library.home / "library.db"), str(library.directory))
    counted: list[str] = []
    lib._connection().set_trace_callback(counted.append)
    path = bytes(library.paths("id:1")[0])
    for paths in ([path], [path, *(b"/gone/%d" % n for n in range(5000))]):
        counted.clear()
        assert [item.id for item in sql.items_at(lib, paths).values()] == [1]
        assert len(counted) < 12
