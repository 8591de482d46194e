"""A library in memory's place: real files, and a writer of tags that logs into a list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from beets import config
from beets.library import Item, Library

from beetsplug.musrec.tags.writer import TagWriter


class Log(list[str]):
    """What was logged, a line each."""

    def warning(self, line: str, *values: Any) -> None:
        self.append(line.format(*values))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def writer(log: Log) -> TagWriter:
    return TagWriter(cast(Any, log))


@pytest.fixture
def lib(tmp_path: Path) -> Library:
    config["create_backup_before_migrations"] = False  # they would lie in the working directory
    return Library(":memory:", str(tmp_path))


@pytest.fixture
def song(lib: Library, kinds: dict[str, bytes], tmp_path: Path) -> Callable[[str], tuple[Path, Item]]:
    """A file of a kind, and its item in the library."""

    def make(ending: str) -> tuple[Path, Item]:
        path = tmp_path / f"song.{ending}"
        path.write_bytes(kinds[ending])
        item = Item.from_path(str(path))
        lib.add(item)
        return path, item

    return make
