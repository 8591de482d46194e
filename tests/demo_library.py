"""``python -m tests.demo_library``: compose, import and embed the demo's songs anew, and write ``demo_library.json``.

For after a change of the shipped encoder; then ``python -m tests.sessions``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from beets.library import Item, Library

from beetsplug.musrec.attributes import fields

from . import music
from .plugin.conftest import Beet

FILE = Path(__file__).with_suffix(".json")
TAGS = ("title", "artist", "album", "albumartist", "track", "length", "format", "bitrate", "samplerate")
OURS = (fields.GENRES, fields.MOOD, fields.MODEL, fields.EMBEDDING, fields.HEARD)


def rows(home: Path) -> list[dict[str, Any]]:
    """The songs of an imported scratch library, by path."""
    folder = home / "music"
    music.main(folder)
    Beet(home, folder)("import", "-A", str(folder))
    lib = Library(str(home / "library.db"), str(folder))
    found = [_row(item, folder) for item in lib.items()]
    lib._connection().close()
    return sorted(found, key=lambda row: str(row["path"]))


def _row(item: Item, folder: Path) -> dict[str, Any]:
    return {"path": item.filepath.relative_to(folder).as_posix(), **{key: item[key] for key in (*TAGS, *OURS)}}


def main() -> int:
    """Write the file; returns the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows(Path(folder))]
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{len(lines)} songs: {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
