"""Words for how music sounds: `--sounds`, `sounds:`, `--words` and the fields, through beets' own commands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from musrec_core import Card
from musrec_core.words.heads import Words

from ..conftest import Beet

CARD = Card.load()
FORMAT = "$musrec_distance|$title|$musrec_sound_piano|$musrec_sound_calm"


@pytest.fixture
def older(library: Beet) -> Beet:
    """A library that is embedded with musrec-1, which knows no words."""
    old = Card.load("musrec-1")
    library.sql("UPDATE item_attributes SET value = ? WHERE key = 'musrec_model'", old.model_id)
    return library


def columns(lines: list[str]) -> list[tuple[float, str, float, float]]:
    parts = [line.split("|") for line in lines]
    return [(float(distance), title, float(piano), float(calm)) for distance, title, piano, calm in parts]


def test_words_alone_rank_the_library(library: Beet) -> None:
    found = columns(library("similar", "--sounds", "calm piano", "-n", "10", "-f", FORMAT).lines)
    assert len(found) == 10
    distances = [row[0] for row in found]
    assert distances == sorted(distances)
    for distance, _, piano, calm in found:  # one minus the geometric mean, of numbers with two decimals
        low, high = (((max(piano + d, 0) * max(calm + d, 0)) ** 0.5) for d in (-0.005, 0.005))
        assert low - 0.001 <= 1 - distance <= high + 0.001
    assert [
        row[1] for row in columns(library("ls", "sounds:calm piano|10", "musrec_distance+", "-f", FORMAT).lines)
    ] == [row[1] for row in found]
    opposite = columns(library("similar", "--sounds", "-piano", "-n", "10", "-f", FORMAT).lines)
    assert [row[2] for row in opposite] == sorted(row[2] for row in opposite)


def test_what_shapes_a_list_shapes_that_of_words(library: Beet) -> None:
    def titles(*options: str) -> list[str]:
        return library("similar", "--sounds", "piano", *options, "-f", "$title").lines

    every = titles("-n", "10")
    assert titles("-n", "3") == every[:3]
    assert titles("-n", "10", "--in", "title:Waltz") == [title for title in every if "Waltz" in title]
    assert len(titles("--length", "30s")) == 2  # of 12 s each
    drawn = titles("--shuffle", "--seed", "5", "-n", "3")
    assert drawn == titles("--seed", "5", "-n", "3")
    assert sorted(titles("-n", "10", "--order", "smooth")) == sorted(every)
    artists = library("similar", "--sounds", "piano", "-n", "9", "--max-per-artist", "1", "-f", "$artist").lines
    assert len(artists) == len(set(artists))
    assert titles("-n", "10", "--unlike", f"title:{every[0]}") != every
    library.configure(musrec={"similar": {"hub_correction": True, "space": "genre"}})  # say how to compare with a seed
    assert titles("-n", "10") == every


def test_they_lean_a_search(library: Beet) -> None:
    def titles(*options: str) -> list[str]:
        return library("similar", "Harbour", "-n", "9", "-f", "$title", *options).lines

    by_piano = {row[1]: row[2] for row in columns(library("ls", "-f", FORMAT.replace("$musrec_distance", "0")).lines)}
    strong = titles("--sounds", "piano:10", "--sounds", "piano:10")
    assert titles() != strong
    assert [by_piano[title] for title in strong] == sorted((by_piano[title] for title in strong), reverse=True)
    assert titles("--sounds", "piano:0.5") == titles("--sounds", "piano")


def test_playlists_keep_the_words(library: Beet, tmp_path: Path) -> None:
    path = tmp_path / "calm.m3u"
    library("similar", "--sounds", "calm piano, no drums", "-n", "3", "-m", str(path))
    text = path.read_text("utf-8")
    assert "#MUSREC:beet similar --sounds 'calm piano, no drums' --count 3\n" in text
    assert text.count("#EXTINF") == 3
    library("similar", "--refresh", str(path), "-n", "2")
    assert path.read_text("utf-8").count("#EXTINF") == 2
    library("similar", "--extend", str(path), "-n", "3")
    assert path.read_text("utf-8").count("#EXTINF") == 5
    library("similar", "--refresh", str(path), "--sounds", "fast")
    assert "--sounds fast" in path.read_text("utf-8")
    refused = library.error("similar", "--refresh", str(path), "--space", "genre")
    assert refused == "error: --sounds without a QUERY can't be combined with --space"


def test_mixes_of_words(library: Beet, tmp_path: Path) -> None:
    mixes = [
        {"name": "Calm", "sounds": "calm piano", "count": 3},
        {"name": "Like $artist", "seeds": "title:Waltz", "sounds": "female vocals:0.5", "count": 2},
    ]
    library.configure(musrec={"playlist": {"dir": str(tmp_path)}, "mixes": mixes})
    said = library("mixes")
    assert "Calm: 3 songs, 3 new" in said.lines
    assert "--sounds 'female vocals:0.5'" in next(tmp_path.glob("Like *")).read_text("utf-8")
    again = library("mixes", "Calm")
    assert again.lines == ["Calm: 3 songs, 0 new"]
    for mix, why in (
        ({"name": "$artist", "sounds": "calm"}, "with sounds and no seeds, its name can't contain a field"),
        ({"name": "x", "sounds": "calm", "at": "1:00"}, "--sounds without a QUERY can't be combined with --at"),
        ({"name": "x"}, "has no seeds, a query such as `artist:Coldplay`, and no sounds"),
    ):
        library.configure(musrec={"playlist": {"dir": str(tmp_path)}, "mixes": [mix]})
        assert why in library.error("mixes")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--at", "0:10"], "--sounds without a QUERY can't be combined with --at"),
        (["--space", "genre", "--hub-correction"], "can't be combined with --space and --hub-correction"),
        (["--first"], "--first needs a QUERY"),
        (["--to", "Rock"], "--to can't be combined with --sounds"),
        (["--hubs"], "--hubs can't be combined with --sounds"),
    ],
)
def test_options_that_need_a_seed(library: Beet, words: list[str], said: str) -> None:
    assert said in library.error("similar", "--sounds", "piano", *words)


@pytest.mark.parametrize(
    "text", ["pianoo", 'x"y', "\U0001f3b9", "$(id) `id`; rm", "piano\x1b[31m", "piano -piano", "," * 9, "x" * 9999]
)
def test_hostile_words_are_answered_in_a_sentence(library: Beet, text: str) -> None:
    for command in (["similar", "--sounds", text], ["similar", "--words", "--", text], ["ls", f"sounds:{text}"]):
        said = library(*command, ok=False)
        assert said.status == 1
        assert "Traceback" not in said.err
        assert "\x1b" not in said.err.removeprefix(f"invalid query: 'sounds:{text}'")  # which is beets'
        assert len(said.err.rstrip().splitlines()) == 1


def test_an_unknown_word_is_told_with_near_ones(library: Beet) -> None:
    near = "there is no word clarinete; the nearest are clarinet"
    assert near in library.error("similar", "--sounds", "clarinete")
    assert library.error("similar", "--more", "clarinete").startswith(
        "error: there is no genre, word or mood clarinete; the nearest are clarinet"
    )
    said = library("ls", "sounds:clarinete", ok=False)
    assert f"'clarinete' is not a request for words: {near}" in said.err


# The query.


def test_the_parts_of_a_query(library: Beet) -> None:
    every = columns(library("ls", "sounds:piano|10", "musrec_distance+", "-f", FORMAT).lines)
    assert len(library("ls", "sounds:piano|3").lines) == 3
    middle = (every[4][0] + every[5][0]) / 2
    if every[4][0] < every[5][0]:
        assert len(library("ls", f"sounds:piano|{middle:.4f}").lines) == 5
    assert (
        library("ls", "sounds:piano|title:Waltz", "-f", "$title").lines
        == library("ls", "title:Waltz", "-f", "$title").lines
    )
    assert len(library("ls", "-a", "sounds:piano|1").lines) == 1
    assert len(library("ls", "^sounds:piano|3").lines) == 7
    for pattern in ("", "|3", "piano|x|y", "piano|0", "piano|99%"):
        assert "is not WORDS, WORDS|COUNT" in library("ls", f"sounds:{pattern}", ok=False).err
    for pattern in ("sounds:piano|year:..abc", "similar:Waltz|year:..abc"):
        said = library("ls", pattern, ok=False).err
        assert "'abc' is not an int or a float" in said
        assert "--in" not in said


def test_smart_playlists_and_formats_of_words(library: Beet, tmp_path: Path) -> None:
    playlists = [
        {"name": "calm.m3u", "query": 'sounds:"calm piano|4"'},
        {"name": "bad.m3u", "query": "sounds:clarinete"},
    ]
    library.configure(
        plugins="musrec smartplaylist", smartplaylist={"playlist_dir": str(tmp_path), "playlists": playlists}
    )
    said = library("splupdate")
    assert len((tmp_path / "calm.m3u").read_text("utf-8").splitlines()) == 4
    assert "there is no word clarinete" in said.err


def test_a_wrong_word_in_the_configuration_does_not_stop_an_import(library: Beet, tmp_path: Path, waltz: Path) -> None:
    library.configure(
        plugins="musrec smartplaylist", directory=str(tmp_path / "to"),
        paths={"sounds:clarinete": "wrong/$title", "default": "right/$title"}, musrec={"auto": False},
        smartplaylist={"playlist_dir": str(tmp_path), "playlists": [{"name": "x.m3u", "query": "sounds:clarinete"}]},
        import_={"copy": True, "duplicate_action": "keep"},
    )  # fmt: skip
    new = tmp_path / "from"
    new.mkdir()
    shutil.copy(waltz, new)
    said = library("import", str(new))
    assert said.err.count("sounds:clarinete matches nothing: there is no word clarinete") == 1
    assert [path.parent.name for path in (tmp_path / "to").rglob("*.*")] == ["right"]


def test_exclude_can_not_ask_for_words(library: Beet) -> None:
    library.configure(musrec={"exclude": "sounds:piano"})
    assert library.error("similar", "Harbour") == "error: musrec.exclude can't contain a `sounds:` query"
    library.configure(musrec={"exclude": "musrec_sound_piano:0..1"})
    assert "no other song" in library("similar", "Harbour").err


# The list of words.


def test_the_words_by_group(library: Beet) -> None:
    words = Words.load(CARD)
    assert words is not None
    lines = library("similar", "--words").lines
    assert max(map(len, lines)) < 80
    text = " ".join(line.strip() for line in lines)
    assert all(f" {name} {int(100 * auc)}" in text for name, auc in zip(words.names, words.auc, strict=True))
    assert {line[:-1] for line in lines if line.endswith(":")} == {*words.groups}
    assert not [line for line in lines if re.match(r"  \d+,", line)]  # no number without its word
    assert library("similar", "--words", "laid", "back").out.startswith("mellow (mood) ")


# Fields.


def test_the_fields_of_words(library: Beet) -> None:
    words = Words.load(CARD)
    assert words is not None
    line = library("ls", "id:1", "-f", "$musrec_sounds").out
    shown = re.findall(r"([\w&' ]+?) (\d+)%(?:, |\n)", line)
    assert 0 < len(shown) <= 6
    for word, percent in shown:
        key = re.sub(r"\W+", "_", word.replace("r&b", "rnb").replace("'", ""))
        assert abs(float(library("ls", "id:1", "-f", f"$musrec_sound_{key}").out) - int(percent) / 100) < 0.011
    everything = "/".join(
        f"$musrec_sound_{key}" for key in ("rnb", "80s", "childrens", "female_vocals", "drum_and_bass")
    )
    assert re.fullmatch(r"(\d\.\d\d/?){5}\n", library("ls", "id:1", "-f", everything).out)


def test_ranges_and_sorting(library: Beet) -> None:
    values = [float(line) for line in library("ls", "musrec_sound_drums-", "-f", "$musrec_sound_drums").lines]
    assert values == sorted(values, reverse=True)
    above = library("ls", f"musrec_sound_drums:{values[4]}..", "-f", "$musrec_sound_drums").lines
    assert 4 <= len(above) <= 6
    library.sql("DELETE FROM item_attributes WHERE entity_id = 1 AND key = 'musrec_embedding'")
    assert len(library("ls", "musrec_sound_drums:0..").lines) == 9
    assert library("ls", "id:1", "-f", "<$musrec_sounds$musrec_sound_drums>").out == "<>\n"


def test_a_damaged_embedding_has_no_words(library: Beet) -> None:
    library.sql("UPDATE item_attributes SET value = 'AAAA' WHERE entity_id = 1 AND key = 'musrec_embedding'")
    assert library("ls", "id:1", "-f", "<$musrec_sounds$musrec_sound_drums>").out == "<>\n"


def test_a_model_without_words(older: Beet) -> None:
    why = "the model musrec-1 knows no words"
    assert why in older.error("similar", "--sounds", "piano")
    assert why in older.error("similar", "--words")
    said = older("ls", "sounds:piano")
    assert said.out == ""
    assert f"sounds:piano matches nothing: {why}" in said.err
    assert older("ls", "id:1", "-f", "<$musrec_sounds$musrec_sound_piano>").out == "<>\n"
    assert older("similar", "Harbour", "--more", "rock").out
    assert older.error("similar", "Harbour", "--more", "lullaby").startswith("error: there is no genre or mood")


# --more and --less.


def test_more_and_less_of_words_and_mood(library: Beet) -> None:
    def values(field: str, *options: str) -> list[float]:
        said = library("similar", "Harbour", "-n", "9", "-f", f"${field}", *options)
        return [float(line) for line in said.lines]

    for name, field in (("piano", "musrec_sound_piano"), ("grand piano", "musrec_sound_piano"),
                        ("valence", "musrec_valence"), ("arousal", "musrec_arousal")):  # fmt: skip
        more, less = values(field, "--more", f"{name}:100"), values(field, "--less", f"{name}:100")
        assert more == sorted(more, reverse=True), name
        assert less == sorted(less), name
