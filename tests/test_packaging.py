"""What is published: the files of the wheel, its metadata, and that it can be installed; and what CI calls."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import musrec_core

ROOT = Path(__file__).parents[1]
SOURCES = ["beetsplug", "musrec_core", "training", "benchmarks", "release", "tests"]
FILES = ["pyproject.toml", "setup.cfg", "README.md", "LICENSE"]
DATA = {
    "beetsplug/musrec/serve/page.css",
    "beetsplug/musrec/serve/page.html",
    "beetsplug/musrec/serve/page.js",
    "musrec_core/py.typed",
    "musrec_core/map/page.html",
    "musrec_core/models/LICENSE.md",
    "musrec_core/models/musrec-1.json",
    "musrec_core/models/musrec-1.md",
    "musrec_core/models/musrec-1.mel.npy",
    "musrec_core/models/musrec-1.ncnn.bin",
    "musrec_core/models/musrec-1.ncnn.param",
    "musrec_core/models/musrec-1.onnx",
    "musrec_core/models/musrec-2.json",
    "musrec_core/models/musrec-2.md",
    "musrec_core/models/musrec-2.mel.npy",
    "musrec_core/models/musrec-2.ncnn.bin",
    "musrec_core/models/musrec-2.ncnn.param",
    "musrec_core/models/musrec-2.onnx",
    "musrec_core/models/musrec-2.words.npz",
}
ABOUT = {"METADATA", "RECORD", "WHEEL", "top_level.txt", "licenses/LICENSE", "licenses/musrec_core/models/LICENSE.md"}
MB = 1e6


def call(*words: str | Path) -> str:
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it may name the checkout
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=outside)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "wheel",
        "--no-index",
        "--no-deps",
    ]
    call(*pip, "--no-build-isolation", "--wheel-dir", folder / "dist", folder)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def about(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_holds_the_plugin_the_core_the_model_and_nothing_else(wheel: Path) -> None:
    packages = (ROOT / "beetsplug" / "musrec", ROOT / "musrec_core")
    code = {file.relative_to(ROOT).as_posix() for package in packages for file in package.rglob("*.py")}
    about = {f"beets_musrec-{musrec_core.__version__}.dist-info/{name}" for name in ABOUT}
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == code | DATA | about
    assert "beetsplug/__init__.py" not in code  # it is beets' and every plugin's
    assert wheel.stat().st_size < 10 * MB


def test_the_metadata_says_version_licences_pythons_and_places(about: email.message.Message) -> None:
    assert about["Version"] == musrec_core.__version__
    assert about["License-Expression"] == "MIT AND CC-BY-NC-SA-4.0"
    assert about["Requires-Python"] == ">=3.10"
    places = [line.split(", ")[1] for line in about.get_all("Project-URL", [])]
    assert len(places) == 5
    assert all(place.startswith("https://github.com/beets-musrec/beets-musrec") for place in places)


def test_the_engines_of_catalogues_are_installed_by_their_extra_alone(about: email.message.Message) -> None:
    needed: dict[str, set[str]] = {}
    for line in map(Requirement, about.get_all("Requires-Dist", [])):
        extra = re.search(r'extra == "([^"]+)"', str(line.marker or ""))
        needed.setdefault(line.name, set()).add(extra[1] if extra else "")
    assert "" in needed["numpy"]
    engines = {"ray": "catalogue", "pylance": "catalogue", "pyarrow": "catalogue", "fsspec": "catalogue",
               "aiohttp": "catalogue", "lancedb": "dev-catalogue", "moto": "dev-catalogue"}  # fmt: skip
    assert {name: needed[name] for name in engines} == {name: {extra} for name, extra in engines.items()}


def test_an_installed_wheel_is_imported_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    call(*pip, "install", "--no-index", "--no-deps", wheel)
    code = """
import importlib.metadata, importlib.util, musrec_core
print(musrec_core.__file__)
print(musrec_core.__version__ == importlib.metadata.version("beets-musrec"))
print(musrec_core.Card.load().dimensions)
print([name for name in ("training", "benchmarks", "release", "tests") if importlib.util.find_spec(name)])
"""
    file, *said = call(python, "-I", "-c", code).splitlines()
    assert Path(file).is_relative_to(tmp_path)
    assert said == ["True", "128", "[]"]


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    """The jobs of the GitHub workflow."""
    jobs: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    return jobs


def test_ci_tests_what_the_metadata_claims(jobs: dict[str, Any], about: email.message.Message) -> None:
    matrix = jobs["test"]["strategy"]["matrix"]
    claimed = [line.rpartition(" ")[2] for line in about.get_all("Classifier", []) if "Python :: 3." in line]
    assert matrix["python"] == claimed
    (beets,) = [line for line in about.get_all("Requires-Dist", []) if line.startswith("beets")]
    assert re.findall(r">=([\d.]+)", beets) == [matrix["beets"][0].removesuffix(".0")]


def test_ci_only_calls_what_can_be_called_by_hand(jobs: dict[str, Any]) -> None:
    steps = [step for job in jobs.values() for step in job["steps"] if "run" in step and "if" not in step]
    commands = [step["run"] for step in steps if not step["run"].startswith("apk add ")]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(commands) == 11
    assert {command.split()[0] for command in commands} == {"make"}
    assert {command.split()[1] for command in commands} <= set(targets)


def test_only_a_tag_publishes_and_only_what_passed(jobs: dict[str, Any]) -> None:
    publish = jobs["publish"]
    assert publish["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert set(publish["needs"]) == jobs.keys() - {"publish"}
    assert [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})] == ["publish"]
