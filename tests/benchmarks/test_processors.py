"""What another Python's embeddings are compared with; QEMU itself is run by hand."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.processors import EMULATED, compose, differences, emulated, main, rows
from tests import music


def test_each_python_has_a_row_even_if_it_does_not_start(short: list[Path], tmp_path: Path) -> None:
    refusing = [sys.executable, "-W", "error", "-c", "raise RuntimeError('this needs\\nSSE4.2')"]
    pythons = {
        "same": ("as here", [sys.executable, "-B"]),
        "old": ("", refusing),
        "mute": ("", [sys.executable, "-c", "raise SystemExit(3)"]),
    }
    same, old, mute = rows(pythons, short[:2], tmp_path)
    assert same[:2] == ["same", "as here"]
    assert max(float(value) for value in same[2:]) < 1e-12
    assert old[2:] == ["does not start: this needs SSE4.2", ""]
    assert mute[2:] == ["does not start: exit status 3", ""]


def test_the_greatest_differences_count() -> None:
    here = np.eye(3)
    there = np.array([[1, 0, 0], [0, 1, 0], [0, 0.6, 0.8]])
    vectors, distances = differences(there, here)
    assert vectors == pytest.approx(0.2)  # of the third
    assert distances == pytest.approx(0.6)  # of the second and the third
    assert differences(here, here) == (0, 0)


def test_a_library_that_is_embedded_by_both_counts() -> None:
    """All vectors turned alike keep their distances from each other."""
    here = np.eye(2)
    assert differences(here[::-1], here)[1] == 1


def test_a_song_of_each_style_in_another_format_is_embedded(tmp_path: Path) -> None:
    paths = compose(tmp_path, 2)
    assert len(paths) == len(music.STYLES)
    assert len({path.suffix for path in paths}) == len(paths)


def test_without_qemu_a_command_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", {"qemu-x86_64": "/usr/bin/qemu-x86_64"}.get)
    assert emulated().keys() == EMULATED.keys()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        main([])
    assert "install qemu-user, or give a --python" in capsys.readouterr().err
