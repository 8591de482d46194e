"""``beet musrec-report`` tells how good the neighbours are on this library."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from beetsplug.musrec.commands import report
from musrec_core import Card
from musrec_core.card import SHIPPED

from ..conftest import Beet


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload", "onclick"}

    def handle_data(self, data: str) -> None:
        self.text += data


def genre_column(library: Beet) -> str:
    """Beets 2.10 and later: ``genres``."""
    columns = [row[1] for row in library.sql("PRAGMA table_info(items)")]
    return "genres" if "genres" in columns else "genre"


def test_a_page_of_eighty_columns(library: Beet) -> None:
    library.sql(
        f"UPDATE items SET {genre_column(library)} = CASE WHEN title LIKE '%Rock%' THEN 'Rock' ELSE 'Other' END"
    )
    said = library("musrec-report")
    assert re.match(rf"10 songs, model {SHIPPED.stem}@\w{{8}}, run by (ncnn|ONNX Runtime) [\d.]+\n", said.out)
    assert max(map(len, said.lines)) <= 80
    assert re.search(r"embedded +10 +100%", said.out)
    assert re.search(r"genre +\d+\.\d% +\d+\.\d% +\d\.\dx +10", said.out)
    assert re.search(r"genre, other artists +\d", said.out)
    assert re.search(r"skewness of the 9-occurrence +0\.00", said.out)


def test_what_is_missing_is_counted_by_reason(library: Beet) -> None:
    library.sql("DELETE FROM item_attributes WHERE entity_id <= 3")
    library.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (1, 'musrec_status', 'too-short @ 5')")
    library.sql("UPDATE item_attributes SET value = 'old@12345678' WHERE key = 'musrec_model' AND entity_id = 4")
    said = library("musrec-report")
    for line in (r"embedded +6 +60\.0%", r"not embedded yet +2 +20\.0%", r"failed: too-short +1 +10\.0%",
                 r"from another model +1 +10\.0%"):  # fmt: skip
        assert re.search(line, said.out), said.out
    library.sql("DELETE FROM item_attributes")
    assert re.search(r"not embedded yet +10 +100%", library("musrec-report").out)


def test_failures_of_singletons_by_one_artist_are_counted(library: Beet) -> None:
    library.sql("UPDATE items SET artist = 'Solo', albumartist = '', album = '', album_id = NULL")
    library.sql("DELETE FROM item_attributes WHERE entity_id <= 3")
    for id_, reason in ((1, "too-short"), (2, "too-short"), (3, "silent")):
        library.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, 'musrec_status', ?)",
                    id_, f"{reason} @ 5")  # fmt: skip
    for query in ((), ("artist:Solo",), ("singleton:true",)):
        assert re.search(
            r"failed: too-short +2 +20\.0%\n +failed: silent +1 +10\.0%", library("musrec-report", *query).out
        )
        assert library("embed", "--report", *query).lines[0] == "3 could not be embedded:"


def test_a_query_and_a_library_without_tags(library: Beet) -> None:
    assert library("musrec-report", "title:Waltz").out.startswith("2 songs, model")
    assert library.error("musrec-report", "nosuchsong") == "error: no song matches: nosuchsong"
    library.sql(f"UPDATE items SET artist = '', album_id = NULL, {genre_column(library)} = ''")
    assert re.search(r"genre +0\n", library("musrec-report").out)


def test_it_needs_nothing_that_runs_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("ncnn", "onnxruntime"):
        monkeypatch.setitem(sys.modules, module, None)
    needed = f"the model {SHIPPED.stem} needs ncnn, which is not installed: pip install ncnn"
    assert report._runtime(Card.load()) == f"which can't run here: {needed}"


def test_genres_agree_if_they_share_one(library: Beet) -> None:
    if genre_column(library) != "genres":
        pytest.skip("before beets 2.10 a song has one genre")
    library.sql("UPDATE items SET genres = 'Style ' || id || '\\␀Common'")
    assert re.search(r"genre +100\.0% +100\.0% +1\.0x +10\n", library("musrec-report").out)


def test_one_html_file_where_titles_do_nothing(library: Beet, tmp_path: Path) -> None:
    library.sql("UPDATE items SET title = '<script>alert(1)</script>', artist = '\x1b[31m&<b>'")
    page = tmp_path / "new folder" / "report.html"
    said = library("musrec-report", "-o", str(page))
    assert f"wrote {page}" in said.err
    assert "\x1b" not in said.out
    text = page.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not {"script", "link", "img", "b", "iframe"} & set(tags.seen)
    assert "<script>alert(1)</script>" in tags.text
    assert "prefers-color-scheme: dark" in text
    assert "can't be written" in library.error("musrec-report", "-o", str(tmp_path))
