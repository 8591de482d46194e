"""The command line as a process: what is wrong is one sentence, and no code of a folder of music runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

from musrec_core import catalogue
from musrec_core.catalogue import Catalogue

SCALE = Path(__file__).parents[3] / "docs" / "scale.md"
MODULES = (
    "typing",
    "argparse",
    "numpy",
    "av",
    "ncnn",
    "pyarrow",
    "pandas",
    "lance",
    "ray",
    "fsspec",
    "tqdm",
    "secrets",
)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "musrec_core.catalogue", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_code_in_the_working_folder_does_not_run(songs: Path, quick: Path, tmp_path: Path) -> None:
    song = next(path for path in sorted(songs.rglob("*.flac")))
    (tmp_path / "song.flac").write_bytes(song.read_bytes())
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(
            "open('ran', 'a').close()\nraise ImportError('code of a folder of music')\n"
        )
    done = run(tmp_path, "embed", ".", "--out", "tracks.lance", "--model", str(quick), "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    assert Catalogue.open(str(tmp_path / "tracks.lance")).count("status = 'ok'") == 1


def test_a_mistake_is_one_sentence_and_help_needs_no_engine(tmp_path: Path) -> None:
    done = run(tmp_path, "genres", "nowhere.lance")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: there is no dataset nowhere.lance\n"
    shown = run(tmp_path, "--help")
    assert shown.returncode == 0
    assert all(f"    {name}" in shown.stdout for name in ("embed", "similar", "neighbours", "export-beets"))


def test_the_public_names_are_there_and_the_documented_code_imports_them() -> None:
    assert [name for name in catalogue.__all__ if not callable(getattr(catalogue, name))] == []
    blocks = re.findall(r"```python\n(.*?)```", SCALE.read_text(encoding="utf-8"), re.DOTALL)
    imports = [line for block in blocks for line in block.splitlines() if line.startswith(("import ", "from "))]
    assert any("Searcher" in line for line in imports)
    for line in imports:
        exec(line, {})
