"""Everything here needs the extra ``catalogue``: ``make test-catalogue`` installs it; without it all is skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.catalogue)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(17)
