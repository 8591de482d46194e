"""Memory along the way."""

from __future__ import annotations

from pathlib import Path

from benchmarks import memory
from benchmarks.songs import surround
from musrec_core.audio.clip import load_clip


def test_memory_is_sampled_along_the_way(short: list[Path], tmp_path: Path) -> None:
    paths = [short[0], surround(tmp_path / "surround.wav", seconds=4, rate=48_000)]
    assert len(load_clip(paths[1])) == 4 * 22_050
    samples = list(memory.sampled(paths, 16, 1))
    assert [done for done, _, _ in samples] == list(range(2, 17, 2))
    for _, workers, parent in samples:
        assert len(workers) == 1
        assert 0 < workers[0].now <= workers[0].peak * 1.01
        assert parent.peak > 0
