"""The measurement of nearness against labels runs."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import nearness


def test_near_pairs_are_of_one_genre(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    names = [f"song-{n}" for n in range(40)]
    vectors = {name: np.eye(8)[n % 4] + 0.05 * rng.standard_normal(8) for n, name in enumerate(names)}
    np.savez(tmp_path / "vectors.npz", **{name: vector.astype(np.float32) for name, vector in vectors.items()})
    with (tmp_path / "tracks.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "file", "dataset", "artist", "genres", "split"])
        for n, name in enumerate(names):
            writer.writerow([name, f"{name}.mp3", "x", f"Artist {n}", f"Genre {n % 4}", "train" if n < 8 else "test"])
        writer.writerow(["many", "many.mp3", "x", "Artist", "Rock; Pop", "test"])
    arguments = ["nearness", "--music", str(tmp_path), "--store", str(tmp_path / "vectors.npz"), "--markdown"]
    monkeypatch.setattr(sys, "argv", arguments)
    nearness.main()
    said = capsys.readouterr().out
    assert "in a library of 40 songs" in said
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines() if line[:1] == "|"]
    rows = {name: values for name, *values in cells}
    assert rows["95% to 99%"][1] == "100.0"
    assert rows["0% to 50%"][1] == "0.0"
    assert int(rows["all"][0].replace(",", "")) == 32 * 31 // 2
