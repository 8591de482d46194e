"""The steps of a track."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.stages import stages

from .conftest import rows


def test_stages_of_every_file_and_their_mean(short: list[Path]) -> None:
    found = rows(stages(short, 1, markdown=True))
    assert {path.name for path in short} < set(found)
    *_, track, _ = (float(value) for value in found["mean"])
    assert track == pytest.approx(sum(float(found[path.name][4]) for path in short) / len(short), abs=0.1)
