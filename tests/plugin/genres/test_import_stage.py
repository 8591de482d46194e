"""Genres on import, with a stand-in for lastgenre; and songs that sound like one that is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mediafile import MediaFile

from ..conftest import Beet

LASTGENRE = """
from beets.plugins import BeetsPlugin

class LastGenrePlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.import_stages = [self.imported]

    def imported(self, session, task):
        for item in task.imported_items():  # as lastgenre does without `force`; it knows the waltz alone
            if "Waltz" in item.title and not item.genres:
                item.genres = ["Last"]
                item.store()
"""


@pytest.fixture
def incoming(songs: Path, tmp_path: Path) -> Path:
    """A waltz that lastgenre knows, a drone that nobody knows, and a song that comes with a genre."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    for word in ("Waltz", "Drone", "Rock"):
        path = next(path for path in sorted(songs.rglob("*.*")) if word in path.name)
        shutil.copy(path, folder / f"{word}{path.suffix}")
    (rock,) = folder.glob("Rock.*")
    media = MediaFile(rock)
    media.genres = ["Own"]
    media.save()
    return folder


@pytest.mark.parametrize(
    ("order", "settings", "expected"),
    [
        ("musrec lastgenre", {"prefer": "lastgenre"}, ["Last", "guess", "Own"]),
        ("musrec lastgenre", {"prefer": "musrec"}, ["guess", "guess", "Own"]),
        ("lastgenre musrec", {"prefer": "musrec", "max_genres": 2}, ["guess", "guess", "Own"]),
    ],
)
def test_who_wins_is_a_setting_whatever_the_order(
    incoming: Path, tmp_path: Path, order: str, settings: dict[str, object], expected: list[str]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "lastgenre.py").write_text(LASTGENRE)
    settings = {"auto": True, "threshold": 0.0, **settings}
    beet = Beet(
        tmp_path / "home", tmp_path / "music", plugins=order, pluginpath=[str(tmp_path / "plugins")],
        musrec={"workers": 1, "genreguess": settings}, import_={"copy": True, "write": True},
    )  # fmt: skip
    before = {path: path.read_bytes() for path in incoming.iterdir()}
    beet("import", "-A", str(incoming))
    found = []
    for word in ("Waltz", "Drone", "Rock"):
        genres, guess, second = beet(
            "ls", f"title:{word}", "-f", "$genres|$musrec_genre|$musrec_genres"
        ).lines[0].split("|")  # fmt: skip
        names = genres.split("; ")
        if names[0] == guess.title():
            assert len(names) == settings.get("max_genres", 1), second
            genres = "guess"
        found.append(genres)
    assert found == expected
    assert {path: path.read_bytes() for path in incoming.iterdir()} == before


def test_a_wrong_setting_is_said_once(incoming: Path, tmp_path: Path) -> None:
    beet = Beet(
        tmp_path / "home", tmp_path / "music", musrec={"workers": 1, "genreguess": {"auto": True, "prefer": "x"}}
    )
    said = beet("import", "-s", str(incoming))
    assert said.err.count("no genres are stored in this import") == 1
    assert len(beet("ls").lines) == 3


def test_an_import_tells_what_sounds_like_a_track_that_is_there(library: Beet, incoming: Path, tmp_path: Path) -> None:
    for path in incoming.iterdir():
        media = MediaFile(path)
        media.title, media.album, media.albumartist = f"Again {path.stem}", "Best of", "Everyone"
        media.save()
    nameless = next(path for path in incoming.iterdir() if "Waltz" not in path.stem)
    media = MediaFile(nameless)
    media.title = None
    media.save()
    library.configure(musrec={"workers": 1, "import_similar": 0.001})
    said = library("import", "-A", str(incoming))
    told = [line for line in said.err.splitlines() if "sounds like a track that you have" in line]
    assert len(told) == 3
    assert any(line.startswith(f"musrec: {nameless} sounds like") for line in told)
    (line,) = [line for line in told if "Again Waltz" in line]
    original = library(
        "ls", "title:Waltz", "album:Plays", "-f", "$artist - $title (distance 0.000, album $album)"
    ).lines
    assert any(line.endswith(one) for one in original), line
