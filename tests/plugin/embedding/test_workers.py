"""Embedding where a system gives little: no room for sockets, strange modules in the way, no processes at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from musrec_core.workers import child

from ..conftest import Beet

pytestmark = pytest.mark.quick_model


def test_a_long_temporary_path_and_modules_beside_the_music(library: Beet, tmp_path: Path) -> None:
    """What takes sockets or modules from there gets none, or the wrong ones."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    for module in ("random", "numpy", "socket", "av", "musrec_core", "beetsplug"):
        (folder / f"{module}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit")
    assert library("embed", "-f", "-j", "1", cwd=folder, TMPDIR=str(folder)).out == "10 embedded\n"
    assert not (tmp_path / "ran").exists()


def test_a_home_that_is_not_there_no_locale_and_no_terminal(library: Beet) -> None:
    nowhere = os.path.join(os.devnull, "home")
    locale = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": ""}
    said = library.process("embed", "-f", cwd=None, HOME=nowhere, TMPDIR=nowhere, XDG_CACHE_HOME=nowhere, **locale)
    assert (said.out, said.err) == ("10 embedded\n", "")


def test_where_no_process_can_start_the_songs_are_embedded_all_the_same(library: Beet) -> None:
    refuse = """
import musrec_core.workers.pool
def refuse(*arguments):
    raise OSError(11, "Resource temporarily unavailable")
musrec_core.workers.pool.WorkerProcess = refuse
"""
    said = library.after(refuse, "embed", "-f")
    assert said.out == "10 embedded\n"
    (line,) = said.err.splitlines()
    assert line.startswith("musrec: no worker process can be started (Resource temporarily unavailable): ")


def test_workers_that_are_killed_as_they_start_are_one_sentence(library: Beet, songs: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"if any('{child.__name__}' in argument for argument in sys.orig_argv):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killing = str(tmp_path)
    for command in (["embed", "-f"], ["similar", "--file", str(next(songs.rglob("*.mp3")))]):
        said = library(*command, ok=False, PYTHONPATH=killing)
        assert said.status == 1
        (line,) = said.err.splitlines()
        assert line.startswith("error: no worker process can be kept alive: the last one ended with status -9 ")
    assert not library.attributes("musrec_status")
    imported = Beet(tmp_path / "home2", songs)
    *_, last = imported("import", str(songs), PYTHONPATH=killing).err.splitlines()
    assert last.startswith("musrec: 10 imported songs have no embedding (no worker process can be kept alive")
    assert last.endswith("fix that, then run `beet embed`")
    assert imported("embed").out == "10 embedded\n"
