"""The measurement of copies runs, on next to nothing."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from benchmarks import copies


def test_copies_and_other_songs_are_counted(
    songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = sorted(path for path in songs.rglob("*.*"))[:4]
    with (tmp_path / "tracks.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "file", "artist", "title"])
        writer.writerows([f"song-{n}", str(path), f"Artist {n // 3}", path.stem] for n, path in enumerate(files))
    some = ("MP3, 64 kbit/s", "first 1 s cut")
    monkeypatch.setattr(copies, "KINDS", {kind: copies.KINDS[kind] for kind in some})
    arguments = ["copies", "--music", str(tmp_path), "--copies", "1", "--store", str(tmp_path / "vectors.npz")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--markdown"])
    copies.main()
    said = capsys.readouterr().out
    assert "(4 songs), and copies found (2) [%]" in said
    assert said.count("| 100.0 |") >= len(some)
    assert "3 pairs of one artist: 0 taken for copies" in said
    assert "of the copies within 0.05 are among the 3 nearest songs" in said
    assert "taken for a copy: " not in said
