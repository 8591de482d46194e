"""Tags and file names by somebody who means harm: no line is injected, and no terminal is driven."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from .. import music
from .conftest import Beet

# Control characters but the tab and the line feed, and what reverses a line.
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
EVIL = [
    "Waltz\n#EXTM3U\n/etc/passwd",
    "Waltz\r\n#EXTINF:1,x\r\nhttp://localhost/x",
    "\x1b[2J\x1b[31mWaltz\x1b]0;owned\x07",
    "Waltz\x9b31m\x08\x08\x08",
    "Waltz \u202egnp.exe\u2066",
    "<script>alert(1)</script> Waltz",
    "Waltz\u2028/etc/passwd\x85/etc/shadow\x0b\x0c",
    "#EXTM3U",
    "$title %if{1,x} ${artist} Waltz",
]


@pytest.fixture
def evil(library: Beet) -> Beet:
    """Every song of the library has an evil title, artist, album and genre."""
    for n, (id_,) in enumerate(library.sql("SELECT id FROM items")):
        text = EVIL[n % len(EVIL)]
        library.sql("UPDATE items SET title = ?, artist = ?, album = ?, genres = ? WHERE id = ?", *[text] * 4, id_)
    library.sql("UPDATE albums SET album = ?, albumartist = ?", EVIL[0], EVIL[2])
    return library


@pytest.mark.parametrize("arguments", [
    ("similar", "id:1", "-n", "9"),
    ("similar", "id:1", "-n", "9", "-f", "$artist $album $genres $title $albumartist"),
    ("similar", "id:1", "-n", "9", "-f", "%upper{$title} %left{$title,9} ${album}"),
    ("similar", "id:1", "-n", "9", "--space", "genre"),
], ids=["plain", "fields", "functions", "genre"])  # fmt: skip
def test_similar_prints_a_line_a_song(evil: Beet, arguments: tuple[str, ...]) -> None:
    said = evil(*arguments)
    assert len(said.out.split("\n")) == 9 + 1
    assert not UNSAFE.search(said.out + said.err)
    assert "<script>" in said.out.lower()  # what is only text stays as it is


def test_genreguess_prints_what_it_means_to(evil: Beet) -> None:
    said = evil("genreguess", "-n", "1")
    assert len(said.out.split("\n")) == 2 * 10 + 1
    assert not UNSAFE.search(said.out + said.err)
    said = evil("genreguess", "-p", "-f", "-t", "0", "-q")
    assert len(said.out.split("\n")) == 10 + 1
    assert not UNSAFE.search(said.out + said.err)


def test_tabs_and_lines_of_the_users_own_format_stay(evil: Beet) -> None:
    said = evil("similar", "id:1", "-n", "3", "-f", "$id\t$title\n--")
    lines = said.out.rstrip("\n").split("\n")
    assert lines[1::2] == ["--"] * 3
    assert all(re.fullmatch(r"\d+\t[^\t]+", line) for line in lines[::2])


def test_a_playlist_has_a_line_a_song(evil: Beet, tmp_path: Path) -> None:
    evil("similar", "id:1", "-n", "20", "-m", str(tmp_path / "party.m3u8"))
    lines = (tmp_path / "party.m3u8").read_bytes().split(b"\n")
    lines = [line for line in lines if not line.startswith(b"#MUSREC")]
    assert lines[0] == b"#EXTM3U"
    assert lines[-1] == b""
    assert len(lines) == 1 + 2 * 10 + 1
    assert all(line.startswith(b"#EXTINF:") for line in lines[1:-1:2])
    assert all(Path(os.fsdecode(line)).is_file() for line in lines[2::2])
    assert not UNSAFE.search((tmp_path / "party.m3u8").read_text())


NAMES = (
    b"line\n#EXTM3U\nbreak", b"carriage\rreturn", b"\x1b[2J\x1b[31mred", "\u202ereversed".encode(), b"\xff\x9b31m",
    b"#EXTINF:1",
)  # fmt: skip


@pytest.fixture
def evil_names(songs: Path, tmp_path: Path) -> Beet:
    """Songs and broken songs whose file names are evil."""
    folder = tmp_path / "music"
    folder.mkdir()
    song = next(path for path in sorted(songs.rglob("*.mp3")))
    short = music.encode(music.piano_waltz(1, np.random.default_rng(0)), tmp_path / "short.mp3")
    for name in NAMES:
        shutil.copy(os.fsencode(song), os.path.join(os.fsencode(folder), name + b".mp3"))
        shutil.copy(os.fsencode(short), os.path.join(os.fsencode(folder), name + b" short.mp3"))
    return Beet(tmp_path / "home", folder)


def test_evil_names(evil_names: Beet, tmp_path: Path) -> None:
    """Every log line is a line, paths print safely, and only a path with a line break stays out of a playlist."""
    said = evil_names("import", str(evil_names.directory))
    lines = [line for line in said.err.split("\n") if "no embedding for" in line]
    assert len(lines) == len(NAMES)
    assert all("too-short" in line and not UNSAFE.search(line) for line in lines)
    assert evil_names("embed").out.startswith("0 embedded, 6 up to date, 6 failed before and did not change")
    report = evil_names("embed", "--report")
    assert len(report.lines) == 3
    assert not UNSAFE.search(report.out)
    (seed,) = (id_ for id_, path in evil_names.sql("SELECT id, path FROM items") if path.endswith(b"#EXTINF:1.mp3"))
    said = evil_names("similar", f"id:{seed}", "-n", "9", "-p", "--duplicates", "-m", str(tmp_path / "names.m3u8"))
    assert len(said.out.split("\n")) == 5 + 1
    assert not UNSAFE.search(said.out)
    left_out = [line for line in said.err.split("\n") if "left out of the playlist" in line]
    assert len(left_out) == 2
    assert not UNSAFE.search(said.err)
    content = (tmp_path / "names.m3u8").read_bytes()
    lines_written = [line for line in content.split(b"\n") if not line.startswith(b"#MUSREC")]  # less the recipe
    assert len(lines_written) == 1 + 2 * 4 + 1
    assert all(os.path.isfile(line) for line in lines_written[2::2])


def test_embed_pretend_prints_a_line_a_song(evil: Beet) -> None:
    evil.sql("DELETE FROM item_attributes")
    said = evil("embed", "-p")
    assert len(said.out.split("\n")) == 10 + 1
    assert not UNSAFE.search(said.out + said.err)
