"""The alternatives to a track's steps."""

from __future__ import annotations

from pathlib import Path

from benchmarks.alternatives import alternatives


def test_every_alternative_runs(short: list[Path]) -> None:
    found = alternatives(short, 1, markdown=True)
    for step in ("mel power", "joining the frames", "network in ONNX Runtime", "opening WAV", "decoding Opus"):
        assert f"| {step} |" in found
