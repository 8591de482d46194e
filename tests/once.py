"""What costs seconds to make is made once, by the first of the parallel test processes that needs it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

PATIENCE = 600  # seconds that the others wait for the first


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that all processes of a test run share; ``make`` fills it, and nobody writes to it later.

    The others wait for a lock of SQLite's: it works on every system, and ends with the process that holds it.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own in the run's
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with closing(sqlite3.connect(root / f"{name}.lock", timeout=PATIENCE, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed midway
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
