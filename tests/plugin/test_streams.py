"""Commands do their work whatever became of standard input, output and error."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from beets.ui import UserError

import beetsplug.musrec as package
from beetsplug.musrec import console, progress

from .conftest import BEET, Beet

pytestmark = pytest.mark.quick_model


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        super().isatty()  # raises where the stream is closed
        return True


def shell(beet: Beet, words: str, redirected: str) -> tuple[int, str, str]:
    """Run a command with streams as a shell redirects them; status, output and errors."""
    done = subprocess.run(
        ["sh", "-c", f"exec {shlex.quote(str(BEET))} {words} {redirected}"],
        env={"BEETSDIR": str(beet.home), "PATH": "/usr/bin:/bin"},
        cwd=beet.home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_bar_is_drawn_for_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Terminal()
    closed.close()
    for stream, drawn in ((Terminal(), True), (io.StringIO(), False), (None, False), (closed, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert progress.is_watched() == drawn
        with progress.bar(3) as bar:
            assert bar.disable is not drawn
            with bar.external_write_mode():
                bar.update()
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert progress.bar(3, quiet=True).disable


def test_every_bar_comes_from_there() -> None:
    modules = [path for path in Path(package.__file__).parent.rglob("*.py") if path.name != "progress.py"]
    assert len(modules) > 30
    for path in modules:
        text = path.read_text(encoding="utf-8")
        assert "import tqdm" not in text, path
        assert "isatty" not in text, path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_is_closed_or_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    console.print_text("nobody reads this")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(UserError, match="the output can't be written: No space left on device"):
            console.print_text("a line")


@pytest.mark.parametrize("redirected", ["2>&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_embedding_with_closed_streams(redirected: str, library: Beet) -> None:
    library.sql("DELETE FROM item_attributes WHERE entity_id = 1")
    status, out, errors = shell(library, "embed", redirected)
    assert (status, errors) == (0, "")
    assert out == ("" if ">&- 2" in redirected else "1 embedded, 9 up to date\n")
    assert "musrec_embedding" in library.stored()[1]


def test_a_reader_that_leaves_does_not_take_the_playlist_along(library: Beet, tmp_path: Path) -> None:
    target = tmp_path / "like.m3u"
    status, out, _ = shell(library, f"similar Harbour -n 9 -m {shlex.quote(str(target))}", "| true")
    assert (status, out) == (0, "")
    assert len([line for line in target.read_text().splitlines() if not line.startswith("#")]) == 10
