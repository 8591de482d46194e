"""What all tests share: composed songs, encoded once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from . import music
from .faults.sample_files import every_kind
from .models import quick_model
from .once import made_once

SECONDS = 12.0
settings.register_profile(
    "any machine",  # a busy one is slow, which is no failure
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)  # after the shuffle
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first, in each parallel process's share: else one of them may run on alone at the end."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    items[:] = []
    for n in range(processes):  # xdist gives each of them one part of the list
        items += [*slow[n::processes], *quick[n * len(quick) // processes : (n + 1) * len(quick) // processes]]


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten tagged songs: two of each style, by two artists, in five formats."""

    def make(folder: Path) -> None:
        for song in music.collection(per_style=2):
            music.write(song, folder, SECONDS)

    return made_once(tmp_path_factory, "songs", make)


@pytest.fixture(scope="session")
def waltz(songs: Path) -> Path:
    """One song."""
    return next(path for path in sorted(songs.rglob("*.*")) if "Waltz" in path.name)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Ending -> a small whole file of every format."""

    def make(folder: Path) -> None:
        for ending, content in every_kind().items():
            (folder / ending).write_bytes(content)

    return {path.name: path.read_bytes() for path in sorted(made_once(tmp_path_factory, "kinds", make).iterdir())}


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model for tests that do not care what comes out."""
    return made_once(tmp_path_factory, "quick-model", quick_model) / "quick-1.onnx"


@pytest.fixture(scope="session")
def labelled_music() -> Path:
    """The folder of labelled real music; whoever has none skips."""
    beside = Path(__file__).parents[2] / "shared" / "music"
    folder = Path(os.environ.get("MUSREC_MUSIC", beside))
    if not (folder / "tracks.csv").is_file():
        pytest.skip("no labelled music here (MUSREC_MUSIC names its folder)")
    return folder
