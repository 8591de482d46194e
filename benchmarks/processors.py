"""The embeddings that other processors compute: ``python -m benchmarks.processors [--python COMMAND ...]``.

QEMU emulates older x86-64 processors (Debian: ``apt install qemu-user``). ``--python`` names any other command that
runs a Python in this folder, with the packages that `musrec_core` needs. For ARM, unpack Debian's arm64 packages into
ROOT (``dpkg -x``: libc6, libgcc-s1, libstdc++6, zlib1g, libexpat1, libffi8, python3.11, python3.11-minimal,
libpython3.11-minimal, libpython3.11-stdlib) and the wheels into WHEELS (``pip install --target WHEELS
--only-binary=:all: --python-version 3.11 --platform manylinux_2_28_aarch64 av ncnn numpy``). Then::

    --python "env PYTHONPATH=WHEELS qemu-aarch64 -cpu cortex-a72 -L ROOT ROOT/usr/bin/python3.11"
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests import music

from .tables import machine, table

EMULATED = {  # QEMU's names of processors -> the newest instructions that they have
    "EPYC-Rome": "AVX2, FMA",
    "Haswell": "AVX2, FMA",
    "SandyBridge": "AVX",
    "Nehalem": "SSE4.2",
    "Penryn": "SSE4.1",
}
# Without Ogg Vorbis: what PyAV's encoder of it writes, FFmpeg decodes differently on ARM (31 dB below the signal: its
# `ff_vorbis_inverse_coupling_neon` takes a magnitude of 0 for positive). What libvorbis encodes is decoded alike.
FORMATS = ("mp3", "flac", "opus", "m4a", "wav")
SECONDS = 31.0  # of a song: ten windows
LIMIT = 1800.0  # of an emulated processor, which is a hundred times as slow [s]
EMBED = """
import sys
import numpy as np
from musrec_core import Encoder
out, *paths = sys.argv[1:]
encoder = Encoder.load(threads=1)
np.save(out, np.stack([encoder.embed_file(path).vector for path in paths]))
"""


class Refused(Exception):
    """A Python that did not embed the songs: what it said."""


def embed(python: list[str], paths: list[Path], out: Path) -> NDArray[np.float64]:
    """Unit vectors [shape=(n, d)] of files, computed by the Python of a command; raises `Refused`."""
    command = [*python, "-c", EMBED, str(out), *map(str, paths)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace", timeout=LIMIT)
    if ran.returncode:
        said = " ".join(line for line in ran.stderr.splitlines() if "warning: " not in line)
        raise Refused(" ".join(said.rpartition("Error: ")[2].split()) or f"exit status {ran.returncode}")
    return np.asarray(np.load(out), np.float64)


def differences(vectors: NDArray[Any], reference: NDArray[Any]) -> tuple[float, float]:
    """The greatest cosine distance between a song's two vectors, and difference between two distances of songs.

    The latter counts songs that are embedded by either, and pairs with one song by each.
    """
    of_reference = reference @ reference.T
    apart = 1 - (vectors * reference).sum(axis=1) / np.linalg.norm(vectors, axis=1) / np.linalg.norm(reference, axis=1)
    pairs = max(np.abs(vectors @ vectors.T - of_reference).max(), np.abs(vectors @ reference.T - of_reference).max())
    return max(0.0, float(apart.max())), float(pairs)


def rows(pythons: dict[str, tuple[str, list[str]]], paths: list[Path], folder: Path) -> Iterator[list[str]]:
    """For each Python (name -> what it is, command): how far its embeddings are from those of this one."""
    reference = embed([sys.executable], paths, folder / "here.npy")
    for name, (kind, command) in pythons.items():
        try:
            vectors = embed(command, paths, folder / "there.npy")
        except Refused as error:
            yield [name, kind, f"does not start: {error}", ""]
        else:
            yield [name, kind, *(f"{value:.0e}" for value in differences(vectors, reference))]


def compose(folder: Path, seconds: float) -> list[Path]:
    """A song in each style, each in another format."""
    return [
        music.encode(music.compose(song, seconds), folder / f"{n}.{ending}")
        for n, (song, ending) in enumerate(zip(music.collection(1), FORMATS, strict=True))
    ]


def emulated() -> dict[str, tuple[str, list[str]]]:
    """This Python on other x86-64 processors, where QEMU is installed."""
    if shutil.which("qemu-x86_64") is None:
        return {}
    return {name: (kind, ["qemu-x86_64", "-cpu", name, sys.executable]) for name, kind in EMULATED.items()}


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.processors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--python", action="append", metavar="COMMAND", help="one that runs a Python on another processor"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each song (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    options = parser.parse_args(arguments)
    asked = {command: ("", shlex.split(command)) for command in options.python or ()}
    pythons = asked or emulated()
    if not pythons:
        parser.error("qemu-x86_64 was not found: install qemu-user, or give a --python")
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = list(rows(pythons, compose(folder, options.seconds), folder))
    title = "Processors: the largest differences from this one"
    print(table(title, ["", "", "vectors", "distances"], found, markdown=options.markdown))


if __name__ == "__main__":
    main(sys.argv[1:])
