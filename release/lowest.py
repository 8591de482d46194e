"""``make test-lowest``: prints constraints that hold every requirement at the lowest version that it allows."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.version import Version

from .requirements import declared

EXTRAS = ("learn", "map", "ann")  # those of users


def main() -> int:
    """Print a constraints file."""
    print(*constraints(declared(EXTRAS)), sep="\n")
    return 0


def constraints(requirements: Iterable[Requirement]) -> list[str]:
    """``numpy>=2.0.2,<3`` -> ``numpy==2.0.2``, once for each package: the highest of its lower bounds."""
    lowest: dict[str, str] = {}
    for requirement in requirements:
        bounds = [one.version for one in requirement.specifier if one.operator == ">="]
        if len(bounds) != 1:
            raise ValueError(f"{requirement} has no lower bound")
        known = lowest.get(requirement.name)
        lowest[requirement.name] = bounds[0] if known is None else max(known, bounds[0], key=Version)
    return [f"{name}=={version}" for name, version in sorted(lowest.items())]


if __name__ == "__main__":
    sys.exit(main())
