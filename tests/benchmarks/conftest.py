"""Short songs for the benchmarks, which still run on next to nothing: what they say of time is tested nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.songs import compose


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A four-second song in each format."""
    return compose(tmp_path_factory.mktemp("short"), seconds=4)


def rows(report: str) -> dict[str, list[str]]:
    """A report's Markdown tables by first cell."""
    lines = [line.strip("| ").split(" | ") for line in report.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in lines}
