"""``make targets``: for which systems and Pythons pip finds everything as wheels; prints a Markdown table.

Nothing is installed. Packages are looked up where pip is configured to, as for any ``pip install``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

from packaging.requirements import Requirement

from .requirements import declared

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# pip takes the platform of another system, but evaluates markers such as `sys_platform == "win32"` for this one. No
# option changes that, and pip evaluates with its own copy of packaging: that copy is what has to be changed.
PIP = """
import json, runpy, sys
from pip._vendor.packaging import markers
here, there = markers.default_environment, json.loads(sys.argv.pop(1))
markers.default_environment = lambda: {**here(), **there}
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
UNREACHABLE = re.compile(r"^ *Could not fetch URL (?!.*: 404 Client Error).*", re.MULTILINE)  # 404: no such package
NO_WHEEL = re.compile(r"No matching distribution found for ([\w.-]+)")
NEEDED = re.compile(r"^ +\S+ \S+ depends on ([\w.-]+)", re.MULTILINE)
NONE_OF = re.compile(r"have no matching distributions available for your environment:\n((?: +[\w.-]+\n)+)")


@dataclass(frozen=True)
class System:
    """An operating system on a processor: the tags of wheels that it takes, and its markers."""

    name: str
    platforms: tuple[str, ...]
    os_name: str
    sys_platform: str
    platform_system: str
    platform_machine: str


def _linux(libc: str, machine: str, platforms: tuple[str, ...]) -> System:
    name = f"Linux, {libc}, {'x86-64' if machine == 'x86_64' else 'ARM 64-bit'}"
    return System(name, tuple(f"{tag}_{machine}" for tag in platforms), "posix", "linux", "Linux", machine)


# Debian 10, Ubuntu 20.04 and newer; Alpine 3.13 and newer; macOS 14 and newer (pip adds the older tags of macOS itself)
GLIBC = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014", "manylinux2010", "manylinux1")
MUSL = ("musllinux_1_2", "musllinux_1_1")
SYSTEMS = (
    _linux("glibc", "x86_64", GLIBC),
    _linux("glibc", "aarch64", GLIBC),
    _linux("musl", "x86_64", MUSL),
    _linux("musl", "aarch64", MUSL),
    System("macOS, Apple silicon", ("macosx_14_0_arm64",), "posix", "darwin", "Darwin", "arm64"),
    System("macOS, Intel", ("macosx_14_0_x86_64",), "posix", "darwin", "Darwin", "x86_64"),
    System("Windows, x86-64", ("win_amd64",), "nt", "win32", "Windows", "AMD64"),
    System("Windows, ARM 64-bit", ("win_arm64",), "nt", "win32", "Windows", "ARM64"),
)


class UnreachableIndexError(Exception):
    """pip could not ask an index: what it did not find there may exist."""


@dataclass(frozen=True)
class Hole:
    """A package without a wheel for a target."""

    package: str
    of_beets: bool  # beets can't be installed there either

    def __str__(self) -> str:
        return f"beets: {self.package}" if self.of_beets else self.package


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; returns 1 where beets could be installed and the plugin can't, 2 without an index."""
    parser = argparse.ArgumentParser(prog="release.targets", description=__doc__)
    parser.add_argument("--with", dest="added", nargs="+", default=[], metavar="WHAT", help="as if it were there")
    parser.add_argument("--without", nargs="+", default=[], metavar="NAME", help="as if it were not needed")
    parser.add_argument("--extra", action="append", default=[], help="the requirements of this extra, too")
    options = parser.parse_args(words)
    requirements = [str(one) for one in declared(options.extra) if one.name not in options.without] + options.added
    targets = list(product(SYSTEMS, PYTHONS))
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:  # pip mostly waits for the index
        try:
            found = list(pool.map(lambda target: holes(requirements, *target), targets))
        except UnreachableIndexError as error:
            pool.shutdown(cancel_futures=True)
            print(f"targets: {error}", file=sys.stderr)
            return 2
    print(table(dict(zip(targets, found, strict=True))))
    return int(any(not hole.of_beets for cell in found for hole in cell))


def holes(requirements: Sequence[str], system: System, python: str) -> list[Hole]:
    """What keeps a target from being installed from wheels: for each requirement the first package without one.

    Where beets itself can't be installed, only what it lacks counts.
    """
    complaint = _complaint(requirements, system, python)
    if not complaint:
        return []
    found: list[Hole] = []
    for one in sorted(requirements, key=lambda one: Requirement(one).name != "beets"):
        if alone := _complaint([one], system, python):
            found.append(Hole(_missing(alone), Requirement(one).name == "beets"))
            if found[-1].package == "beets":
                raise RuntimeError(f"the package index has no beets at all, or can't be reached: {alone}")
            if found[-1].of_beets:
                break
    if not found:
        raise RuntimeError(f"{system.name}, Python {python}: there are wheels, but of no set that fits: {complaint}")
    return list(dict.fromkeys(found))


def _missing(complaint: str) -> str:
    """The first package of which pip found no wheel; anything else that pip complains of is an error."""
    if alone := NO_WHEEL.search(complaint):
        return alone[1]
    missing = {name for names in NONE_OF.findall(complaint) for name in names.split()}
    needed = [name for name in NEEDED.findall(complaint) if name in missing]
    if not needed:
        raise RuntimeError(complaint)
    return str(needed[0])


def _complaint(requirements: Sequence[str], system: System, python: str) -> str:
    """What pip says if it can't resolve the requirements with wheels alone.

    Raises:
        UnreachableIndexError: An index did not answer; without ``-vv``, pip shows it as an empty one.
    """
    markers = {
        "os_name": system.os_name, "sys_platform": system.sys_platform, "platform_system": system.platform_system,
        "platform_machine": system.platform_machine, "python_version": python, "python_full_version": f"{python}.0",
        "implementation_name": "cpython", "platform_python_implementation": "CPython",
    }  # fmt: skip
    tags = ["--implementation", "cp", "--python-version", python, "--abi", f"cp{python.replace('.', '')}"]
    tags += [word for platform in system.platforms for word in ("--platform", platform)]
    with tempfile.TemporaryDirectory() as folder:
        install = ["install", "--dry-run", "--ignore-installed", "--only-binary=:all:", "--target", folder]
        command = [sys.executable, "-c", PIP, json.dumps(markers), *install, *tags, *requirements]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            return ""
        again = subprocess.run([*command, "-vv"], capture_output=True, text=True, check=False)
    if unreachable := UNREACHABLE.search(again.stdout + again.stderr):
        raise UnreachableIndexError(unreachable[0].strip())
    return done.stdout + done.stderr


def table(cells: dict[tuple[System, str], list[Hole]]) -> str:
    """A row for each system, a column for each Python: ``yes``, or what has no wheel."""
    pythons = list(dict.fromkeys(python for _, python in cells))
    lines = ["| | " + " | ".join(pythons) + " |", "|---" * (len(pythons) + 1) + "|"]
    for system in dict.fromkeys(system for system, _ in cells):
        row = [", ".join(map(str, cells[system, python])) or "yes" for python in pythons]
        lines.append("| " + " | ".join([system.name, *row]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
