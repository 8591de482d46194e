"""The requirements in ``pyproject.toml``, read without installing the project."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


def declared(extras: Iterable[str] = (), *, file: Path = ROOT / "pyproject.toml") -> list[Requirement]:
    """What a plain install needs, and what each of ``extras`` adds."""
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return [Requirement(line) for line in lines]
