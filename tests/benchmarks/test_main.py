"""``python -m benchmarks``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks


def test_the_command_prints_itself_and_the_machine(short: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    benchmarks.main([str(short[0].parent), "--part", "stages", "--runs", "1", "--markdown"])
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.match(r"`python -m benchmarks \S+ --part stages --runs 1 --markdown`: medians of 1 runs, .* cores", first)
    assert any(line.startswith("| song.mp3 |") for line in rest)
