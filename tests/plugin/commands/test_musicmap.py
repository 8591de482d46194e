"""``beet musicmap`` on made-up libraries: files, colours and mistakes. What the page does: `test_musicmap_page`."""

from __future__ import annotations

import json
import os
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic_library import make_library
from musrec_core import attribute_text
from musrec_core.card import Card, known_cards
from musrec_core.words.heads import Words

from ..conftest import Beet


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("made") / "library.db", 60)


@pytest.fixture
def beet(made: Path, tmp_path: Path) -> Beet:
    beet = Beet(tmp_path / "home", Path("/music"))
    (beet.home / "library.db").write_bytes(made.read_bytes())
    return beet


def data_of(page: Path) -> dict[str, Any]:
    """What the page knows of the songs."""
    found = re.search(r'<script id="songs" type="application/json">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def colourings(beet: Beet, *arguments: str) -> dict[str, dict[str, Any]]:
    """What a page can be coloured by; what was asked for stands first."""
    beet("musicmap", "-o", "map.html", *arguments)
    found = {by["name"]: by for by in data_of(beet.home / "map.html")["colourings"]}
    if arguments:
        assert next(iter(found)) == arguments[1].lower()
    return found


def test_a_page_holds_every_song_and_comes_out_the_same(beet: Beet) -> None:
    said = beet("-v", "musicmap", "-o", "map.html")
    assert said.out == ""
    assert f"wrote a map of 60 songs to {beet.home}/map.html" in said.err
    data = data_of(beet.home / "map.html")
    rows = beet.sql("SELECT id, title, artist, album, year FROM items ORDER BY id")
    assert list(zip(*(data[key] for key in ("id", "title", "artist", "album")), strict=True)) == [r[:4] for r in rows]
    assert data["year"] == [str(row[4]) for row in rows]
    assert [os.fsencode(path) for path in data["path"]] == [os.fsencode(path) for path in beet("ls", "-p", "id+").lines]
    assert [by["name"] for by in data["colourings"]] == ["genres", "artist", "year", "musrec_genre"]
    first = (beet.home / "map.html").read_bytes()
    beet("musicmap", "-o", "map.html")
    assert (beet.home / "map.html").read_bytes() == first
    assert [path.name for path in beet.home.iterdir() if path.name.startswith(".map")] == []


def test_a_page_to_share_holds_no_path(beet: Beet) -> None:
    beet.sql("UPDATE items SET path = 'hidden/folder/x' || id || '.mp3'")
    beet("musicmap", "-o", "all.html")
    beet("musicmap", "--no-paths", "-o", "shared.html")
    data = data_of(beet.home / "shared.html")
    assert data["path"] is None
    assert data["title"] == data_of(beet.home / "all.html")["title"]
    assert "hidden" in json.dumps(data_of(beet.home / "all.html"))
    assert "hidden/folder" not in json.dumps(data)
    assert "shows paths" in beet.error("musicmap", "--no-paths", "-c", "Path", "-o", "shared.html")


def test_a_page_says_how_each_song_sounds(beet: Beet) -> None:
    beet("musicmap", "-o", "map.html")
    data = data_of(beet.home / "map.html")
    card = Card.load()
    words = Words.load(card)
    assert words
    assert data["words"] == list(words.names)
    stored = beet.sql(
        "SELECT value FROM items JOIN item_attributes AS a ON a.entity_id = items.id "
        "WHERE key = 'musrec_embedding' ORDER BY items.id"
    )
    vectors = attribute_text.decode_vectors([text for (text,) in stored], card.dimensions)
    assert [[words.names[k] for k in row] for row in data["sounds"]] == [
        [name for name, _ in words.typical(vector)] for vector in vectors
    ]
    assert any(data["sounds"])


def test_a_model_without_words_leaves_them_out(beet: Beet) -> None:
    (old,) = [card for card in known_cards(Card.load()) if card.words is None]
    beet.sql("UPDATE item_attributes SET value = ? WHERE key = 'musrec_model'", old.model_id)
    beet("musicmap", "-o", "map.html")
    data = data_of(beet.home / "map.html")
    assert (data["words"], data["sounds"]) == ([], None)


def test_a_query_chooses_and_the_rest_is_told(beet: Beet) -> None:
    beet.sql("DELETE FROM item_attributes WHERE entity_id = 12")
    said = beet("musicmap", "id:10..14", "-o", "some.htm")
    assert data_of(beet.home / "some.htm")["id"] == [10, 11, 13, 14]
    assert "1 of 5 songs are not embedded" in said.err
    beet.configure(musrec={"exclude": "id:10"})
    beet("musicmap", "id:10..14", "-o", "some.htm")
    assert data_of(beet.home / "some.htm")["id"] == [11, 13, 14]


def test_a_picture(beet: Beet) -> None:
    beet.sql("UPDATE items SET genres = '$\\frac{ 日本 $_^' WHERE id < 30")  # no formula
    for arguments in ((), ("-c", "year")):
        beet("musicmap", "-o", "map.PNG", *arguments)
        head = (beet.home / "map.PNG").read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        assert min(struct.unpack(">II", head[16:])) >= 1000


def test_columns_of_text_and_of_numbers(beet: Beet) -> None:
    beet.sql("UPDATE items SET year = 0 WHERE id = 1")
    beet.sql("UPDATE items SET artist = 'Most' WHERE id > 20")
    beet.sql("UPDATE items SET genres = 'Rock\\␀Folk' WHERE id > 1")
    by = colourings(beet, "--colour", "Length")
    assert list(by) == ["length", "genres", "artist", "year", "musrec_genre"]
    assert [by[name]["numeric"] for name in by] == [True, False, False, True, False]
    assert all(re.fullmatch(r"\d+:\d\d", label) for label in by["length"]["labels"])
    assert by["artist"]["labels"][0] == "Most"
    assert by["artist"]["values"][20:] == [0] * 40
    assert by["year"]["values"][0] is None
    assert all(0 <= value <= 1 for value in by["year"]["values"][1:])
    assert all(re.fullmatch(r"(19|20)\d\d", label) for label in by["year"]["labels"])
    assert by["musrec_genre"]["labels"][0] in beet("ls", "-f", "$musrec_genre").lines
    assert by["genres"]["labels"][0] == "Rock"  # of several the first counts, and all are shown
    assert data_of(beet.home / "map.html")["genre"][1:] == ["Rock; Folk"] * 59


def test_fields_that_are_no_columns(beet: Beet) -> None:
    for id_, (shelf_of, stars_of) in enumerate([("a", "1"), ("b", "2"), ("b", "3")], 1):
        beet.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, 'shelf', ?)", id_, shelf_of)
        beet.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, 'stars', ?)", id_, stars_of)
    shelf = colourings(beet, "-c", "shelf")["shelf"]
    assert shelf["labels"] == ["b", "a"]
    assert shelf["values"][:4] == [1, 0, 0, None]
    beet.configure(plugins="musrec types", types={"stars": "int"}, musrec={"musicmap": {"color": "stars"}})
    stars = colourings(beet)["stars"]
    assert stars["numeric"]
    assert stars["labels"] == ["1", "3"]
    assert stars["values"][:4] == [0, 0.5, 1, None]


def test_a_library_without_genres_and_years_is_grey(beet: Beet) -> None:
    beet.sql("UPDATE items SET genres = '', year = 0")
    by = colourings(beet)
    assert by["genres"]["values"] == by["year"]["values"] == [None] * 60
    said = beet("musicmap", "-o", "map.png", "-c", "year")
    assert len(said.err.splitlines()) == 1  # no warning by a library


def test_mistakes_are_one_sentence(beet: Beet, tmp_path: Path) -> None:
    home = beet.home
    assert beet.error("musicmap") == "error: name the file to write, as in: beet musicmap -o map.html"
    for name in ("map.gif", "map", ".html"):
        assert beet.error("musicmap", "-o", name).startswith("error: the map's file name has to end in .html or .png: ")
    (home / "folder.html").mkdir()
    assert beet.error("musicmap", "-o", "folder.html") == f"error: {home}/folder.html is a folder"
    assert "is not a folder" in beet.error("musicmap", "-o", "library.db/map.html")
    assert "can't be written" in beet.error("musicmap", "-o", "/proc/nowhere/map.html", "id:..9")
    assert beet.error("musicmap", "-o", "a.html", "nosuchsong") == "error: no song matches: nosuchsong"
    said = beet("musicmap", "-o", "a.html", "title::(", ok=False)  # as beets' own commands say it
    assert said.err.startswith("invalid query: ")
    assert "is not a regular expression" in said.err
    few = "error: a map needs 3 embedded songs or more, but there are 2: widen QUERY"
    assert beet.error("musicmap", "-o", "a.html", "id:1..2") == few
    assert beet.error("musicmap", "-o", "a.html", "-c", "mooood") == "error: no song on the map has the field mooood"
    assert "the library is empty" in Beet(tmp_path / "new", tmp_path).error("musicmap", "-o", "a.html")
    assert not (home / "a.html").exists()


@pytest.mark.parametrize(("name", "ending"), [("plotly", "html"), ("sklearn", "png"), ("matplotlib", "png")])
def test_without_the_extra(beet: Beet, name: str, ending: str) -> None:
    program = f"import sys; sys.modules[{name!r}] = None"
    said = beet.after(f"{program}\nimport beets.ui\nsys.exit = lambda status: None", "musicmap", "-o", f"map.{ending}")
    assert said.err == f"error: a map needs {name}: pip install 'beets-musrec[map]'\n"


def test_nothing_heavy_is_imported_before_it_is_needed(beet: Beet) -> None:
    code = (
        "import atexit\natexit.register(lambda: print({'plotly', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    assert beet.after(code, "ls", "id:1").lines[-1] == "set()"
