"""The cost of excerpts."""

from __future__ import annotations

from pathlib import Path

from benchmarks.excerpts import excerpts

from .conftest import rows


def test_a_row_a_file_and_their_mean(short: list[Path]) -> None:
    found = rows(excerpts(short, 1, markdown=True))
    assert {path.name for path in short} < set(found)
    assert len(found["mean"]) == 3
    assert all(float(figure) > 0 for figure in found["mean"])
