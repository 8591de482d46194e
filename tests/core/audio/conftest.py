"""A song that tells the time, encoded once a session in each format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ... import music
from ...once import made_once
from .test_clip import staircase


@pytest.fixture(scope="session")
def climbing(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Ending -> a minute of `staircase` in stereo; nobody writes to it."""

    def encoded(ending: str) -> Path:
        name = f"song.{ending}"
        folder = made_once(
            tmp_path_factory,
            f"climbing-{ending}",
            lambda folder: music.encode(staircase(60, channels=2), folder / name),
        )
        return folder / name

    return encoded
