"""Throughput, and the programs that it compares."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import contenders
from benchmarks.throughput import throughput, timed

from .conftest import rows


def test_throughput_beside_bare_decoding(short: list[Path]) -> None:
    found = rows(throughput(short[:2], 1, [contenders.MUSREC, contenders.DECODING], markdown=True))
    assert float(found[contenders.MUSREC][-1]) == 1
    assert float(found[contenders.DECODING][-1]) < 1
    assert found["tracks/s with two workers"][0] == "20 or more"


def test_what_is_not_installed_is_said_and_left_out(short: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contenders.REQUIREMENTS, contenders.LIBROSA, ("no_such_module", "librosa"))
    report = throughput(short[:1], 1, [contenders.DECODING, contenders.LIBROSA])
    assert f"{contenders.LIBROSA}: not installed: pip install no-such-module" in report


def test_a_file_that_a_contender_cannot_read_is_named(short: list[Path], tmp_path: Path) -> None:
    text = tmp_path / "notes.mp3"
    text.write_text("no music")
    assert "InvalidDataError" in timed(contenders.DECODING, str(text)).fault
    assert f"{contenders.DECODING}: left out notes.mp3: InvalidDataError" in throughput(
        [short[0], text], 1, [contenders.DECODING]
    )


@pytest.mark.parametrize("name", [name for name in contenders.CONTENDERS if name != contenders.MUSREC])
def test_each_contender_embeds_a_file(short: list[Path], name: str) -> None:
    if lacking := contenders.missing(name):
        pytest.skip(f"needs {lacking}")
    took = timed(name, str(next(path for path in short if path.suffix == ".flac")))
    assert not took.fault
    assert took.cpu_ms > 0
