"""``beet similar``: from song to song, in a smooth order, with variety, and without hubs."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from ..conftest import Beet


def titles(beet: Beet, *arguments: str) -> list[str]:
    return beet("similar", *arguments, "-f", "$title").lines


def test_a_journey_has_exactly_so_many_songs_and_its_ends_are_the_ones_named(library: Beet, tmp_path: Path) -> None:
    (start,), (end,) = (
        library("ls", "title:Waltz 1", "-f", "$title").lines,
        library("ls", "title:Rock 2", "-f", "$title").lines,
    )
    for count in (2, 4, 10):
        found = titles(library, f"title:{start}", "--to", f"title:'{end}'", "-n", str(count))
        assert len(found) == len(set(found)) == count
        assert (found[0], found[-1]) == (start, end)
    said = library("similar", f"title:{start}", "--to", f"title:'{end}'", "-n", "4", "-m", str(tmp_path / "way"))
    steps = [line.split()[0] for line in said.lines]
    assert steps[0] == "0.000"
    assert all(float(step) > 0 for step in steps[1:])
    assert (tmp_path / "way.m3u8").read_text(encoding="utf-8").count("#EXTINF") == 4


def test_waypoints_caps_and_many_matches(library: Beet) -> None:
    found = library("similar", "title:Waltz", "--to", "title:Drone", "--to", "title:Bass", "-n", "6",
                    "--max-per-artist", "1", "-f", "$title|$artist")  # fmt: skip
    assert "2 songs match title:Waltz: taking " in found.err
    rows = [line.split("|") for line in found.lines]
    assert "Waltz" in rows[0][0]
    assert "Bass" in rows[-1][0]
    assert any("Drone" in title for title, _ in rows)
    assert len({artist for _, artist in rows}) == len(rows) == 6


def test_a_journey_that_can_not_be_made_is_told_in_one_sentence(library: Beet) -> None:
    ways = ("similar", "title:Waltz", "--to", "title:Drone")
    assert library.error(*ways, "-n", "1") == "error: a journey with 2 stops needs --count 2 or more"
    assert library.error(*ways, "-n", "11") == "error: there are not enough songs for a journey of 11"
    assert library.error("similar", "title:Waltz", "--to", "no such song") == "error: no song matches: no such song"
    assert "same song twice" in library.error("similar", "title:Waltz", "--to", "title:Waltz")
    for ends in (["--to", "Drone"], ["", "--to", "Drone"]):
        assert "a journey needs a start and an end" in library.error("similar", *ends)
    assert "--mix needs --to" in library.error("similar", "title:Waltz", "--mix")


def test_no_recording_comes_twice_on_the_way(library: Beet) -> None:
    for style in ("Waltz", "Drone", "Bass", "Guitar", "Rock"):
        library.sql("UPDATE items SET mb_trackid = ? WHERE title LIKE ?", f"a {style}", f"%{style}%")
    ways = ("title:Waltz", "--to", "title:Drone", "-n")
    assert len({title.split()[-2] for title in titles(library, *ways, "5")}) == 5
    assert "not enough songs for a journey of 6" in library.error("similar", *ways, "6")
    assert len(titles(library, *ways, "6", "--duplicates")) == 6
    library.configure(musrec={"similar": {"duplicates": True}})
    assert len(titles(library, *ways, "6")) == 6


def test_songs_that_are_excluded_are_not_on_the_way(library: Beet) -> None:
    library.configure(musrec={"exclude": "title:Rock"})
    found = titles(library, "title:Waltz", "--to", "title:Drone", "-n", "8")
    assert len(found) == 8
    assert not any("Rock" in title for title in found)
    library.configure()
    some = titles(library, "title:Waltz", "--to", "title:Drone", "-n", "4", "--in", "title:Rock")
    assert all("Rock" in title for title in some[1:-1])


def test_tempo_and_key_may_count(library: Beet) -> None:
    library.sql("UPDATE items SET bpm = 120, initial_key = 'Am' WHERE id % 2 = 0")
    library.sql("UPDATE items SET bpm = 85, initial_key = 'Eb' WHERE id % 2 = 1")
    ways = ("similar", "id:2", "--to", "id:4", "-n", "4", "-f", "$id")
    even = [int(line) for line in library(*ways, "--mix").lines]
    assert sum(id_ % 2 == 0 for id_ in even) >= sum(int(line) % 2 == 0 for line in library(*ways).lines)
    library.sql("UPDATE items SET bpm = NULL, initial_key = ''")
    assert library(*ways, "--mix").lines == library(*ways).lines


def test_a_smooth_order_has_the_same_songs_and_starts_near_the_seed(library: Beet) -> None:
    plain = titles(library, "--first", "title:Waltz", "-n", "9")
    smooth = titles(library, "--first", "title:Waltz", "-n", "9", "--order", "smooth")
    assert sorted(plain) == sorted(smooth)
    kinds = [title.split()[-2] for title in smooth]
    assert sum(a != b for a, b in pairwise(kinds)) <= 5  # songs of a kind stand together
    assert titles(library, "--first", "title:Waltz", "-n", "1", "--order", "smooth") == plain[:1]


def test_variety_takes_songs_that_differ(library: Beet) -> None:
    def styles(variety: str) -> set[str]:
        return {title.split()[-2] for title in titles(library, "title:Waltz", "-n", "4", "--variety", variety)}

    plain = titles(library, "title:Waltz", "-n", "4")
    assert titles(library, "title:Waltz", "-n", "4", "--variety", "0") == plain
    assert titles(library, "title:Waltz", "-n", "4", "--variety", "0.9")[0] == plain[0]
    assert len(styles("0.9")) >= len(styles("0"))
    assert len(styles("0.9")) == 4
    library.configure(musrec={"similar": {"variety": 0.9}})
    assert {title.split()[-2] for title in titles(library, "title:Waltz", "-n", "4")} == styles("0.9")


@pytest.mark.parametrize("value", ["-0.1", "1.5", "nan"])
def test_what_is_no_variety_is_refused(library: Beet, value: str) -> None:
    assert library.error("similar", "title:Waltz", f"--variety={value}") == "error: --variety has to be between 0 and 1"


def test_hubs_are_listed_worst_first(library: Beet) -> None:
    library.sql(
        "DELETE FROM item_attributes WHERE key = 'musrec_embedding' AND entity_id = ?",
        *library.sql("SELECT MIN(id) FROM items WHERE title LIKE '%Rock%'")[0],
    )
    said = library("similar", "--hubs", "-n", "20")
    *songs, average, rest = said.lines
    assert all(re.fullmatch(r" +\d+  \S.* - \S.*", line) for line in songs)
    assert len(songs) == 9
    assert average == "The number says how many of the 9 songs have this one among their 8 nearest."
    assert rest == "Average 8, skewness 0.00 (0: no hubs); 0% of the songs are nobody's neighbour."
    assert len(library("similar", "--hubs", "title:Waltz", "-f", "$title").lines) == 4
    assert "no song matches" in library.error("similar", "--hubs", "nosuchsong")


def test_the_correction_for_hubs_keeps_plain_distances(library: Beet) -> None:
    plain = library("similar", "--first", "title:Waltz", "-n", "9").lines
    corrected = library("similar", "--first", "title:Waltz", "-n", "9", "--hub-correction").lines
    assert sorted(plain) == sorted(corrected)
    assert plain[0] == corrected[0]
    genre = library("similar", "--first", "title:Waltz", "-n", "3", "--hub-correction", "--space", "genre")
    assert len(genre.lines) == 3


def test_the_correction_for_hubs_can_be_steered(library: Beet) -> None:
    steer = ("--first", "title:Waltz", "-n", "9", "--hub-correction")
    genres = {line.split("|")[0]: float(line.split("|")[1] or 0)
              for line in library("ls", "-f", "$title|$musrec_electronic").lines}  # fmt: skip
    found = titles(library, *steer, "--more", "electronic:50")
    assert found[0] == max(found, key=genres.__getitem__)
    assert titles(library, *steer, "--less", "electronic:50")[-1] == found[0]
    assert len(titles(library, *steer, "--unlike", found[0])) == 8
    library.configure(musrec={"similar": {"weigh": {"rating": 50}, "hub_correction": True}})
    library("modify", "-y", "--nowrite", "rating=0.1")
    library("modify", "-y", "--nowrite", f"title:{found[-1]}", "rating=1.0")
    assert titles(library, "--first", "title:Waltz", "-n", "1") == found[-1:]
