"""``beet genreguess`` shows and, where asked, stores."""

from __future__ import annotations

import re
from pathlib import Path

from mediafile import MediaFile

from benchmarks.synthetic_library import make_library

from ..conftest import Beet

BAR = re.compile(r"  [a-z& ]{12} [█░]{40} +\d+%")


def genres(beet: Beet) -> list[str]:
    return [row[0] or "" for row in beet.sql("SELECT genres FROM items ORDER BY id")]


def test_bars_fit_eighty_columns(library: Beet) -> None:
    said = library("genreguess", "title:Waltz")
    assert len(said.lines) == 2 * 4
    assert sum(bool(BAR.fullmatch(line)) for line in said.lines) == 6
    assert max(map(len, said.lines)) <= 80
    assert len(library("genreguess", "title:Waltz", "-n", "16").lines) == 2 * 17
    assert genres(library) == [""] * 10


def test_a_terminal_without_unicode_gets_plain_bars(library: Beet) -> None:
    said = library("genreguess", "title:Waltz", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert re.search(r"#+\.*", said.out)
    assert "?" not in said.out


def test_apply_fills_only_what_is_empty(library: Beet) -> None:
    library.sql("UPDATE items SET genres = 'Chamber' WHERE title LIKE '%Waltz%'")
    said = library("genreguess", "--apply", "-t", "0", "-q")
    assert len(said.lines) == 8
    found = genres(library)
    assert found.count("Chamber") == 2
    assert all(found)
    top = library("ls", "-f", "$genres|$musrec_genre").lines
    assert all(a.casefold() == b for a, b in (line.split("|") for line in top if "Chamber" not in line))
    assert any(line[0].isupper() for line in top)


def test_the_threshold_holds(library: Beet) -> None:
    library("genreguess", "--apply", "-t", "1.0", "-q")
    assert genres(library) == [""] * 10
    library.configure(musrec={"genreguess": {"threshold": 0.0}})
    library("genreguess", "--apply", "-q", "title:Waltz")
    assert sum(map(bool, genres(library))) == 2


def test_bars_show_what_changes_and_a_summary_tells_the_rest(library: Beet) -> None:
    library.sql("UPDATE items SET genres = 'Chamber' WHERE title LIKE '%Waltz%'")
    confident = library("ls", "-f", "$musrec_confidence", "musrec_confidence-").lines
    between = (float(confident[0]) + float(confident[1])) / 2
    library.sql("DELETE FROM item_attributes WHERE entity_id = 1")
    library.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (1, 'musrec_status', 'silent @ 5')")
    library.sql("UPDATE items SET path = CAST('/gone.mp3' AS BLOB) WHERE id = 1")
    said = library("genreguess", "-p", "-t", str(between))
    shown = sum(bool(BAR.fullmatch(line)) for line in said.lines)
    stored = sum(line.startswith("  genres: ") for line in said.lines)
    assert shown == 3 * stored
    parts = {what: int(n) for n, what in (part.split(" ", 1) for part in said.lines[-1].split(", "))}
    assert parts.pop("to be stored") == stored
    assert parts["not embedded (`beet embed --report` says why)"] == 1
    assert sum(parts.values()) == 10 - stored
    assert f"below the threshold of {between:g}" in parts
    assert genres(library).count("") == 8


def test_the_summary_tells_what_is_there_already(library: Beet) -> None:
    library.sql("UPDATE items SET genres = 'Chamber' WHERE title LIKE '%Waltz%'")
    apply = ("genreguess", "--apply", "-t", "0")
    assert library(*apply).lines[-1] == "8 stored, 2 with other genres (--force replaces them)"
    assert library(*apply).lines == ["0 stored, 8 already there, 2 with other genres (--force replaces them)"]
    assert library(*apply, "--force").lines[-1] == "2 stored, 8 already there"
    assert library(*apply, "--force").lines == ["0 stored, 10 already there"]


def test_force_overwrites_and_pretend_does_not(library: Beet) -> None:
    library.sql("UPDATE items SET genres = 'Chamber'")
    said = library("genreguess", "-p", "-f", "-t", "0", "-q", "title:Waltz")
    assert all(re.match(r"  genres: Chamber -> \w", line) for line in said.lines)
    assert genres(library) == ["Chamber"] * 10
    library("genreguess", "--apply", "-f", "-t", "0", "-q", "title:Waltz")
    assert genres(library).count("Chamber") == 8


def test_only_write_touches_the_files(own_files: Beet) -> None:
    path = Path(own_files("ls", "-p", "title:Waltz").lines[0])
    before = path.read_bytes()
    own_files("genreguess", "--apply", "-t", "0", "-q", "title:Waltz")
    assert path.read_bytes() == before
    said = own_files("genreguess", "--write", "-t", "0", "title:Waltz")  # its genres are in the library alone
    assert said.out == "0 stored, 2 written to files without genres\n"
    assert MediaFile(path).genres == own_files("ls", "title:Waltz", "-f", "$genres").lines[:1]
    before = path.read_bytes()
    said = own_files("genreguess", "--write", "-t", "0", "title:Waltz")
    assert said.out == "0 stored, 2 already there\n"
    own_files("genreguess", "--write", "-f", "-t", "0", "-q", "title:Drone")
    drone = Path(own_files("ls", "-p", "title:Drone").lines[0])
    stored = own_files("ls", "title:Drone", "-f", "$genres").lines[0]
    assert MediaFile(drone).genres == [stored]
    assert path.read_bytes() == before


def test_titles_as_the_user_writes_them(library: Beet) -> None:
    library.configure(musrec={"genreguess": {"title_case": False}})
    library("genreguess", "--apply", "-t", "0", "-q")
    assert all(genre == genre.lower() for genre in genres(library))


def test_what_is_not_embedded_is_embedded(library: Beet) -> None:
    library.sql("DELETE FROM item_attributes")
    assert sum(bool(BAR.fullmatch(line)) for line in library("genreguess", "title:Waltz").lines) == 6


def test_a_failed_track_says_why(own_files: Beet) -> None:
    own_files.sql("DELETE FROM item_attributes")
    Path(own_files("ls", "-p", "title:Waltz").lines[0]).write_bytes(b"")
    said = own_files("genreguess", "title:Waltz")
    assert "no embedding: unreadable\n" in said.out
    assert sum(bool(BAR.fullmatch(line)) for line in said.lines) == 3


def test_mistakes_are_one_sentence(library: Beet, tmp_path: Path) -> None:
    assert library.error("genreguess", "nosuchsong") == "error: no song matches: nosuchsong"
    assert library.error("genreguess", "--apply", "-t", "2") == "error: --threshold has to be between 0 and 1"
    assert library.error("genreguess", "-n", "0") == "error: --count has to be 1 or more"
    assert "the library is empty" in Beet(tmp_path / "new", tmp_path).error("genreguess")


def test_songs_come_in_the_order_of_beet_ls(library: Beet) -> None:
    library.sql("UPDATE items SET year = 1990 + id % 4")
    for query in ([], ["year-", "title+"], ["musrec_electronic-"], ["title:a", "year+", "musrec_rock+"]):
        listed = library("ls", "-f", "$artist - $title", *query).lines
        assert library("genreguess", "-n", "1", *query).lines[::2] == listed
    library.configure(sort_item="title-")
    assert library("genreguess", "-n", "1").lines[::2] == library("ls", "-f", "$artist - $title").lines


def test_no_command_loads_all_of_a_large_library(tmp_path: Path) -> None:
    beet = Beet(tmp_path / "home", Path("/music"))
    make_library(beet.home / "library.db", 1100)
    beet.sql("UPDATE items SET genres = 'Polka' WHERE id % 9")
    beet.sql("UPDATE items SET genres = 'Jazz' WHERE id % 9 = 0")
    few = """
from beets.library import Library
items = Library.items
def few(self, *args, **kwargs):
    found = items(self, *args, **kwargs)
    assert len(found) <= 500, len(found)
    return found
Library.items = few
"""
    assert len(beet.after(few, "genreguess").lines) == 4 * 1100
    assert len(beet.after(few, "genreguess", "-q", "-f", "--apply", "-t", "0").lines) > 1000
    audit = beet.after(few, "genreguess", "--audit", "-t", "0").lines
    assert "doubtful, judged by the model's genres" in audit[-1]
    beet.after(few, "genreguess", "--odd")
    beet.after(few, "musrec-report", "-o", "report.html")
