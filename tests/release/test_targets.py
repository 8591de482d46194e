"""The table of targets: which wheels pip finds, for another system and another Python."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from release.requirements import ROOT, declared
from release.targets import PYTHONS, SYSTEMS, UNREACHABLE, Hole, holes, main, table

GLIBC, _, MUSL, MUSL_ARM, MAC, _, WINDOWS, WINDOWS_ARM = SYSTEMS


def wheel(folder: Path, name: str, tags: str, *needs: str, version: str = "2.7") -> None:
    """An empty package."""
    about = f"{name}-{version}.dist-info"
    metadata = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(folder / f"{name}-{version}-{tags}.whl", "w") as archive:
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}")
        archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nTag: {tags}\n")
        archive.writestr(f"{about}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where pip finds packages, and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    wheel(tmp_path, "beets", "py3-none-any")
    return tmp_path


def test_a_wheel_for_one_system_is_none_for_another(index: Path) -> None:
    wheel(index, "decoder", "cp312-abi3-manylinux_2_28_x86_64")
    assert holes(["beets", "decoder>=1"], GLIBC, "3.13") == []
    assert holes(["beets", "decoder>=1"], MUSL, "3.13") == [Hole("decoder", of_beets=False)]


def test_what_beets_lacks_is_no_fault_of_ours(index: Path) -> None:
    wheel(index, "beets", "py3-none-any", "solver")
    wheel(index, "solver", "cp312-cp312-win_amd64")
    assert holes(["decoder", "beets"], WINDOWS_ARM, "3.12") == [Hole("solver", of_beets=True)]
    assert holes(["decoder", "beets"], WINDOWS, "3.12") == [Hole("decoder", of_beets=False)]


def test_markers_are_those_of_the_target_and_not_of_this_machine(index: Path) -> None:
    markers = ("windows; sys_platform == 'win32'", "arm; platform_machine == 'aarch64'", "old; python_version < '3.11'")
    wheel(index, "decoder", "py3-none-any", *markers)
    assert holes(["decoder"], MAC, "3.14") == []
    for system, python, missing in ((WINDOWS, "3.14", "windows"), (MUSL_ARM, "3.14", "arm"), (MAC, "3.10", "old")):
        assert holes(["decoder"], system, python) == [Hole(missing, of_beets=False)]


def test_wheels_that_do_not_fit_together_are_an_error(index: Path) -> None:
    wheel(index, "beets", "py3-none-any", version="1.9")
    wheel(index, "decoder", "py3-none-any", "beets<2")
    with pytest.raises(RuntimeError, match="of no set that fits"):
        holes(["beets>=2", "decoder"], GLIBC, "3.12")


def test_an_index_that_does_not_answer_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip says `No matching distribution found for beets`, as it does for a package without wheels."""
    for name, value in {"INDEX_URL": "http://127.0.0.1:1/simple", "RETRIES": "0", "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("release.targets.SYSTEMS", [MAC])
    monkeypatch.setattr("release.targets.PYTHONS", ["3.13"])
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("targets: Could not fetch URL http://127.0.0.1:1/simple/")


@pytest.mark.parametrize(
    ("line", "unreachable"),
    [
        ("Could not fetch URL http://x/simple/beets/: connection error: refused - skipping", True),
        ("  Could not fetch URL https://x/simple/av/: 503 Server Error: Unavailable for url: x - skipping", True),
        ("Could not fetch URL https://x/simple/av/: 404 Client Error: Not Found for url: x - skipping", False),
    ],
)
def test_a_package_that_an_index_lacks_is_no_error_of_the_index(line: str, unreachable: bool) -> None:
    assert bool(UNREACHABLE.search(f"Looking in indexes: x\n{line}\n")) is unreachable


def test_a_row_for_each_system_and_a_column_for_each_python() -> None:
    cells = {
        (system, python): [Hole("resampler", of_beets=False)] * (system == MUSL)
        for system in SYSTEMS
        for python in PYTHONS
    }
    cells[WINDOWS_ARM, "3.10"] = [Hole("numpy", of_beets=True)]
    lines = table(cells).splitlines()
    assert lines[0] == "| | 3.10 | 3.11 | 3.12 | 3.13 | 3.14 |"
    assert lines[4] == "| Linux, musl, x86-64" + " | resampler" * 5 + " |"
    assert lines[-1] == "| Windows, ARM 64-bit | beets: numpy" + " | yes" * 4 + " |"
    assert len(lines) == 10


def test_the_requirements_can_be_changed(
    index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("release.targets.SYSTEMS", [MAC])
    monkeypatch.setattr("release.targets.PYTHONS", ["3.13"])
    wheel(index, "decoder", "cp313-cp313-macosx_11_0_arm64")
    every = [one.name for one in declared() if one.name != "beets"]
    assert main(["--without", *every, "--with", "decoder"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "| macOS, Apple silicon | yes |"
    assert main(["--without", *every, "--with", "encoder"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "| macOS, Apple silicon | encoder |"


def test_the_table_in_the_documents_is_whole_and_has_no_hole_of_ours() -> None:
    lines = (ROOT / "docs" / "install.md").read_text(encoding="utf-8").splitlines()
    header, rule, *rows = table({(system, python): [] for system in SYSTEMS for python in PYTHONS}).splitlines()
    start = lines.index(header)
    assert lines[start + 1] == rule
    for line, row in zip(lines[start + 2 :], rows, strict=False):
        name, *cells = line.removesuffix(" |").split(" | ")
        assert row.startswith(f"{name} |")
        assert len(cells) == len(PYTHONS)
        assert all(cell == "yes" or cell.startswith("beets: ") for cell in cells)


def test_an_index_that_has_no_beets_is_an_error_and_no_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(RuntimeError, match="no beets at all"):
        holes(["beets>=2.7"], SYSTEMS[0], "3.12")
