"""The model is changed: old embeddings answer until most songs have new ones, and the two are never compared."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import beets.logging
import numpy as np
import pytest
from beets.library import Library

from beetsplug.musrec.library.coverage import Counts, what_is_left
from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.recordings import RecordingLookup
from beetsplug.musrec.library.vectors import VectorStore
from musrec_core import Card, attribute_text
from musrec_core.card import SHIPPED, known_cards

from ..models import other_model
from ..once import made_once
from .conftest import Beet

OLD, FIRST = Card.load().model_id, "musrec-1@e32a12ba"
NEW = OLD.replace(SHIPPED.stem, "other-1")
ANSWERS = f"10 of 10 songs are embedded with {OLD}, and only these are compared: run `beet embed` to change to {NEW}"
TRACE = "SELECT entity_id, key, value FROM item_attributes ORDER BY entity_id, key"


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "other-model", other_model) / "other-1.onnx"


def configured(beet: Beet, other: Path, home: Path) -> Beet:
    """A copy of a library, in which the model is another from now on."""
    home.mkdir()
    shutil.copy(beet.home / "library.db", home)
    copy = Beet(home, beet.directory)
    copy.configure(musrec={"workers": 1, "model": str(other), "playlist": {"dir": str(home)}})
    return copy


@pytest.fixture
def upgraded(library: Beet, other: Path, tmp_path: Path) -> Beet:
    """All ten songs are embedded with the old model."""
    return configured(library, other, tmp_path / "upgraded")


@pytest.fixture(scope="module")
def half_way(imported: Beet, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Beet:
    """Four of the ten songs are embedded with the new model."""
    beet = configured(imported, other, tmp_path_factory.mktemp("half") / "home")
    assert beet("embed", "id:1..4").out == "4 embedded\n"
    return beet


@pytest.fixture
def changing(half_way: Beet, other: Path, tmp_path: Path) -> Beet:
    return configured(half_way, other, tmp_path / "changing")


def ids(lines: list[str]) -> list[int]:
    return [int(line.split()[-1]) for line in lines]


def models(beet: Beet) -> dict[str, int]:
    return dict(beet.sql("SELECT value, COUNT(*) FROM item_attributes WHERE key = 'musrec_model' GROUP BY value"))


# The rule.


def test_the_model_with_most_songs_answers_and_the_configured_one_on_a_tie(other: Path) -> None:
    new, old = Card.load(other), Card.load()
    models = Models([new, old])
    assert models.configured is new
    assert models.in_use({}) is new
    assert models.in_use({OLD: 5, NEW: 5}) is new
    assert models.in_use({OLD: 6, NEW: 5}) is old
    assert models.in_use({"unknown@00000000": 9, OLD: 1}) is old
    assert models.in_use({"unknown@00000000": 9}) is new


def test_models_that_can_be_used_are_the_shipped_ones_and_those_beside_the_configured_one(
    other: Path, tmp_path: Path
) -> None:
    assert [card.model_id for card in known_cards(Card.load(other))] == [NEW, FIRST, OLD]
    assert [card.model_id for card in known_cards(Card.load())] == [OLD, FIRST]
    folder = Path(shutil.copytree(other.parent, tmp_path / "models"))
    for file in SHIPPED.parent.glob(f"{SHIPPED.stem}.*"):
        shutil.copy(file, folder)
    (folder / "broken.json").write_text("{")
    (folder / "broken.onnx").touch()
    (folder / "notes.json").write_text("[]")
    configured, *others = (card.model_id for card in known_cards(Card.load(folder / SHIPPED.name)))
    assert (configured, sorted(others)) == (OLD, [FIRST, NEW])


@pytest.mark.parametrize(("counts", "in_use", "line"), [
    (Counts(10, 10, 10), NEW, ""),
    (Counts(10, 7, 7, 3), NEW, ""),
    (Counts(10, 6, 6), NEW, "4 of 10 songs are not embedded yet and can't be found: run `beet embed`"),
    (Counts(10, 10, 6), NEW,
     f"4 of 10 songs can't be found, because they are embedded with another model than {NEW}: run `beet embed`"),
    (Counts(10, 9, 6), NEW,
     f"4 of 10 songs can't be found, 3 of them because they are embedded with another model than {NEW}: "
     "run `beet embed`"),
    (Counts(10, 10, 10), OLD, ANSWERS),
])  # fmt: skip
def test_one_line_says_what_is_left(counts: Counts, in_use: str, line: str) -> None:
    assert what_is_left(counts, in_use, NEW) == line


# After the change, before anything is embedded again.


def test_everything_goes_on_with_the_old_embeddings(library: Beet, upgraded: Beet) -> None:
    before = upgraded.sql(TRACE)
    (file,) = upgraded.paths("id:1")
    for command in (
        ["similar", "id:1", "-n", "4"],
        ["similar", "id:1", "-n", "4", "--space", "genre"],
        ["similar", "id:1", "-n", "4", "--more", "blues", "--max-per-artist", "1"],
        ["similar", "id:1", "--to", "id:7", "-n", "4"],
        ["similar", "--file", str(file), "-n", "3"],
        ["similar", "id:1", "--at", "0:02", "-n", "3"],
        ["similar", "--hubs", "-n", "3"],
    ):
        old, new = library(*command), upgraded(*command)
        assert new.out == old.out
        assert [line for line in new.err.splitlines() if line not in old.err] == [f"musrec: {ANSWERS}"]
    for command in (
        ["ls", "similar:id:1", "-f", "$title $musrec_distance"],
        ["ls", "musrec_blues:0..", "-f", "$title $musrec_blues $musrec_genre"],
        ["genreguess", "id:1"],
    ):
        assert upgraded(*command).out == library(*command).out
    assert upgraded("ls", "id:1", "-f", "[$musrec_delta]").out == "[]\n"  # a genre of the new model
    assert upgraded.sql(TRACE) == before


def test_the_map_the_report_and_the_audit_say_whose_the_embeddings_are(upgraded: Beet) -> None:
    pytest.importorskip("matplotlib")
    said = upgraded("musicmap", "-o", "map.png", "-q")
    assert ANSWERS in said.err
    assert "a map of 10 songs" in said.err
    report = upgraded("musrec-report").out
    assert f"10 songs, model {OLD}" in report
    assert f"The configured model is {NEW}: run `beet embed` to change to it." in " ".join(report.split())
    assert upgraded("genreguess", "--audit").out.endswith("judged by the model's genres (confidence 0.5 or more).\n")


def test_a_playlist_goes_on_and_says_when_the_model_is_another(upgraded: Beet) -> None:
    upgraded("similar", "id:1", "-m", "list", "-n", "3")
    assert f"MUSREC-MODEL:{OLD}" in (upgraded.home / "list.m3u8").read_text().replace(" ", "")
    assert "was made with" not in upgraded("similar", "--refresh", "list").err
    upgraded("embed")
    said = upgraded("similar", "--refresh", "list")
    assert f"was made with model {OLD}; now it is made with {NEW}" in said.err
    assert len(said.lines) == 3
    assert f"MUSREC-MODEL:{NEW}" in (upgraded.home / "list.m3u8").read_text().replace(" ", "")


def test_embed_changes_over_and_can_be_stopped(upgraded: Beet) -> None:
    said = upgraded("embed", "id:1..6")
    assert f"6 songs embedded with another model than {NEW} will be embedded again" in said.err
    assert models(upgraded) == {OLD: 4, NEW: 6}
    said = upgraded("similar", "id:1", "-n", "20")
    assert "4 of 10 songs can't be found, because they are embedded with another model" in said.err
    assert len(said.lines) == 5
    assert upgraded("embed").out == "4 embedded, 6 up to date\n"
    said = upgraded("similar", "id:1", "-n", "20")
    assert (len(said.lines), said.err) == (9, "")
    assert models(upgraded) == {NEW: 10}


def test_a_model_whose_card_is_gone_cannot_answer(library: Beet) -> None:
    library.sql("UPDATE item_attributes SET value = 'gone@00000000' WHERE key = 'musrec_model'")
    error = library.error("similar", "id:1")
    assert error == f"error: the library's embeddings are from another model, not {OLD}: run `beet embed`"


# While the library changes.


def test_songs_of_the_new_model_are_not_compared_until_most_have_it(changing: Beet) -> None:
    said = changing("similar", "id:5", "-n", "20", "-f", "$id")
    assert "6 of 10 songs are embedded with" in said.err
    assert sorted(ids(said.lines)) == [6, 7, 8, 9, 10]
    changing("embed", "id:5")  # a tie
    said = changing("similar", "id:5", "-n", "20", "-f", "$id")
    assert "5 of 10 songs can't be found" in said.err
    assert sorted(ids(said.lines)) == [1, 2, 3, 4]


@pytest.mark.parametrize("space", ["embedding", "genre"])
def test_a_seed_that_has_changed_already_is_heard_with_the_old_model(changing: Beet, library: Beet, space: str) -> None:
    before = changing.sql(TRACE)
    said = changing("similar", "id:1", "-n", "20", "-f", "$musrec_distance $id", "--space", space)
    expected = library(
        "similar", "id:1", "-n", "20", "-f", "$musrec_distance $id", "--space", space, "--in", "id:5..10"
    )
    assert ids(said.lines) == ids(expected.lines)
    distances = [[float(line.split()[0]) for line in each.lines] for each in (said, expected)]
    assert distances[0] == pytest.approx(distances[1], abs=0.003)  # stored in 16 bits or not
    assert changing.sql(TRACE) == before


def test_a_journey_visits_stops_that_have_changed(changing: Beet) -> None:
    before = changing.sql(TRACE)
    said = changing("similar", "id:1", "--to", "id:2", "--to", "id:9", "-n", "5", "-f", "$id")
    found = ids(said.lines)
    assert (found[0], found[-1], len(found)) == (1, 9, 5)
    assert 2 in found
    assert {*found} <= {1, 2, *range(5, 11)}
    assert changing.sql(TRACE) == before


def test_a_smooth_playlist_starts_at_a_seed_that_has_changed(changing: Beet) -> None:
    said = changing("similar", "id:1", "--order", "smooth", "-n", "3", "-f", "$id", "-m", "smooth")
    assert len(said.lines) == 3
    assert f"MUSREC-MODEL:{OLD}" in (changing.home / "smooth.m3u8").read_text().replace(" ", "")


def test_a_query_for_a_seed_that_has_changed_says_why_nothing_matches(changing: Beet) -> None:
    said = changing("ls", "similar:id:1")
    assert said.out == ""
    assert f"its songs are not embedded with {OLD}, as most are: run `beet embed`" in said.err
    assert len(changing("ls", "similar:id:5|3").lines) == 3


def test_genres_of_either_model_are_shown_and_nothing_is_embedded(changing: Beet) -> None:
    before = changing.sql(TRACE)
    assert "no embedding" not in changing("genreguess").out
    assert changing.sql(TRACE) == before


def test_mixes_take_seeds_with_the_old_embeddings(changing: Beet, other: Path) -> None:
    mixes = [{"name": "new", "seeds": "id:1..4"}, {"name": "old", "seeds": "id:5..6", "count": 2}]
    settings = {"workers": 1, "model": str(other), "playlist": {"dir": str(changing.home)}, "mixes": mixes}
    changing.configure(musrec=settings)
    said = changing("mixes", ok=False)
    assert "old: 2 songs, 2 new" in said.out
    assert "new: none of the 4 songs that its seeds match is embedded" in said.err


def test_copies_are_told_by_embeddings_of_one_model(changing: Beet) -> None:
    """Two songs of one name and length, whose vectors happen to be the same numbers in two models."""
    changing.sql("UPDATE items SET title = 'Same', artist = 'Same', album_id = NULL, length = 60 WHERE id IN (4, 5, 6)")
    (text,) = changing.sql("SELECT value FROM item_attributes WHERE entity_id = 5 AND key = 'musrec_embedding'")[0]
    changing.sql("UPDATE item_attributes SET value = ? WHERE entity_id IN (4, 6) AND key = 'musrec_embedding'", text)
    lib = Library(str(changing.home / "library.db"), str(changing.directory))
    lookup = RecordingLookup(lib, Card.load())
    assert lookup.same(5, 6)
    assert not lookup.same(4, 5)
    lib._close()


def test_an_import_looks_for_copies_among_songs_of_its_own_model(changing: Beet, other: Path, tmp_path: Path) -> None:
    paths = changing.paths("id:1..10")
    for n, path in ((1, paths[0]), (2, paths[8])):  # embedded with the new model, and with the old one
        (tmp_path / "new" / str(n)).mkdir(parents=True)
        shutil.copy(path, tmp_path / "new" / str(n))
    changing.configure(musrec={"workers": 1, "model": str(other), "import_similar": True})
    changing.sql("UPDATE items SET album_id = 1000 + id")
    said = changing("import", "-A", str(tmp_path / "new"))
    lines = [line for line in said.err.splitlines() if "a track that you have" in line]
    assert len(lines) == 1
    assert paths[0].stem[3:] in lines[0]
    warning = rf"copies of 6 songs are not recognised, because these are embedded with another model than {NEW}: run"
    assert len(re.findall(warning, said.err)) == 1


def test_the_cached_file_of_vectors_is_of_the_model_in_use(
    changing: Beet, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from beetsplug.musrec.library import vectors

    monkeypatch.setattr(vectors, "MIN_CACHED", 1)
    monkeypatch.setattr(vectors, "SETTLED", -1)
    lib = Library(str(changing.home / "library.db"), str(changing.directory))
    log = beets.logging.getLogger("beets.musrec")
    new, old = Card.load(other), Card.load()

    def store(*cards: Card) -> VectorStore:
        return VectorStore(Models(cards), True, log)

    first = store(new, old).get(lib, "embedding")
    assert Path(vectors.cache_path(lib, "embedding")).is_file()
    again = store(new, old)
    monkeypatch.setattr(vectors, "_read", None)  # from the file, then
    assert again.get(lib, "embedding").card.model_id == OLD
    assert again.get(lib, "embedding").counts == first.counts == Counts(10, 10, 6)
    assert again.card(lib).model_id == OLD
    monkeypatch.undo()
    assert len(store(new).get(lib, "embedding").index) == 4  # another choice of models, another answer
    assert len(again.get(lib, "embedding", new).index) == 4
    np.testing.assert_array_equal(np.sort(first.index.ids), range(5, 11))
    lib._close()


# The configuration.


def test_a_shipped_model_is_chosen_by_its_name(library: Beet, other: Path) -> None:
    library.configure(musrec={"workers": 1, "model": "musrec-2"})
    assert library("embed").out == "0 embedded, 10 up to date\n"
    library.configure(musrec={"workers": 1, "model": "musrec-99"})
    error = library("embed", ok=False).err
    assert "musrec.model has to be a shipped model (musrec-1, musrec-2) or the path of an .onnx file" in error
    assert len(library("ls").lines) == 10
    shutil.copytree(other.parent, library.home / "models")
    library.configure(musrec={"workers": 1, "model": "models/other-1"})  # as ever: the ending may be missing
    assert len(library("embed", "--pretend").lines) == 10


def test_a_library_of_the_first_model_goes_on_with_it(library: Beet) -> None:
    """Whoever upgrades has no `model:` in the configuration."""
    library.configure(musrec={"workers": 1, "model": "musrec-1"})
    assert library("embed").out == "10 embedded\n"
    assert models(library) == {FIRST: 10}
    before = library("similar", "id:1", "-n", "4").out
    library.configure(musrec={"workers": 1})
    said = library("similar", "id:1", "-n", "4")
    assert said.out == before
    assert f"10 of 10 songs are embedded with {FIRST}, and only these are compared: run `beet embed`" in said.err
    assert library("embed").out == "10 embedded\n"
    assert models(library) == {OLD: 10}


def test_another_number_of_excerpts_is_embedded_again(library: Beet) -> None:
    library.configure(musrec={"workers": 1, "excerpts": 3})
    assert len(library("embed", "-p").lines) == 10
    assert library("embed", "id:1..2").out == "2 embedded\n"
    heard = library.sql("SELECT value FROM item_attributes WHERE key = 'musrec_heard' ORDER BY entity_id")
    assert [text.endswith(" excerpts:3") for (text,) in heard] == [True] * 2 + [False] * 8
    assert library("embed", "id:1..2").out == "0 embedded, 2 up to date\n"
    assert len(library("similar", "id:1", "-n", "20").lines) == 9  # one model, one space
    library.configure(musrec={"workers": 1, "excerpts": 1})  # the card's own number
    assert library("embed").out == "2 embedded, 8 up to date\n"
    heard = library.sql("SELECT value FROM item_attributes WHERE key = 'musrec_heard'")
    assert not [text for (text,) in heard if "excerpts" in text]
    library.configure(musrec={"workers": 1, "excerpts": 11})
    assert "musrec.excerpts has to be a whole number between 1 and 10" in library("embed", ok=False).err


def test_a_long_song_is_heard_in_excerpts(library: Beet, tmp_path: Path) -> None:
    from .. import music

    parts = [music.STYLES[name](40, np.random.default_rng(0)) for name in ("String Drone", "Distorted Rock")]
    y = np.concatenate([parts[0], parts[1], parts[0]], axis=1)  # rock in its middle only
    music.encode(y, tmp_path / "song.flac")
    from_a_drone = []
    for number in (1, 3):
        library.configure(musrec={"workers": 1, "excerpts": number})
        library("import", "-A", "-s", str(tmp_path / "song.flac"))
        library("embed", "-f", f"path:{tmp_path}")
        lines = library("similar", "id:11", "-n", "20", "-f", "$musrec_distance $title").lines
        from_a_drone.append(min(float(line.split()[0]) for line in lines if "Drone" in line))
    (text,) = library.sql("SELECT value FROM item_attributes WHERE key = 'musrec_heard' ORDER BY entity_id DESC")[0]
    assert text.endswith(" excerpts:3")
    middle, three = from_a_drone
    assert three < middle / 2
    (stored,) = library.sql("SELECT value FROM item_attributes WHERE key = 'musrec_embedding' AND entity_id = 11")[0]
    assert np.isfinite(attribute_text.decode_vectors([stored], 128)).all()
