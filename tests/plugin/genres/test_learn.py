"""``beet genreguess --learn``, ``--audit``, ``--odd`` and ``--forget``, on composed songs copied with noise."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from beetsplug.musrec.attributes.fields import genre_keys
from benchmarks.synthetic_library import make_library
from musrec_core.attribute_text import decode_vectors, encode_vector
from musrec_core.card import SHIPPED

from ...models import other_model
from ..commands.test_musicmap import data_of
from ..conftest import Beet

GENRES = {"Bass": "Jungle", "Waltz": "Salon", "Drone": "Dark Ambient", "Guitar": "Flamenco", "Rock": "Rock 'n' Roll"}
SONGS = 150
MULTI = "\\␀"  # between the values in beets' database


@pytest.fixture(scope="module")
def taught(imported: Beet, tmp_path_factory: pytest.TempPathFactory) -> Beet:
    """150 songs of five genres by four artists each, around the composed styles, from which beets has learnt.

    One song has the wrong genre, another the wrong sound, five have none, and four are of a rare one.
    """
    beet = Beet(tmp_path_factory.mktemp("taught"), imported.directory)
    make_library(beet.home / "library.db", SONGS, directory=str(beet.directory))
    rng = np.random.default_rng(0)
    stored = imported.attributes("musrec_embedding")
    for n, (word, genre) in enumerate(GENRES.items()):
        centre = decode_vectors([text for title, text in stored.items() if word in title], 128).mean(0)
        for id_ in range(n + 1, SONGS + 1, 5):
            vector = centre / np.linalg.norm(centre) + 0.2 * rng.standard_normal(128) / np.sqrt(128)
            artist = f"{word} band {id_ % 4}"
            beet.sql("UPDATE item_attributes SET value = ? WHERE entity_id = ? AND key = 'musrec_embedding'",
                     encode_vector((vector / np.linalg.norm(vector)).astype(np.float32)), id_)  # fmt: skip
            beet.sql("UPDATE items SET artist = ?, albumartist = ?, album = ?, album_id = ?, title = ?, genres = ? "
                     "WHERE id = ?", artist, artist, f"{artist} plays", 1000 + 4 * n + id_ % 4, f"{word} {id_}",
                     genre, id_)  # fmt: skip
    beet.sql("UPDATE items SET genres = ? WHERE id = 7", f"Jungle{MULTI}Favourites")  # a waltz
    beet.sql("UPDATE items SET genres = '' WHERE id > 145")
    beet.sql("UPDATE items SET genres = 'Field Recording' WHERE id IN (21, 26, 31, 36)")
    beet.sql("UPDATE items SET genres = 'jungle' WHERE id = 1")
    (drone,) = beet.sql("SELECT value FROM item_attributes WHERE entity_id = 3 AND key = 'musrec_embedding'")[0]
    beet.sql("UPDATE item_attributes SET value = ? WHERE entity_id = 9 AND key = 'musrec_embedding'", drone)
    beet.configure(musrec={"genreguess": {"map": {"Favourites": None}}})
    (beet.home / "said").write_text(beet("genreguess", "--learn").out, encoding="utf-8")
    return beet


@pytest.fixture
def library(taught: Beet, tmp_path: Path) -> Beet:
    """A copy of it."""
    home = tmp_path / "home"
    shutil.copytree(taught.home, home)
    beet = Beet(home, taught.directory, musrec={"genreguess": {"map": {"Favourites": None}}})
    return beet


def vocabulary(beet: Beet) -> Path:
    return beet.home / "library.db.musrec-genres.json"


def test_learning_says_how_good_it_is_and_what_it_left_out(taught: Beet) -> None:
    said = (taught.home / "said").read_text(encoding="utf-8")
    assert max(map(len, said.splitlines())) <= 80
    assert said.startswith("5 genres, learnt from 141 songs of 20 artists.")
    assert "Left out as too rare (songs by artists): Field Recording (4 by 4)." in said
    figures = json.loads(vocabulary(taught).read_text(encoding="utf-8"))["figures"]
    assert figures["accuracy"] > 0.9 > 0.3 > figures["majority"]["accuracy"]
    assert [row["genre"] for row in figures["genres"]].count("Jungle") == 1  # `jungle` is the same
    assert "Favourites" not in said


def test_the_own_genres_serve_and_the_stored_ones_stay(library: Beet) -> None:
    titles = library("ls", "musrec_genre:Salon", "musrec_confidence:0.5..", "-f", "$title").lines
    assert len(titles) >= 28
    assert all(title.startswith("Waltz") for title in titles)
    assert not any("Salon" in stored for stored in library.attributes("musrec_genres").values())
    bars = library("genreguess", "id:8")
    assert bars.lines[1].startswith("  Dark Ambient ")
    assert max(map(len, bars.lines)) <= 80
    library("genreguess", "--apply", "-q", "id:146..")
    found = library.sql("SELECT title, genres FROM items WHERE id > 145")
    assert all(genres == GENRES[title.split()[0]] for title, genres in found)  # spelt as their owner spells them


def test_each_genre_of_ones_own_has_a_field(library: Beet, tmp_path: Path) -> None:
    assert (library.home / "said").read_text(encoding="utf-8").splitlines()[-1].startswith("Their probabilities are")
    fields_ = [f"$musrec_my_{key}" for key in ("jungle", "salon", "dark_ambient", "flamenco", "rock_n_roll")]
    rows = library("ls", "-f", " ".join(["$musrec_confidence", *fields_]), "musrec_my_salon-").lines
    numbers = [[float(number) for number in row.split()] for row in rows]
    assert all(abs(sum(row[1:]) - 1) < 0.03 and abs(max(row[1:]) - row[0]) < 1e-9 for row in numbers)
    assert [row[2] for row in numbers] == sorted((row[2] for row in numbers), reverse=True)
    titles = library("ls", "musrec_my_salon:0.5..", "-f", "$title").lines
    assert len(titles) >= 28
    assert all(title.startswith("Waltz") for title in titles)
    assert library("ls", "musrec_rock:0..1", "-f", "$id").lines  # the model's own stay
    make_library(tmp_path / "other.db", 12)
    said = library("-l", str(tmp_path / "other.db"), "ls", "-f", "$musrec_my_salon", "id:1")
    assert said.lines == ["$musrec_my_salon"]  # as beets prints a field that nobody has
    vocabulary(library).write_text('{"labels": 5}', encoding="utf-8")
    assert library("ls", "-f", "$title", "id:1").err == ""
    library("genreguess", "--forget")
    assert library("ls", "musrec_my_salon:0..1").lines == []


def test_the_names_of_fields() -> None:
    labels = ["R&B", "Drum & Bass", "Rock 'n' Roll", "Chanson française", "日本", "!!!", "Hip-Hop", "Hip Hop", "2-Step"]
    assert list(genre_keys(labels).values()) == [
        "rnb", "drum_n_bass", "rock_n_roll", "chanson_francaise", "日本", "genre_6", "hip_hop", "hip_hop_8", "2_step",
    ]  # fmt: skip


def test_a_map_is_coloured_by_the_genres_that_serve(library: Beet) -> None:
    library("musicmap", "-o", "map.html", "-c", "musrec_genre", "-q")
    labels = data_of(library.home / "map.html")["colourings"][0]["labels"]
    assert sorted(labels) == sorted(GENRES.values())
    library("genreguess", "--forget")
    library("musicmap", "-o", "map.html", "-c", "musrec_genre", "-q")
    assert not set(data_of(library.home / "map.html")["colourings"][0]["labels"]) & set(GENRES.values())


def test_the_audit_finds_the_wrong_tag_and_mends_it(library: Beet) -> None:
    said = library("genreguess", "--audit")
    assert {line.split(" - ")[1] for line in said.lines[:4:2]} == {
        "Waltz 7: Jungle; Favourites -> Salon; Favourites",
        "Guitar 9: Flamenco -> Dark Ambient",  # it has the sound of another song
    }
    assert max(map(len, said.lines)) <= 80
    confidences = [float(line.split()[0]) for line in said.lines[:-1:2]]
    assert confidences == sorted(confidences, reverse=True)
    command = next(line.strip() for line in said.lines if "id:7 " in line)
    assert command == "beet modify id:7 'genres=Salon; Favourites'"
    program, *arguments = shlex.split(command)
    assert program == "beet"
    library(*arguments[:1], "-y", "-W", *arguments[1:])
    assert library.sql("SELECT genres FROM items WHERE id = 7") == [(f"Salon{MULTI}Favourites",)]
    assert "id:7 " not in library("genreguess", "--audit", "-n", "5").out


def test_the_song_that_sounds_unlike_its_album_is_odd(library: Beet) -> None:
    said = library("genreguess", "--odd")
    assert said.lines[0].endswith("Guitar band 1 - Guitar 9")
    assert "from the rest of the" in said.lines[1]
    library.sql("UPDATE items SET album = ?, artist = ?, albumartist = ? WHERE id = 9", *["A long name " * 20] * 3)
    assert len(library("genreguess", "--odd").lines[1]) == 80
    assert library("genreguess", "--odd", "title:Waltz").out.startswith("0 of 150 songs are outliers")


def test_what_cannot_be_used_is_one_sentence_and_the_model_serves(library: Beet) -> None:
    content = json.loads(vocabulary(library).read_text(encoding="utf-8"))
    vocabulary(library).write_text(json.dumps({**content, "model": "other@00000000"}), encoding="utf-8")
    assert "was learnt from embeddings of other@00000000" in library.error("genreguess", "id:8")
    vocabulary(library).write_text("{", encoding="utf-8")
    assert "is damaged" in library.error("genreguess", "id:8")
    said = library("ls", "-f", "$musrec_genre", "id:1..20")
    assert len(said.err.splitlines()) == 1
    assert "using the model's own genres" in said.err
    assert not set(said.lines) & set(GENRES.values())
    assert library("ls", "-f", "$title").err == ""  # nobody asked
    assert "leave out the QUERY" in library.error("genreguess", "--forget", "id:1")
    assert library("genreguess", "--forget", "-p").out == f"would remove {vocabulary(library)}\n"
    assert library("genreguess", "--forget").out.startswith("Removed your vocabulary")
    assert "no learnt vocabulary" in library.error("genreguess", "--forget")
    assert library("ls", "-f", "$musrec_genre", "id:1..20").out == said.out


def test_mistakes_are_one_sentence(library: Beet) -> None:
    assert "nothing can be learnt: at least two genres need" in library.error("genreguess", "--learn", "id:1..9")
    assert "--learn can't be combined with --audit" in library.error("genreguess", "--learn", "--audit")
    library.configure(musrec={"genreguess": {"map": {"Jungle": 5}}})
    assert "musrec.genreguess.map: Jungle has to map to" in library.error("genreguess", "id:1")


def test_a_wrong_setting_does_not_stop_what_beets_lists(taught: Beet) -> None:
    with_it = taught("ls", "-f", "$musrec_genre").lines
    taught.configure(musrec={"genreguess": {"abstain": 7, "count": 0}})
    said = taught("ls", "-f", "$musrec_genre")
    assert said.lines == with_it
    assert said.err.count("configuration error: musrec.genreguess.") == 1
    assert taught("ls", "musrec_genre::.").lines
    assert "musrec.genreguess.count has to be" in taught("genreguess", "id:1", ok=False).err
    taught.configure()


def test_without_a_vocabulary_the_model_judges_tags_that_it_knows(library: Beet) -> None:
    library("genreguess", "--forget")
    library.sql("UPDATE items SET genres = ''")
    stored = "rock:0.9000 pop:0.0600 r&b:0.0400"
    library.sql("UPDATE item_attributes SET value = ? WHERE key = 'musrec_genres'", stored)
    for id_, genres in ((1, "Jazz"), (2, "Pop"), (3, "Hip-Hop"), (4, "ROCK"), (5, "Polka")):
        library.sql("UPDATE items SET genres = ? WHERE id = ?", genres, id_)
    library.configure(musrec={"genreguess": {"map": {"rock": "Rock 'n' Roll"}}})
    said = library("genreguess", "--audit")
    assert [line.split(": ")[-1] for line in said.lines[:-1:2]] == ["Pop -> Rock 'n' Roll"]  # it knows no jazz here
    assert shlex.split(said.lines[1])[-1] == "genres=Rock 'n' Roll"
    assert "1 doubtful, judged by the model's genres" in said.lines[-1]


def test_the_map_and_the_limit_hold_when_genres_are_applied(library: Beet) -> None:
    library("genreguess", "--forget")
    library.sql("UPDATE items SET genres = ''")
    library.sql(
        "UPDATE item_attributes SET value = 'rock:0.5 r&b:0.3 hip hop:0.15 pop:0.05' WHERE key = 'musrec_genres'"
    )
    library.configure(musrec={"genreguess": {"map": {"hip-hop": ["Rap", "Urban"], "rock": None}, "max_genres": 3}})
    library("genreguess", "--apply", "-q", "-t", "0.1", "id:1")
    library("genreguess", "--apply", "-q", "-t", "0.1", "--max-genres", "1", "id:2")
    library("genreguess", "--apply", "-q", "id:3")
    found = [row[0] for row in library.sql("SELECT genres FROM items WHERE id < 4 ORDER BY id")]
    assert found == [MULTI.join(["R&B", "Rap", "Urban"]), "R&B", ""]


def test_a_vocabulary_serves_as_long_as_its_embeddings_do(library: Beet, tmp_path: Path) -> None:
    """The model is changed: what was learnt belongs to the old embeddings, says so, and can be learnt anew."""
    other = other_model(tmp_path / "model")
    settings = {"workers": 1, "genreguess": {"map": {"Favourites": None}}, "model": str(other)}
    before = library("ls", "-f", "$musrec_genre", "id:1..20").out
    (old,) = library.sql("SELECT DISTINCT value FROM item_attributes WHERE key = 'musrec_model'")[0]
    new = old.replace(SHIPPED.stem, "other-1")
    library.configure(musrec=settings)
    said = library("ls", "-f", "$musrec_genre", "id:1..20")
    assert said.out == before
    assert said.err == (
        f"musrec: your genres were learnt from embeddings of {old}: after the change to {new}, run `beet genreguess "
        "--learn` to learn them anew\n"
    )
    assert "Jungle" in library("genreguess", "id:6").out
    assert f"They were learnt from embeddings of {old}: after `beet embed`, learn them anew." in library(
        "genreguess", "--learn"
    ).out.replace("\n", " ")

    some = "UPDATE item_attributes SET value = ? WHERE key = 'musrec_model' AND entity_id <= ?"
    library.sql(some, new, 20)  # as if these had been embedded again
    assert f"  embedded with {new}, but your genres were learnt from {old}" in library("genreguess", "id:6").lines
    assert "Jungle" in library("genreguess", "id:26").out
    library.sql(some, new, 100)
    error = library.error("genreguess", "id:6")
    assert (
        f"was learnt from embeddings of {old}, and the library's are of {new}: run `beet genreguess --learn`" in error
    )
    said = library("ls", "-f", "$musrec_genre", "id:1..20")
    assert len(said.err.splitlines()) == 1
    assert "using the model's own genres" in said.err
    library("genreguess", "--learn")
    assert "Jungle" in library("genreguess", "id:6").out
    assert json.loads(vocabulary(library).read_text(encoding="utf-8"))["model"] == new
