"""``make release-check``: builds what is published, twice, and uses it as a user would.

The sources are those of the last commit. ``dist/`` gets the wheel and the sdist if all went well.
"""

from __future__ import annotations

import gzip
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .requirements import ROOT

DEMO = ("__init__.py", "demo.py", "music.py")  # of tests/: they make the songs and run the commands
IMPORTED = "import beetsplug.musrec, musrec_core; print(beetsplug.musrec.__file__, musrec_core.__file__, sep='\\n')"
# Archives of our own commit: "data" would set the modes. Python 3.11.2, Debian 12's, knows no filter yet.
TRUSTED: Any = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
UMASKS = ("0022", "0077")  # of two checkouts
PYTHON_SETTINGS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def main() -> int:
    """Run all steps; returns 1, after a sentence, if one fails."""
    try:
        with tempfile.TemporaryDirectory(prefix="musrec-release-") as folder:
            check(Path(folder))
    except ReleaseError as error:
        print(f"release-check: {error}", file=sys.stderr)
        return 1
    return 0


class ReleaseError(Exception):
    """What was built must not be published."""


def check(folder: Path) -> None:
    """Build, compare, check the metadata, install, run the demo; ``folder`` is empty, and outside the checkout."""
    if _output("git", "status", "--porcelain", "--untracked-files=no"):
        raise ReleaseError("there are changes that are not committed: commit them, or put them aside with `git stash`")
    first, second = (build(folder / f"build-{umask}", umask) for umask in UMASKS)
    require_same(first, second)
    _run(sys.executable, "-m", "twine", "check", "--strict", *map(str, first))
    (wheel,) = (file for file in first if file.suffix == ".whl")
    python = install(wheel, folder / "venv")
    run_demo(python, folder / "outside")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    for file in first:
        shutil.copy2(file, dist)
        print(f"dist/{file.name}: {file.stat().st_size:,} bytes")


def build(folder: Path, umask: str) -> list[Path]:
    """The sdist, and the wheel that is made of it, from a checkout of its own; sorted by name."""
    sources = folder / "sources"
    sources.mkdir(parents=True)
    archive = folder / "sources.tar"
    _run("git", "-c", f"tar.umask={umask}", "archive", "--output", str(archive), "HEAD")
    with tarfile.open(archive) as opened:
        opened.extractall(sources, **TRUSTED)
    epoch = _output("git", "log", "-1", "--format=%ct")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    command = [sys.executable, "-m", "build", "--outdir", str(folder / "dist")]
    _run(*command, "--sdist", str(sources), environment=environment)
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    normalize(sdist, int(epoch))
    unpacked = folder / "unpacked"
    with tarfile.open(sdist) as opened:
        opened.extractall(unpacked, **TRUSTED)
    (content,) = unpacked.iterdir()
    _run(*command, "--wheel", str(content), environment=environment)
    return sorted((folder / "dist").iterdir())


def normalize(sdist: Path, epoch: int) -> None:
    """Write an sdist anew with nothing in it that differs between two checkouts: times, owners, modes, order."""
    with tarfile.open(sdist) as source:
        members = [(one, source.extractfile(one) if one.isfile() else None) for one in source.getmembers()]
        contents = [(one, opened.read() if opened else b"") for one, opened in members]
    with (
        sdist.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member, content in sorted(contents, key=lambda pair: pair[0].name):
            clean = tarfile.TarInfo(member.name)
            clean.type, clean.size, clean.mtime = member.type, len(content), epoch
            clean.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            target.addfile(clean, io.BytesIO(content))


def require_same(first: list[Path], second: list[Path]) -> None:
    """Two builds have the same names and the same bytes."""
    if [file.name for file in first] != [file.name for file in second]:
        raise ReleaseError(f"two builds gave different files: {first}, {second}")
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            raise ReleaseError(f"two builds of {one.name} differ")


def install(wheel: Path, folder: Path) -> Path:
    """A new environment with the wheel, and wheels of what it needs; returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run(str(python), "-m", "pip", "--quiet", "install", "--only-binary=:all:", str(wheel))
    return python


def run_demo(python: Path, folder: Path) -> None:
    """Run ``make demo``'s steps outside the checkout; what is imported has to be what was installed."""
    (folder / "tests").mkdir(parents=True)
    for name in DEMO:
        shutil.copy(ROOT / "tests" / name, folder / "tests")
    environment = {name: value for name, value in os.environ.items() if name not in PYTHON_SETTINGS}
    files = _output(str(python), "-c", IMPORTED, folder=folder, environment=environment).splitlines()
    installed = [file for file in files if Path(file).is_relative_to(python.parents[1])]
    if len(installed) != 2:
        raise ReleaseError(f"these are imported, and not what was installed: {files}")
    demo = [str(python), "-m", "tests.demo", "--out", str(folder / "demo")]
    _run(*demo, folder=folder, environment=environment)


def _run(*words: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> None:
    print("$", shlex.join(words), flush=True)
    _started(words, folder, environment)


def _output(*words: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None) -> str:
    return _started(words, folder, environment, stdout=subprocess.PIPE).strip()


def _started(
    words: Sequence[str], folder: Path, environment: Mapping[str, str] | None, stdout: int | None = None
) -> str:
    """Run a program; a program that is missing or fails is one sentence (git, or a checkout without its history)."""
    try:
        done = subprocess.run(words, cwd=folder, env=environment, check=False, stdout=stdout, encoding="utf-8")
    except FileNotFoundError:
        raise ReleaseError(f"{words[0]} is not installed") from None
    if done.returncode:
        raise ReleaseError(f"`{shlex.join(words)}` failed (exit status {done.returncode})")
    return str(done.stdout or "")


if __name__ == "__main__":
    sys.exit(main())
