"""The benchmarks still run, on next to nothing. What they say of time is nobody's business here."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import contenders, memory
from benchmarks.alternatives import tried
from benchmarks.songs import compose, surround
from benchmarks.stages import stages
from benchmarks.tables import cpu_ms, table
from benchmarks.throughput import throughput, timed
from musrec_core.audio.clip import load_clip


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A four-second song in each format."""
    return compose(tmp_path_factory.mktemp("short"), seconds=4)


def rows(report: str) -> dict[str, list[str]]:
    """A report's Markdown tables by first cell."""
    lines = [line.strip("| ").split(" | ") for line in report.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in lines}


def test_a_table_for_a_terminal_and_one_in_markdown() -> None:
    cells = [["a", 1.25, 3], ["bcd", 12_345.6, None]]
    assert table("T", ["x", "y", "z"], cells).splitlines() == ["T", "x        y  z", "a      1.2  3", "bcd  12346"]
    assert table("T", ["x", "y", "z"], cells, markdown=True).splitlines() == [
        "**T**", "", "| x | y | z |", "| :-- | --: | --: |", "| a | 1.2 | 3 |", "| bcd | 12346 |  |",
    ]  # fmt: skip


def test_jobs_take_turns_and_the_first_turn_does_not_count() -> None:
    ran: list[str] = []
    took = cpu_ms({name: partial(ran.append, name) for name in "ab"}, runs=2)
    assert ran == ["a", "b"] * 3
    assert set(took) == {"a", "b"}


def test_stages_of_every_file_and_their_mean(short: list[Path]) -> None:
    found = rows(stages(short, 1, markdown=True))
    assert {path.name for path in short} < set(found)
    *_, track, _ = (float(value) for value in found["mean"])
    assert track == pytest.approx(sum(float(found[path.name][4]) for path in short) / len(short), abs=0.1)


def test_every_way_that_was_tried_runs(short: list[Path]) -> None:
    found = tried(short, 1, markdown=True)
    for step in ("mel power", "joining the frames", "resampling 44,100 Hz", "network", "opening WAV", "decoding Opus"):
        assert f"| {step} |" in found


def test_throughput_of_ours_beside_the_floor(short: list[Path]) -> None:
    found = rows(throughput(short[:2], 1, [contenders.OURS, contenders.FLOOR], markdown=True))
    assert float(found[contenders.OURS][-1]) == 1
    assert float(found[contenders.FLOOR][-1]) < 1
    assert found["tracks/s with two workers"][0] == "15 or more"


def test_what_is_not_installed_is_said_and_left_out(short: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(contenders.NEEDS, contenders.PLAIN, ("no_such_module", "librosa"))
    report = throughput(short[:1], 1, [contenders.FLOOR, contenders.PLAIN])
    assert f"{contenders.PLAIN}: not installed: pip install no-such-module" in report


def test_a_file_that_a_way_cannot_read_is_named(short: list[Path], tmp_path: Path) -> None:
    text = tmp_path / "notes.mp3"
    text.write_text("no music")
    assert "InvalidDataError" in timed(contenders.FLOOR, str(text)).fault
    assert f"{contenders.FLOOR}: left out notes.mp3: InvalidDataError" in throughput(
        [short[0], text], 1, [contenders.FLOOR]
    )


@pytest.mark.parametrize("name", [name for name in contenders.WAYS if name != contenders.OURS])
def test_each_way_embeds_a_file(short: list[Path], name: str) -> None:
    if lacking := contenders.missing(name):
        pytest.skip(f"needs {lacking}")
    took = timed(name, str(next(path for path in short if path.suffix == ".flac")))
    assert not took.fault
    assert took.cpu_ms > 0


def test_memory_is_sampled_along_the_way(short: list[Path], tmp_path: Path) -> None:
    paths = [short[0], surround(tmp_path / "surround.wav", seconds=4, rate=48_000)]
    assert len(load_clip(paths[1])) == 4 * 22_050
    samples = list(memory.sampled(paths, 16, 1))
    assert [done for done, _, _ in samples] == list(range(2, 17, 2))
    for _, workers, parent in samples:
        assert len(workers) == 1
        assert 0 < workers[0].now <= workers[0].peak * 1.01
        assert parent.peak > 0


def test_the_command_prints_itself_and_the_machine(short: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    benchmarks.main([str(short[0].parent), "--part", "stages", "--runs", "1", "--markdown"])
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.match(r"`python -m benchmarks \S+ --part stages --runs 1 --markdown`: medians of 1 runs, .* cores", first)
    assert any(line.startswith("| song.mp3 |") for line in rest)
