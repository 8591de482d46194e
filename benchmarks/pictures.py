"""The pictures of the documents, of synthetic songs: ``python -m benchmarks.pictures`` draws them into ``docs/``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .synthetic_library import make_library, write_config

DOCS = Path(__file__).parents[1] / "docs"
SONGS = 3_000


def main() -> None:
    """Draw the map of a synthetic library with the real program."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_config(home)
        make_library(home / "library.db", SONGS)
        subprocess.run(
            [Path(sys.executable).parent / "beet", "musicmap", "-o", DOCS / "map.png"],
            env={**os.environ, "BEETSDIR": folder},
            check=True,
        )


if __name__ == "__main__":
    main()
