"""A folder of good songs among everything else, through the real program."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from ...faults.mutate import mutated
from ..conftest import Beet

pytestmark = pytest.mark.quick_model

UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
REASONS = "unreadable|no-audio|too-short|silent"


def fill(folder: Path, songs: Path, kinds: dict[str, bytes]) -> list[Path]:
    """Damaged files, and things that are no files, around three good songs, which are returned."""
    folder.mkdir(parents=True)
    for number in range(40):
        name, content = mutated(kinds, number)
        (folder / name).write_bytes(content)
    for raw in (
        b"new\nline.mp3",
        b"\xff\xfe.flac",
        b"\x1b[31mred\x1b[0m.mp3",
        "\u202eevil.mp3".encode(),
        b"tab\t.mp3",
    ):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), raw))).write_bytes(kinds["mp3"][: 48_000 // 8 * 2])
    (folder / "loop.mp3").symlink_to("loop.mp3")
    (folder / "dangling.mp3").symlink_to("nowhere.mp3")
    (folder / "up").symlink_to(folder, target_is_directory=True)
    (folder / "folder.mp3").mkdir()
    (folder / "list.m3u").write_text("#EXTM3U\nsong.mp3\n")
    good = []
    for n, song in enumerate(sorted(songs.rglob("*.*"))[:3]):
        good.append(folder / f"good {n}{song.suffix}")
        shutil.copy(song, good[-1])
    return good


def warnings(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("musrec: ")]


def test_an_import_of_everything(songs: Path, kinds: dict[str, bytes], tmp_path: Path) -> None:
    good = fill(tmp_path / "music", songs, kinds)
    beet = Beet(tmp_path / "home", tmp_path / "music")
    said = beet("import", str(tmp_path / "music"))
    with_embedding = "SELECT entity_id FROM item_attributes WHERE key = 'musrec_embedding'"
    embedded = {os.fsdecode(row[0]) for row in beet.sql(f"SELECT path FROM items WHERE id IN ({with_embedding})")}
    folder = os.path.commonpath(good)
    assert {str(path) for path in good} <= {os.path.join(folder, path) for path in embedded}
    ((items,),) = beet.sql("SELECT COUNT(*) FROM items")
    failed = beet.sql("SELECT COUNT(*) FROM item_attributes WHERE key = 'musrec_status'")[0][0]
    assert len(embedded) + failed == items
    assert failed >= 5
    lines = warnings(said.err)
    assert len(lines) == failed
    assert not UNPRINTABLE.search("\n".join(lines))
    assert all(re.search(rf": ({REASONS})( \(.+\))?$", line) for line in lines), lines
    assert all(line.startswith("musrec: no embedding for /") for line in lines)


def test_files_that_went_bad_after_the_import(own_files: Beet, kinds: dict[str, bytes], tmp_path: Path) -> None:
    """Replaced by a pipe, a loop, a folder, a text, and gone: each is one line of `beet embed`, and none blocks."""
    paths = [Path(line) for line in own_files("ls", "-p").lines]
    for path in paths[:5]:
        path.unlink()
    os.mkfifo(paths[0])
    paths[1].symlink_to(paths[1].name)
    paths[2].mkdir()
    paths[3].write_text("Dear diary")
    own_files.sql("DELETE FROM item_attributes")
    said = own_files("embed")
    assert said.out == "5 embedded, 5 failed\n"
    lines = warnings(said.err)
    assert len(lines) == len(said.err.splitlines()) == 5
    assert {line.split(": ", 2)[1] for line in lines} == {f"no embedding for {path}" for path in paths[:5]}
    assert "5 failed before and did not change" in own_files("embed").out
