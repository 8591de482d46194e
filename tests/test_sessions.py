"""The terminal sessions in the documents are what the commands print, on the library of `make demo`.

``demo_library.json`` is that library as rows: composing and embedding its 30 songs anew takes half a minute.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from beets.library import Item, Library

from beetsplug.musrec.attributes import codecs, fields
from musrec_core import Encoder

from . import music
from .plugin.conftest import Beet, Completed

ROOT = Path(__file__).parents[1]
SONGS: list[dict[str, Any]] = json.loads((ROOT / "tests" / "demo_library.json").read_text(encoding="utf-8"))
NAMES = ("configuration", "faq", "journeys", "playlists", "recommend", "similar-options")
PAGES = ["README.md", *(f"docs/{name}.md" for name in NAMES)]
BLOCK = re.compile(r"^```\n(\$ .*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"  +# .*$")
PROGRAMS = {"beet", "grep", "head", "sed"}


@dataclass(frozen=True)
class Step:
    """A command of a session, and what the page says that it prints."""

    command: str
    printed: list[str]


def session(page: str) -> list[Step]:
    """The steps of the page's first block."""
    found = BLOCK.search((ROOT / page).read_text(encoding="utf-8"))
    assert found, page
    steps = []
    for part in re.split(r"^\$ ", found[1], flags=re.MULTILINE)[1:]:
        command, *printed = part.rstrip("\n").split("\n")
        steps.append(Step(COMMENT.sub("", command), printed))
    return steps


@pytest.fixture
def you(tmp_path: Path) -> Path:
    """A home folder with the demo's library, and its songs' paths below ``Music``."""
    lib = Library(str(tmp_path / "library.db"), str(tmp_path / "Music"))
    for song in SONGS:
        lib.add(Item(**{**song, "path": os.fsencode(tmp_path / "Music" / song["path"])}))
    lib._connection().close()
    return tmp_path


def settings_of(steps: list[Step], home: Path) -> dict[str, Any]:
    """The configuration that the session shows, or else a folder for playlists."""
    shown = [step.printed for step in steps if step.command == "cat ~/.config/beets/config.yaml"]
    if not shown:
        return {}
    settings: dict[str, Any] = yaml.safe_load("\n".join(shown[0]).replace("~", str(home)))
    return {"musrec": settings["musrec"]}


@pytest.mark.skipif(sys.platform != "linux", reason="the sessions use GNU programs")
@pytest.mark.parametrize("page", PAGES)
def test_a_session_prints_what_the_page_says(page: str, you: Path) -> None:
    steps = session(page)
    settings = settings_of(steps, you)
    if page == "docs/playlists.md":
        settings = {"musrec": {"playlist": {"dir": str(you / "Playlists")}}}
    beet = Beet(you, you / "Music", **settings)
    ran = 0
    for step in steps:
        if not step.command.startswith(tuple(PROGRAMS)) or not (step.printed or step.command.startswith("sed")):
            continue  # `cat` of the configuration; a command that only shows its options
        said = run(beet, step.command, step.printed)
        printed = [line.replace(str(you), "/home/you") for line in (said.err + said.out).splitlines()]
        assert printed == [line for line in step.printed if line], step.command
        ran += 1
    assert ran >= 1


def run(beet: Beet, command: str, printed: list[str]) -> Completed:
    """A line of a session, as a shell would run it; it fails where the page says so."""
    if command.startswith("beet "):
        return beet(*words(command), ok=not printed[:1] or not printed[0].startswith("error: "))
    done = subprocess.run(
        ["sh", "-c", command], cwd=beet.home, env={**os.environ, "HOME": str(beet.home)},
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return Completed(done.stdout, done.stderr, done.returncode)


def words(command: str) -> list[str]:
    """The arguments of `beet` on a command line."""
    done = subprocess.run(
        ["sh", "-c", f'beet() {{ printf "%s\\0" "$@"; }}; {command}'], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\0")[:-1]


def test_the_library_is_still_what_the_demo_embeds(tmp_path: Path) -> None:
    """One of its songs, composed and embedded anew."""
    song = music.collection()[0]
    (stored,) = (row for row in SONGS if row["title"] == song.title)
    track = Encoder.load().embed_file(music.write(song, tmp_path))
    (vector,) = codecs.decode_vectors([stored[fields.EMBEDDING]], len(track.vector))
    assert float(np.dot(vector, track.vector)) > 0.999
    assert stored[fields.MODEL] == track.model
