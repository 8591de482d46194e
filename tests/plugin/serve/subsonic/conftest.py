"""A media server, and a library with the same songs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from beets.library import Library

from .fake_server import SONGS, FakeServer, item_of, running, song


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with running(FakeServer([song(number) for number in range(SONGS)])) as fake:
        yield fake


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the songs; tests take a copy."""
    path = tmp_path_factory.mktemp("made") / "library.db"
    library = Library(str(path), "/music")
    with library.transaction():
        for number in range(SONGS):
            library.add(item_of(song(number)))
    library._close()
    return path


@pytest.fixture
def lib(made: Path, tmp_path: Path) -> Iterator[Library]:
    library = Library(str(shutil.copy(made, tmp_path)), "/music")
    yield library
    library._close()
