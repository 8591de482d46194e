"""Ways to import, one after another: attributes survive, or are made anew, and no song is left without."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mediafile import MediaFile

from ... import music
from ..conftest import BEET, Beet

pytestmark = pytest.mark.quick_model

KEYS = {"musrec_embedding", "musrec_genres", "musrec_heard", "musrec_model", "musrec_mood"}


@pytest.fixture
def incoming(songs: Path, tmp_path: Path) -> Path:
    """Three albums of one song each, to be imported by copy or move."""
    folder = tmp_path / "incoming"
    for path in sorted(songs.rglob("*.mp3"))[:2] + sorted(songs.rglob("*.opus"))[:1]:
        target = folder / path.relative_to(songs)
        target.parent.mkdir(parents=True)
        shutil.copy(path, target)
    return folder


def one_worker(home: Path, directory: Path, **settings: Any) -> Beet:
    """Few songs: starting a second worker takes longer than they do."""
    return Beet(home, directory, **{"musrec": {"workers": 1}, **settings})


def complete(beet: Beet, songs: int) -> bool:
    """Whether there are so many songs, each with its five attributes and a file."""
    rows = beet.stored()
    return (
        len(rows) == songs and all(set(row) == KEYS for row in rows.values()) and all(map(Path.is_file, beet.paths()))
    )


@pytest.mark.parametrize("settings", [{"copy": False}, {"hardlink": True}])
def test_placing_files(incoming: Path, tmp_path: Path, settings: dict[str, bool]) -> None:
    beet = one_worker(tmp_path / "home", tmp_path / "music", import_=settings)
    beet("import", str(incoming))
    assert complete(beet, 3)
    folder = beet.directory if "hardlink" in settings else incoming
    assert all(path.is_relative_to(folder) for path in beet.paths())
    assert beet("embed").out == "0 embedded, 3 up to date\n"


def test_a_path_format_of_ours_names_the_folder(incoming: Path, tmp_path: Path) -> None:
    beet = one_worker(
        tmp_path / "home", tmp_path / "music", import_={"copy": True}, paths={"default": "$musrec_genre/$title"}
    )
    beet("import", str(incoming))
    assert [path.parent.name for path in beet.paths()] == beet("ls", "-f", "$musrec_genre").lines


def test_import_again_in_every_way_keeps_them(incoming: Path, tmp_path: Path) -> None:
    beet = one_worker(tmp_path / "home", tmp_path / "music", import_={"copy": True})
    beet("import", str(incoming))
    before = sorted(row["musrec_embedding"] for row in beet.stored().values())
    for again in (["-A"], ["-L", "-A"], ["-L", "-W", "-g"]):
        beet("import", *again, *([] if "-L" in again else [str(beet.directory)]))
        assert complete(beet, 3), again
        assert sorted(row["musrec_embedding"] for row in beet.stored().values()) == before, again


def test_reimport_without_embedding_keeps_the_old(incoming: Path, tmp_path: Path) -> None:
    beet = one_worker(tmp_path / "home", tmp_path / "music", import_={"copy": True})
    beet("import", str(incoming))
    before = beet.attributes("musrec_embedding")
    beet.configure(musrec={"auto": False})
    beet("import", str(beet.directory))
    assert complete(beet, 3)
    assert beet.attributes("musrec_embedding") == before
    assert beet("embed").out == "0 embedded, 3 up to date\n"


def test_a_file_swapped_before_a_reimport_is_heard_anew(incoming: Path, tmp_path: Path) -> None:
    beet = one_worker(tmp_path / "home", incoming)
    beet("import", str(incoming))
    before = beet.attributes("musrec_embedding")
    path = beet.paths()[0]
    title = beet("ls", f"path:{path}", "-f", "$title").out.strip()
    tags = MediaFile(path)
    better = music.Song("String Drone", tags.artist, tags.album, tags.title, tags.track, path.suffix[1:], 9)
    music.write(better, tmp_path / "better", 15).replace(path)
    beet("import", str(incoming))
    after = beet.attributes("musrec_embedding")
    assert {t for t in before if before[t] != after[t]} == {title}
    assert beet("embed").out == "0 embedded, 3 up to date\n"


def test_incremental_takes_only_what_is_new(incoming: Path, songs: Path, tmp_path: Path) -> None:
    beet = one_worker(tmp_path / "home", tmp_path / "music", import_={"copy": True})
    beet("import", "-i", str(incoming))
    shutil.copytree(next(songs.rglob("*.m4a")).parent, incoming / "later")
    before = beet.stored()
    said = beet("import", "-i", str(incoming))
    assert "Skipped 3 paths" in said.err
    assert complete(beet, 3 + len(list((incoming / "later").iterdir())))
    assert {id_: row for id_, row in beet.stored().items() if id_ in before} == before


def test_an_interrupted_import_is_resumed(incoming: Path, tmp_path: Path) -> None:
    settings = {"copy": True, "resume": True}
    hook = {"hooks": [{"event": "album_imported", "command": "/bin/sh -c 'kill -INT $PPID; sleep 2'"}]}
    beet = one_worker(
        tmp_path / "home", tmp_path / "music", plugins="musrec hook", hook=hook, import_=settings, threaded=False
    )
    process = subprocess.Popen(
        [BEET, "import", str(incoming)],
        env={**os.environ, "BEETSDIR": str(beet.home)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    _, errors = process.communicate(timeout=300)
    assert b"Traceback" not in errors
    stopped = len(beet.stored())
    assert 0 < stopped < 3
    beet.configure(import_=settings)
    beet("import", str(incoming))
    assert complete(beet, 3)
    assert beet("embed").out == "0 embedded, 3 up to date\n"


@pytest.mark.parametrize("singleton", [False, True])
def test_a_duplicate_that_replaces_brings_its_own(incoming: Path, tmp_path: Path, singleton: bool) -> None:
    settings = {"copy": True, "duplicate_action": "remove", "autotag": True, "quiet_fallback": "asis"}
    beet = one_worker(tmp_path / "home", tmp_path / "music", import_=settings)
    how = ["-s"] if singleton else []
    beet("import", *how, str(incoming))
    before = beet.attributes("musrec_embedding")
    path = sorted(incoming.rglob("*.mp3"))[0]
    tags = MediaFile(path)
    title = tags.title
    better = music.Song("String Drone", tags.artist, tags.album, title, tags.track, "flac", 9)
    music.write(better, tmp_path / "better", 15)
    beet("import", *how, str(tmp_path / "better"))
    assert complete(beet, 3)
    after = beet.attributes("musrec_embedding")
    assert {t for t in before if before[t] != after[t]} == {title}
    assert beet("ls", f"title:{title}", "-f", "$format $musrec_heard").out.startswith("FLAC FLAC 15.0 ")


def test_pretend_and_quiet_skip_store_nothing(incoming: Path, tmp_path: Path) -> None:
    beet = one_worker(
        tmp_path / "home", tmp_path / "music", import_={"copy": True, "autotag": True, "quiet_fallback": "skip"}
    )
    beet("import", "--pretend", str(incoming))
    beet("import", "-q", str(incoming))
    assert beet.stored() == {}
    assert beet.sql("SELECT COUNT(*) FROM item_attributes") == [(0,)]


def test_without_the_plugin_the_library_is_as_it_was(incoming: Path, tmp_path: Path) -> None:
    """Our attributes apart, an import with the plugin stores what one without it does."""
    tables = []
    for plugins in ("musrec", ""):
        home = tmp_path / f"home{plugins}"
        beet = one_worker(home, tmp_path / f"music{plugins}", plugins=plugins, import_={"copy": True})
        beet("import", str(incoming))
        names = [row[1] for row in beet.sql("PRAGMA table_info(items)") if row[1] not in ("added", "mtime", "path")]
        tables.append(beet.sql(f"SELECT {', '.join(names)} FROM items ORDER BY title"))
        others = beet.sql("SELECT key, value FROM item_attributes WHERE key NOT LIKE 'musrec%' ORDER BY 1, 2")
        tables[-1] += others + beet.sql("SELECT key, value FROM album_attributes ORDER BY 1, 2")
    assert tables[0] == tables[1]
