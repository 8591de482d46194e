"""Import embeds, and never breaks."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from mediafile import MediaFile

from ... import music
from ..conftest import Beet

pytestmark = pytest.mark.quick_model


@pytest.fixture
def album(songs: Path, tmp_path: Path) -> Path:
    """A folder with three songs of the collection, one album."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    for n, path in enumerate(sorted(songs.rglob("*.*"))[:3]):
        copy = folder / f"{n}{path.suffix}"
        shutil.copy(path, copy)
        media = MediaFile(copy)
        media.album, media.albumartist, media.track = "Gathered", "Everyone", n + 1
        media.save()
    return folder


def contents(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    return {
        str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime, p.read_bytes())
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_every_song_gets_its_attributes(imported: Beet) -> None:
    for key in ("musrec_embedding", "musrec_genres", "musrec_mood", "musrec_model", "musrec_heard"):
        assert len(imported.attributes(key)) == 10, key
    assert not imported.attributes("musrec_status")
    (blob, *_) = imported.attributes("musrec_embedding").values()
    assert re.fullmatch(r"[A-Za-z0-9+/]{342}==", blob)  # 128 float16
    (genres, *_) = imported.attributes("musrec_genres").values()
    assert re.match(r"[a-z&][a-z& ]*:0\.\d{4} ", genres)
    assert len(re.findall(r":[01]\.\d{4}", genres)) == 16
    (model, *_) = imported.attributes("musrec_model").values()
    assert re.fullmatch(r"[\w.-]+@[0-9a-f]{8}", model)
    (mood, *_) = imported.attributes("musrec_mood").values()
    assert re.fullmatch(r"valence:[01]\.\d{4} arousal:[01]\.\d{4}", mood)
    rows = imported.sql("SELECT COUNT(*) FROM item_attributes WHERE key LIKE 'musrec%'")
    assert rows == [(50,)]  # few stored rows an item


def test_the_music_files_are_left_alone(songs: Path, tmp_path: Path) -> None:
    before = contents(songs)
    beet = Beet(tmp_path / "home", songs)
    beet("import", str(songs))
    assert contents(songs) == before


@pytest.mark.parametrize("how", ["copy", "move", "link"])
def test_copy_move_and_link(album: Path, tmp_path: Path, how: str) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", import_={"copy": False, "write": True, how: True})
    beet("import", str(album))
    assert len(beet.attributes("musrec_embedding")) == 3
    paths = beet("ls", "-p").lines
    assert len(paths) == 3
    assert all(path.startswith(str(tmp_path / "music")) and Path(path).exists() for path in paths)


@pytest.mark.parametrize("options", [["-s"], ["-A"], ["-q"], ["-g"], ["--flat"]])
def test_ways_to_import(album: Path, tmp_path: Path, options: list[str]) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music")
    beet("import", *options, str(album))
    assert len(beet.attributes("musrec_embedding")) == 3


@pytest.mark.parametrize("threaded", [True, False])
def test_without_threads_too(album: Path, tmp_path: Path, threaded: bool) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", threaded=threaded)
    beet("import", str(album))
    assert len(beet.attributes("musrec_embedding")) == 3


@pytest.mark.parametrize(
    ("action", "albums", "embeddings"), [("skip", 1, 3), ("keep", 2, 6), ("remove", 1, 3), ("merge", 1, 6)]
)
def test_duplicates(album: Path, tmp_path: Path, action: str, albums: int, embeddings: int) -> None:
    again = tmp_path / "again"
    shutil.copytree(album, again)
    settings = {"copy": True, "duplicate_action": action, "autotag": True, "quiet_fallback": "asis"}
    beet = Beet(tmp_path / "home", tmp_path / "music", import_=settings)
    beet("import", str(album))
    beet("import", str(again))
    assert beet.sql("SELECT COUNT(*) FROM albums") == [(albums,)]
    stored = beet.sql("SELECT COUNT(*) FROM item_attributes WHERE key = 'musrec_embedding'")
    assert stored == [(embeddings,)]
    assert beet.sql("SELECT COUNT(*) FROM items") == [(embeddings,)]


def test_a_reimport_keeps_and_renews_the_embedding(album: Path, tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music")
    beet("import", str(album))
    first = beet.attributes("musrec_embedding")
    beet.sql("UPDATE item_attributes SET value = 'old@00000000' WHERE key = 'musrec_model'")
    beet("import", "-L")
    assert beet.attributes("musrec_embedding") == first
    assert "old@00000000" not in beet.attributes("musrec_model").values()
    assert beet.sql("SELECT COUNT(*) FROM items") == [(3,)]


def test_auto_no_switches_it_off(album: Path, tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", musrec={"auto": False})
    beet("import", str(album))
    assert beet("ls").lines
    assert not beet.attributes("musrec_embedding")
    assert beet("embed").out == "3 embedded\n"


def test_bad_files_among_the_good_ones(album: Path, tmp_path: Path) -> None:
    """Files that beets takes and that have no sound to embed: one line each, and the import goes on."""
    y = music.compose(music.collection(1)[0], 20)
    music.encode(y[:, :44_100], album / "short.mp3")
    music.encode(y * 0, album / "silent.flac")
    whole = music.encode(y, album / "cut.mp3").read_bytes()
    (album / "cut.mp3").write_bytes(whole[: len(whole) // 20])
    odd = os.path.join(os.fsencode(album), b"odd\nname \xff.mp3")
    shutil.copy(os.fsencode(album / "short.mp3"), odd)
    (album / "empty.mp3").touch()
    (album / "text.mp3").write_text("no music at all")
    beet = Beet(tmp_path / "home", tmp_path / "music", import_={"copy": True})
    said = beet("import", str(album))
    warnings = [line for line in said.err.splitlines() if "no embedding for" in line]
    assert len(warnings) == 4, said.err
    assert sum("too-short (1.0 s)" in line or "too-short" in line for line in warnings) == 3
    assert sum("silent" in line for line in warnings) == 1
    assert len(beet.attributes("musrec_embedding")) == 3
    statuses = [row[0] for row in beet.sql("SELECT value FROM item_attributes WHERE key = 'musrec_status'")]
    assert len(statuses) == 4
    assert all(re.fullmatch(r"(too-short|silent) @ \d+", status) for status in statuses)
    assert beet("embed").out == "0 embedded, 3 up to date, 4 failed before and did not change (--report says why)\n"


def test_a_broken_model_is_said_once_and_the_import_completes(album: Path, tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", musrec={"model": str(tmp_path / "gone.onnx")})
    said = beet("import", "-s", str(album))
    assert said.err.count("nothing is embedded in this import") == 1
    last = said.err.splitlines()[-1]
    assert last.startswith("musrec: 3 imported songs have no embedding (no model card ")
    assert last.endswith("fix that, then run `beet embed`")
    assert "gone.json" in said.err
    assert len(beet("ls").lines) == 3
    assert "no model card" in beet.error("similar", "album:Gathered")
