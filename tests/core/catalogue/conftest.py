"""Everything here needs the extra ``catalogue``: ``make test-catalogue`` installs it; without it all is skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.catalogue)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(17)


@pytest.fixture(scope="session", autouse=True)
def _workers_find_our_jobs() -> Iterator[None]:
    """Let Ray's workers import `tests`: the folder that Ray starts in is none that they import from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def ray_local() -> Iterator[None]:
    """One Ray session of two workers for all tests here."""
    from musrec_core.catalogue.cluster import session

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(session.ADDRESS_VARIABLE, raising=False)
        patch.setattr(session, "OBJECT_STORE", 200 << 20)
        with session.ray_session(cpus=2):
            yield
