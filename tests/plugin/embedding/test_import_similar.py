"""What an import says of songs that are there already: copies are told, songs that only sound alike are not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from mediafile import MediaFile

from tests import music

from ..conftest import Beet
from ..incoming import put, samples

TOLD = "sounds like a track that you have: "
MAY_BE = "may be a track that you have: "


def told(beet: Beet, folder: Path) -> list[str]:
    said = beet("import", "-A", str(folder))
    return [line for line in said.err.splitlines() if "a track that you have" in line]


@pytest.fixture
def originals(library: Beet) -> dict[str, Path]:
    """Style's word -> a song of the library."""
    return {word: path for path in library.paths() for word in ("Waltz", "Drone", "Bass") if word in path.stem}


def test_copies_are_told_and_other_songs_are_not(library: Beet, originals: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    waltz = samples(originals["Waltz"])
    put(folder / "1" / "cut.mp3", waltz[:, music.RATE :] * np.float32(0.25))
    padded = np.pad(samples(originals["Drone"]), ((0, 0), (2 * music.RATE, 0)))
    put(folder / "2" / "padded.opus", padded, title="Something Else")
    for n, style in enumerate(
        ("Piano Waltz", "String Drone", "Drum and Bass")
    ):  # near songs of the library, and others
        other = music.STYLES[style](12.0, np.random.default_rng(1000 + n))
        put(folder / str(3 + n) / "other.mp3", other, title="Second Bass 2")
    library.configure(musrec={"workers": 1, "import_similar": 1.0})  # whatever is near
    lines = told(library, folder)
    assert len(lines) == 2, lines
    assert f"{folder}/1/cut.mp3 {TOLD}" in lines[0]
    assert originals["Waltz"].stem[3:] in lines[0]
    assert f"Something Else {TOLD}" in lines[1]
    assert originals["Drone"].stem[3:] in lines[1]


def test_where_a_file_is_gone_the_tags_decide(library: Beet, originals: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    gone = {word: MediaFile(originals[word]) for word in ("Waltz", "Drone")}
    for word, media in gone.items():
        title = media.title if word == "Waltz" else "Another title"
        put(folder / word / "copy.flac", samples(originals[word]), title=title, artist=media.artist)
        library.sql("UPDATE items SET path = ? WHERE title = ?", os.fsencode(f"/gone/{word}.mp3"), media.title)
    library.configure(musrec={"workers": 1, "import_similar": True})
    (line,) = told(library, folder)
    assert f"{gone['Waltz'].title} {MAY_BE}{gone['Waltz'].artist} - {gone['Waltz'].title} (distance 0.0" in line
    assert line.endswith("; the files could not be compared: missing)")


def test_a_setting_that_is_no_distance(library: Beet, originals: dict[str, Path], tmp_path: Path) -> None:
    put(tmp_path / "incoming" / "a.mp3", samples(originals["Bass"])[:, : 5 * music.RATE])
    library.configure(musrec={"workers": 1, "import_similar": -1})
    said = library("import", "-A", str(tmp_path / "incoming"))
    assert "musrec.import_similar has to be yes, no, or a distance between 0 and 2" in said.err
