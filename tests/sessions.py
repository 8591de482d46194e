"""The terminal sessions in the documents, on the library of `make demo`.

``python -m tests.sessions`` writes into the documents what the commands print now, after a change of an output or the
shipped encoder (`tests.demo_library` first). Read the difference, and the sentences around it, before you commit it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from beets import config
from beets.library import Item, Library

from .demo_library import FILE
from .plugin.conftest import Beet, Completed

ROOT = Path(__file__).parents[1]
SONGS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
NAMES = ("artists", "configuration", "faq", "journeys", "playlists", "recommend", "similar-options", "words")
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


def make_library(home: Path) -> None:
    """The demo's library in a folder; its songs' paths are below ``Music``."""
    lib = Library(str(home / "library.db"), str(home / "Music"))
    for song in SONGS:
        lib.add(Item(**{**song, "path": os.fsencode(home / "Music" / song["path"])}))
    lib._connection().close()


def settings_of(steps: list[Step], home: Path) -> dict[str, Any]:
    """The configuration that the session shows, or else a folder for playlists."""
    shown = [step.printed for step in steps if step.command == "cat ~/.config/beets/config.yaml"]
    if not shown:
        return {}
    settings: dict[str, Any] = yaml.safe_load("\n".join(shown[0]).replace("~", str(home)))
    return {"musrec": settings["musrec"]}


def played(page: str, home: Path) -> dict[int, list[str]]:
    """What the steps of a page's session print [number of the step -> lines], but for those that show no output.

    Parameters
    ----------
    page : str
        Its path below the root folder.
    home : Path
        A folder with the demo's library.
    """
    steps = session(page)
    settings = settings_of(steps, home)
    if page == "docs/playlists.md":
        settings = {"musrec": {"playlist": {"dir": str(home / "Playlists")}}}
    beet = Beet(home, home / "Music", **settings)
    found = {}
    for n, step in enumerate(steps):
        if not step.command.startswith(tuple(PROGRAMS)) or not (step.printed or step.command.startswith("sed")):
            continue  # `cat` of the configuration; a command that only shows its options
        said = run(beet, step.command, step.printed)
        found[n] = [line.replace(str(home), "/home/you") for line in (said.err + said.out).splitlines()]
    return found


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


def refresh(page: str, home: Path) -> bool:
    """Write what its session prints into a page; returns whether that is something else than before."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    found = BLOCK.search(text)
    assert found, page
    parts = re.split(r"^(?=\$ )", found[1], flags=re.MULTILINE)[1:]
    printed = played(page, home)
    for n, part in enumerate(parts):
        shown, now = part.rstrip("\n").split("\n")[1:], printed.get(n)
        if now is not None and now != [line for line in shown if line]:
            command, blank = part.split("\n", 1)[0], "\n" if part.endswith("\n\n") else ""
            parts[n] = "".join(f"{line}\n" for line in (command, *now)) + blank
    new = text[: found.start(1)] + "".join(parts) + text[found.end(1) :]
    path.write_text(new, encoding="utf-8")
    return new != text


def main() -> int:
    """Refresh every page; returns the exit status."""
    config["create_backup_before_migrations"] = False  # of libraries that are made here
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            make_library(Path(folder))
            print(f"{page}: {'changed' if refresh(page, Path(folder)) else 'as it was'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
