"""What is read of a library by SQL is what beets itself gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from beets.library import Library

from beetsplug.musrec.library import sql
from benchmarks.synthetic_library import make_library

SONGS = 40


@pytest.mark.parametrize("most", [10 * SONGS, 3])  # ids a statement: for few songs and for many there are two ways
@pytest.mark.parametrize("query", [[], ["id:5..25"], ["id:5..25", "title-"], ["id:7"], ["year+", "id:1..30"]], ids=str)
def test_songs_are_listed_in_the_order_of_beet_ls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: list[str], most: int
) -> None:
    monkeypatch.setattr(sql, "PART", most)
    library = Library(str(make_library(tmp_path / "library.db", SONGS)), "/music")
    assert sql.listed(library, query) == [item.id for item in library.items(query)]
    library._close()
