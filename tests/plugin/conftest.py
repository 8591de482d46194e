"""A real beets library in a temporary directory, driven by the real program."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from ..once import made_once
from .beet_server import BeetServer

BEET = Path(sys.executable).parent / "beet"
AT_START = {"LC_ALL", "PYTHONIOENCODING", "PYTHONPATH", "PYTHONUTF8"}  # what Python reads before any program
SERVER = BeetServer()
atexit.register(SERVER.close)


@dataclass(frozen=True)
class Completed:
    """What a command printed, and how it ended."""

    out: str
    err: str
    status: int

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Beet:
    """``beet`` with a configuration and a library of its own."""

    model: ClassVar[Path | None] = None  # of those that are made now; None: the shipped one

    def __init__(self, home: Path, directory: Path, **settings: Any) -> None:
        self.home = home
        self.directory = directory
        home.mkdir(parents=True, exist_ok=True)
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Write the configuration; a section is merged with quiet defaults, None leaves it out."""
        config: dict[str, Any] = {
            "directory": str(self.directory),
            "library": str(self.home / "library.db"),
            "plugins": "musrec",
            "create_backup_before_migrations": False,
            "ui": {"color": False},
            "import": {"copy": False, "move": False, "write": False, "autotag": False, "quiet": True, "resume": False},
            "musrec": {"workers": 1},
        }
        if self.model:
            config["musrec"]["model"] = str(self.model)
        for key, value in settings.items():
            if isinstance(value, dict):
                config.setdefault(key.rstrip("_"), {}).update(value)
            elif value is None:
                config.pop(key, None)
            else:
                config[key.rstrip("_")] = value
        (self.home / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")

    def __call__(
        self, *arguments: str | bytes, ok: bool = True, cwd: Path | None = None, **environment: str
    ) -> Completed:
        """Run a command: in a fork (`beet_server`), or where its start matters in a process of its own."""
        words = [argument for argument in arguments if isinstance(argument, str)]
        if AT_START & set(environment) or len(words) < len(arguments) or not hasattr(os, "fork"):
            said = self.process(*arguments, cwd=cwd, **environment)
        else:
            said = self._fork(words, cwd or self.home, environment)
        if ok:
            assert said.status == 0, said
            assert "Traceback" not in said.err, said.err
        return said

    def process(self, *arguments: str | bytes, cwd: Path | None = None, **environment: str) -> Completed:
        """Run a command as a user's shell does."""
        done = subprocess.run(
            [BEET, *arguments],
            env={**os.environ, "BEETSDIR": str(self.home), "PYTHONIOENCODING": "utf-8", **environment},
            cwd=cwd or self.home,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
        return Completed(
            done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), done.returncode
        )

    def _fork(self, arguments: list[str], cwd: Path, environment: dict[str, str]) -> Completed:
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            environment = {"BEETSDIR": str(self.home), **environment}
            status = SERVER.run(arguments, environment=environment, cwd=cwd, out=out, err=err)
            return Completed(out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace"), status)

    def after(self, code: str, *arguments: str) -> Completed:
        """``beet`` in a Python that has run some code before: to stand in for what a test can't have."""
        program = f"import sys\nsys.argv = ['beet', *{list(arguments)!r}]\n{code}\nfrom beets.ui import main\nmain()"
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "BEETSDIR": str(self.home), "PYTHONIOENCODING": "utf-8"},
            cwd=self.home,
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done
        return Completed(done.stdout, done.stderr, done.returncode)

    def error(self, *arguments: str, **environment: str) -> str:
        """The one sentence of a command that has to fail."""
        said = self(*arguments, ok=False, cwd=None, **environment)
        assert said.status == 1, said
        assert "Traceback" not in said.err, said.err
        (line,) = [line for line in said.err.splitlines() if line.startswith("error: ")]
        return line

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask or change the library behind beets' back."""
        with sqlite3.connect(self.home / "library.db") as connection:
            return connection.execute(statement, values).fetchall()

    def attributes(self, key: str) -> dict[str, str]:
        """Title -> value of a stored attribute."""
        return dict(
            self.sql(
                "SELECT title, value FROM items JOIN item_attributes AS a ON a.entity_id = items.id WHERE key = ?", key
            )
        )

    def stored(self) -> dict[int, dict[str, str]]:
        """Item's id -> what of ours is stored for it."""
        found: dict[int, dict[str, str]] = {id_: {} for (id_,) in self.sql("SELECT id FROM items")}
        for id_, key, value in self.sql(
            "SELECT entity_id, key, value FROM item_attributes WHERE key LIKE 'musrec%' ORDER BY entity_id, key"
        ):
            found.setdefault(id_, {})[key] = value
        return found

    def paths(self, *query: str) -> list[Path]:
        """The files of some songs, as beets lists them."""
        return [Path(line) for line in self("ls", "-p", *query).lines]


@pytest.fixture(scope="module", autouse=True)
def embedding_model(request: pytest.FixtureRequest) -> Iterator[Path | None]:
    """In a module marked `quick_model`, each `Beet` embeds with that one, and the imported library is embedded so."""
    if request.node.get_closest_marker("quick_model"):
        Beet.model = request.getfixturevalue("quick")
    yield Beet.model
    Beet.model = None


@pytest.fixture(scope="module")
def imported(songs: Path, embedding_model: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Beet:
    """The ten songs, imported once; tests take a copy."""

    def make(folder: Path) -> None:
        done = Beet(folder, songs).process("import", str(songs))
        assert done.status == 0, done

    made = made_once(tmp_path_factory, "imported-quickly" if embedding_model else "imported", make)
    beet = Beet(tmp_path_factory.mktemp("imported"), songs)
    shutil.copy(made / "library.db", beet.home)
    return beet


@pytest.fixture
def library(imported: Beet, tmp_path: Path) -> Beet:
    """A copy of the imported library; the music files are shared and must not be written."""
    beet = Beet(tmp_path / "home", imported.directory)
    shutil.copy(imported.home / "library.db", beet.home)
    return beet


@pytest.fixture
def own_files(songs: Path, imported: Beet, tmp_path: Path) -> Beet:
    """The imported library with music files of its own, as after a move to another disk: nothing is embedded anew."""
    beet = Beet(tmp_path / "home", shutil.copytree(songs, tmp_path / "music"))
    shutil.copy(imported.home / "library.db", beet.home)
    old, new = bytes(songs), bytes(beet.directory)
    rows = [row for row in beet.sql("SELECT path, id FROM items") if row[0].startswith(old)]
    for path, id_ in rows:  # beets before 2.10 stores absolute paths
        beet.sql("UPDATE items SET path = ? WHERE id = ?", new + path[len(old) :], id_)
    return beet
