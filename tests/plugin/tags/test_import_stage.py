"""On import: tags are written into the files in their place, where beets itself writes, and only if they are wanted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mediafile import MediaFile

from ..conftest import Beet

PLACES = {"copy": True, "write": True}
OFF = "musrec: no words and moods are written to files in this import"


@pytest.fixture
def incoming(songs: Path, tmp_path: Path) -> Path:
    """Two albums of one song each."""
    folder = tmp_path / "incoming"
    for path in sorted(songs.rglob("*.mp3"))[:1] + sorted(songs.rglob("*.flac"))[:1]:
        (folder / path.parent.name).mkdir(parents=True)
        shutil.copy(path, folder / path.parent.name)
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*.*"))}


def groupings(beet: Beet) -> list[str]:
    return [MediaFile(path).grouping or "" for path in beet.paths()]


def test_the_copies_get_tags_and_the_originals_do_not(incoming: Path, tmp_path: Path) -> None:
    before = contents(incoming)
    beet = Beet(tmp_path / "home", tmp_path / "music", import_=PLACES, musrec={"write_tags": True})
    beet("import", "-A", str(incoming))
    assert all(groupings(beet))
    assert beet("ls", "-f", "$grouping").lines == groupings(beet)
    assert contents(incoming) == before
    assert beet("update").out == ""
    assert beet("write", "-p").out == ""
    assert beet("embed", "--write-tags").out == "0 written, 2 up to date\n"


def test_only_where_beets_writes(incoming: Path, tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", import_=PLACES, musrec={"write_tags": True})
    said = beet("import", "-A", "-W", str(incoming))
    assert f"{OFF}: import.write is off\n" in said.err
    assert said.err.count("no words") == 1
    assert groupings(beet) == ["", ""]
    assert set(beet("ls", "-f", "$grouping").lines) == {""}


def test_only_where_it_is_wanted(incoming: Path, tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", import_=PLACES)
    before = sorted(contents(incoming).values())
    beet("import", "-A", str(incoming))
    assert sorted(contents(beet.directory).values()) == before
    assert not [key for row in beet.stored().values() for key in row if key.startswith("musrec_tag")]


@pytest.mark.parametrize(
    ("musrec", "said"),
    [
        ({"model": "musrec-1"}, "musrec: the model knows no words: 2 songs got no tags"),
        (
            {"tags": {"words": "artist"}},
            f"{OFF}: musrec.tags.words: artist is a tag",
        ),
        (
            {"tags": {"threshold": 7}},
            f"{OFF}: musrec.tags.threshold has to be",
        ),
    ],
    ids=["model", "name", "setting"],
)
def test_what_can_not_be_done_is_said_once(
    incoming: Path, tmp_path: Path, musrec: dict[str, object], said: str
) -> None:
    beet = Beet(tmp_path / "home", tmp_path / "music", import_=PLACES, musrec={"write_tags": True, **musrec})
    printed = beet("import", "-A", str(incoming)).err
    assert printed.count("musrec: ") == 1
    assert said in printed
    assert groupings(beet) == ["", ""]
    assert len(beet.attributes("musrec_embedding")) == 2
