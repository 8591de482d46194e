"""What is read of a library by SQL is what beets itself gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from beets.dbcore.query import InvalidQueryError
from beets.library import Library
from beets.ui import UserError

from beetsplug.musrec.library import sql
from beetsplug.musrec.similar import seeds
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


@pytest.mark.parametrize("query", [f"id:{10**20}", "added:-999999999999y.."])
def test_a_number_that_is_too_large_is_told(tmp_path: Path, query: str) -> None:
    library = Library(str(make_library(tmp_path / "library.db", SONGS)), "/music")
    for look in (sql.matching, sql.listed, seeds.matching):
        with pytest.raises(InvalidQueryError, match="a number is too large"):
            look(library, [query])
    with pytest.raises(UserError, match=r"invalid query in --in: .*: a number is too large"):
        sql.matching_option(library, query, "--in")
    library._close()
