"""``make demo`` shows the main job, and leaves a real folder alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.demo", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip


def test_a_real_folder_is_imported_and_left_alone(songs: Path, tmp_path: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in songs.rglob("*") if p.is_file()}
    done = demo("--out", str(tmp_path / "out"), "--music", str(songs))
    assert done.returncode == 0, done.stderr
    for command in (
        "import -A",
        "similar id:",
        "--metric cosine",
        "--metric euclidean",
        "genreguess",
        "-m similar.m3u8",
    ):
        assert f"$ beet {command}" in done.stdout or command in done.stdout
    assert done.stdout.count("#EXTINF") == 10  # the seed and all the others
    assert "Nothing in the music folder was copied, moved or written." in done.stdout
    assert str(tmp_path / "out" / "library.db") in done.stdout
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in songs.rglob("*") if p.is_file()} == before


def test_mistakes_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = demo("--out", str(tmp_path / "out"), "--music", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (1, f"demo: {tmp_path / 'nowhere'} is not a folder\n")
    done = demo("--out", str(tmp_path / "out"), "--music", str(tmp_path / "empty"))
    assert done.returncode == 1
    assert "beets found no music" in done.stderr
