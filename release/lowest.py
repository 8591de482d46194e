"""``make test-lowest``: prints everything that users install, at the lowest version that ``pyproject.toml`` allows."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.version import Version

from .requirements import declared

EXTRAS = ("learn", "map", "ann", "onnx")  # those of users
RUN_ELSEWHERE = ("serve", "mpd", "catalogue")  # those of users whose tests are none of the core's, or take minutes


def main() -> int:
    """Print a requirements file."""
    print(*lowest(declared(EXTRAS)), sep="\n")
    return 0


def lowest(requirements: Iterable[Requirement]) -> list[str]:
    """``numpy>=2.0.2,<3`` -> ``numpy==2.0.2``, once for each package needed here: the highest of its lower bounds."""
    versions: dict[str, str] = {}
    for requirement in requirements:
        if requirement.marker and not requirement.marker.evaluate():
            continue
        bounds = [one.version for one in requirement.specifier if one.operator == ">="]
        if len(bounds) != 1:
            raise ValueError(f"{requirement} has no lower bound")
        versions[requirement.name] = max(versions.get(requirement.name, "0"), bounds[0], key=Version)
    return [f"{name}=={version}" for name, version in sorted(versions.items())]


if __name__ == "__main__":
    sys.exit(main())
