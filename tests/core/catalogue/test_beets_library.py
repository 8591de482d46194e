"""Embeddings go from a library of beets into a dataset and back, and nothing else of a library changes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

import beets.logging
import lance
import numpy as np
import pyarrow as pa
from beets.library import Library

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.library import vectors
from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.vectors import VectorStore
from benchmarks.synthetic_library import make_library, write_config
from musrec_core.attribute_text import encode_vector
from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.beets_exchange import library as beets_library
from musrec_core.catalogue.cli import main
from musrec_core.catalogue.schema import ModelColumns
from tests.models import other_model
from tests.plugin.conftest import Beet

from .beets_library import CARD, MadeLibrary
from .rows import rows, unit_vectors

OTHER = "other-1@89abcdef"

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command's output; it has to end well."""

    def done(*words: object) -> str:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        assert status == 0, said.err
        return said.out + said.err

    return done


@pytest.fixture
def error(capsys: pytest.CaptureFixture[str]) -> Run:
    """The one sentence of a command that has to fail."""

    def done(*words: object) -> str:
        assert main([str(word) for word in words]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("error: ")

    return done


@pytest.fixture
def made(tmp_path: Path) -> MadeLibrary:
    return MadeLibrary(tmp_path / "library.db")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "tracks.lance"


def column(out: Path, name: str, where: str | None = None) -> dict[str, Any]:
    """Id -> value."""
    found = pa.Table.from_batches(Catalogue.open(str(out)).batches(["id", name], where))
    return dict(zip(found["id"].to_pylist(), found[name].to_pylist(), strict=True))


def test_the_names_of_the_attributes_are_the_plugins() -> None:
    names = (fields.EMBEDDING, fields.GENRES, fields.MOOD, fields.MODEL, fields.HEARD, fields.STATUS)
    assert names == beets_library.ATTRIBUTES


# There and back.


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A library that beets made, with relative paths where this beets has them."""
    config = write_config(tmp_path / "home")
    make_library(config.parent / "library.db", 120)
    return config.parent


def test_there_and_back_beets_has_the_same_texts_and_gives_the_same_answers(home: Path, out: Path, run: Run) -> None:
    beet = Beet(home, Path("/music"))
    before, nearest = beet.stored(), beet("similar", "id:7").out
    assert run("import-beets", home / "library.db", "--out", out, "--music", "/music").startswith("120 songs: 120 new")
    beet.sql("DELETE FROM item_attributes WHERE entity_id % 2 AND key LIKE 'musrec%'")
    beet.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (7, 'musrec_status', 'timeout @ 1')")
    beet.sql("INSERT INTO item_attributes (entity_id, key, value) VALUES (7, 'musrec_tag_mood', 'x'), (7, 'mine', '1')")
    others = "SELECT * FROM item_attributes WHERE key IN ('musrec_tag_mood', 'mine')", "SELECT * FROM items"
    kept = [beet.sql(statement) for statement in others]
    assert "60 items written, 60 unchanged" in run("export-beets", out, home / "library.db")
    before[7]["musrec_tag_mood"] = "x"
    assert beet.stored() == before
    assert [beet.sql(statement) for statement in others] == kept
    assert beet("similar", "id:7").out == nearest


def test_a_plugin_that_has_the_library_open_notices(
    home: Path, out: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "MIN_CACHED", 1)
    monkeypatch.setattr(vectors, "SETTLED", 0.0)  # so that its file of vectors is in use, too
    run("import-beets", home / "library.db", "--out", out, "--music", "/music")
    library = Library(str(home / "library.db"), "/music")
    store = VectorStore(Models([CARD]), True, beets.logging.getLogger("beets.musrec"))
    try:
        before = store.get(library, "embedding")
        with library.transaction() as tx:
            tx.mutate("DELETE FROM item_attributes WHERE entity_id < 50")
        assert store.get(library, "embedding").counts.current == 71
        words = [sys.executable, "-m", "musrec_core.catalogue", "export-beets", str(out), str(home / "library.db")]
        subprocess.run(words, check=True, capture_output=True)  # another process, as a user's
        after = store.get(library, "embedding")
    finally:
        library._close()
    assert (home / "library.db.musrec-embedding").exists()
    assert after.counts == before.counts
    order = np.argsort(after.index.ids)
    np.testing.assert_array_equal(after.index.ids[order], before.index.ids)
    np.testing.assert_array_equal(after.index.vectors[order], before.index.vectors)


def test_equal_probabilities_keep_their_order_and_what_is_missing_stays_so(
    made: MadeLibrary, out: Path, run: Run
) -> None:
    labels = [genre.label for genre in CARD.genres][::-1]
    made.embed(
        1, genres=" ".join(f"{label}:{p}" for label, p in zip(labels, ["0.9000"] + ["0.0000"] * 15, strict=True))
    )
    made.embed(2, genres=f"{labels[3]}:0.5000 {labels[1]}:0.5000")
    made.store(3, {"musrec_mood": ""})
    made.sql("DELETE FROM item_attributes WHERE entity_id = 3 AND key IN ('musrec_mood', 'musrec_genres')")
    before = made.attributes()
    run("import-beets", made, "--out", out)
    made.clear()
    run("export-beets", out, made)
    assert made.attributes() == before
    assert column(out, "genre") == {"1": labels[0], "2": labels[3], "3": None}


# Import.


def test_tags_become_columns_and_what_is_empty_is_null(made: MadeLibrary, out: Path, run: Run) -> None:
    made.sql("UPDATE items SET year = 0, title = '', added = 1700000000.5 WHERE id = 2")
    run("import-beets", made, "--out", out)
    assert column(out, "year") == {"1": 1981, "2": None, "3": 1983}
    assert column(out, "title", "added > timestamp '2020-01-01'") == {"2": None}
    assert column(out, "path", "year < 1982 AND genre IS NOT NULL AND length > 200") == {"1": "/music/a1.flac"}
    assert column(out, "heard") == {
        "1": "FLAC 200.0 900000 44100 excerpts:3",
        "2": "FLAC 200.0 900000 44100",
        "3": "FLAC 200.0 900000 44100 excerpts:3",
    }
    assert set(column(out, "beets_library").values()) == {str(made.path)}


def test_the_same_once_more_writes_nothing_and_what_changed_is_written(made: MadeLibrary, out: Path, run: Run) -> None:
    run("import-beets", made, "--out", out)
    version = lance.dataset(str(out)).version
    assert run("import-beets", made, "--out", out) == "3 songs: 0 new, 0 changed, 3 unchanged\n"
    assert lance.dataset(str(out)).version == version
    made.sql("UPDATE items SET title = 'Renamed' WHERE id = 1")
    made.embed(2, embedding=made.sql("SELECT value FROM item_attributes WHERE key = ?", fields.EMBEDDING)[0][0])
    made.add(4, path=b"/music/a4.flac")
    made.embed(4)
    assert run("import-beets", made, "--out", out) == "4 songs: 1 new, 2 changed, 1 unchanged\n"
    assert column(out, "title") == {"1": "Renamed", "2": "Song 2", "3": "Song 3", "4": None}
    assert column(out, "vector")["2"] == column(out, "vector")["1"]


def test_what_has_no_usable_embedding_of_the_model_is_counted_and_told(made: MadeLibrary, out: Path, run: Run) -> None:
    for id_ in range(4, 10):
        made.add(id_, path=f"/music/a{id_}.mp3".encode())
    made.embed(4, model=OTHER)
    made.embed(5, embedding="AAAA")
    made.embed(6, embedding="no base64 \x00")
    nan = np.full(CARD.dimensions, np.nan, np.float32)
    made.embed(7, embedding=encode_vector(nan))
    made.store(8, {fields.STATUS: "too-short @ 1700000000"})
    assert run("import-beets", made, "--out", out).splitlines() == [
        "9 songs: 4 new, 0 changed, 0 unchanged",
        "1 song of those could not be embedded: see `status`",
        "1 song not embedded: run `beet embed`",
        "3 songs with a damaged embedding: run `beet embed`",
        f"1 song of {OTHER}, and not of {CARD.model_id}",
        *(f"a damaged embedding: item {id_}, /music/a{id_}.mp3" for id_ in (5, 6, 7)),
    ]
    assert column(out, "status") == {"1": "ok", "2": "ok", "3": "ok", "8": "too-short"}
    assert column(out, "vector", "status != 'ok'") == {"8": None}


def test_a_failure_takes_no_embedding_away(made: MadeLibrary, out: Path, run: Run) -> None:
    run("import-beets", made, "--out", out)
    made.clear([2])
    made.store(2, {fields.STATUS: "timeout @ 5"})
    run("import-beets", made, "--out", out)
    assert column(out, "status")["2"] == "ok"


def test_songs_that_are_gone_are_counted_and_pruned_only_of_this_library(
    made: MadeLibrary, tmp_path: Path, out: Path, run: Run
) -> None:
    second = MadeLibrary(tmp_path / "second.db", 2)
    run("import-beets", made, "--out", out)
    run("import-beets", second, "--out", out, "--prefix", "o'2:")
    made.sql("DELETE FROM items WHERE id IN (1, 2)")
    assert "2 tracks not in the library any more" in run("import-beets", made, "--out", out)
    assert "2 tracks deleted" in run("import-beets", made, "--out", out, "--prune")
    second.sql("DELETE FROM items WHERE id = 2")
    run("import-beets", second, "--out", out, "--prefix", "o'2:", "--prune")
    assert sorted(column(out, "title")) == ["3", "o'2:1"]


def test_a_library_that_has_none_of_the_tracks_prunes_nothing(
    made: MadeLibrary, tmp_path: Path, out: Path, run: Run, error: Run
) -> None:
    run("import-beets", made, "--out", out)
    wrong = MadeLibrary(tmp_path / "wrong.db", 0)
    wrong.add(99, path=b"/music/99.mp3")
    wrong.embed(99)
    assert "no track in common" in error("import-beets", wrong, "--out", out, "--name", made, "--prune")
    assert len(column(out, "title")) == 3


def test_two_libraries_with_the_same_numbers_do_not_mix(
    made: MadeLibrary, tmp_path: Path, out: Path, run: Run, error: Run
) -> None:
    second = MadeLibrary(tmp_path / "second.db", 2)
    second.sql("UPDATE items SET path = CAST('/elsewhere/' || id AS BLOB)")
    run("import-beets", made, "--out", out)
    assert f"has the id '1' from {made}: give the ids a --prefix" in error("import-beets", second, "--out", out)
    assert len(column(out, "title")) == 3
    second.clear()
    said = run("export-beets", out, second)
    assert "2 tracks of another library with an item's number" in said
    assert second.attributes() == []
    moved = tmp_path / "moved.db"
    shutil.copy(made.path, moved)
    assert "3 unchanged" in run("import-beets", moved, "--out", out, "--name", made)
    assert "3 unchanged" in run("export-beets", out, moved)  # the files' paths are the same


def test_recordings_are_ids_where_they_are_unique(made: MadeLibrary, out: Path, run: Run, error: Run) -> None:
    made.add(4, path=b"/music/a4.flac", mb_trackid="mb-1")
    made.embed(4)
    made.add(5, path=b"/music/a5.flac", mb_trackid="")
    made.embed(5)
    said = json.loads(run("import-beets", made, "--out", out, "--id-column", "mb_trackid", "--json"))
    assert (said["new"], said["repeated"], said["without_id"]) == (3, 1, 1)
    assert column(out, "path")["mb-1"] == "/music/a1.flac"
    made.clear()
    assert "1 track whose id is that of several items" in run("export-beets", out, made, "--id-column", "mb_trackid")
    assert {id_ for id_, *_ in made.attributes()} == {2, 3}
    assert "has no column colour" in error("import-beets", made, "--out", out, "--id-column", "colour")


def test_hostile_texts_and_numbers_go_through(made: MadeLibrary, out: Path, run: Run) -> None:
    made.sql("UPDATE items SET title = 'a' || char(0) || 'b', mb_trackid = 'it''s \"1\"' WHERE id = 1")
    made.sql("UPDATE items SET title = CAST(x'EDA080FF' AS TEXT), path = x'2F6D2FFF2E6D7033' WHERE id = 2")
    made.sql("UPDATE items SET year = 'soon', track = -3, length = 9e999, added = 1e300, disc = 2.0, "
             "bitrate = 9223372036854775807, label = x'00ff', path = '/m/text' WHERE id = 3")  # fmt: skip
    run("import-beets", made, "--out", out, "--id-column", "mb_trackid")
    assert column(out, "title", "id = 'it''s \"1\"'") == {'it\'s "1"': "a\0b"}
    assert column(out, "title")["mb-2"] == "\ufffd" * 4
    assert column(out, "path") == {'it\'s "1"': "/music/a1.flac", "mb-2": "file:///m/%FF.mp3", "mb-3": "/m/text"}
    for name in ("year", "track", "length", "added"):
        assert column(out, name)["mb-3"] is None, name
    assert (column(out, "disc")["mb-3"], column(out, "label")["mb-3"]) == (2, "\0\ufffd")
    before = made.attributes()
    made.clear()
    run("export-beets", out, made, "--match", "path")
    assert made.attributes() == before


def test_relative_paths_need_the_folder_of_the_music(made: MadeLibrary, out: Path, run: Run, error: Run) -> None:
    made.sql("UPDATE items SET path = CAST('Artist/' || id || '.mp3' AS BLOB) WHERE id < 3")
    assert "give it with --music" in error("import-beets", made, "--out", out)
    assert not out.exists()
    run("import-beets", made, "--out", out, "--music", "/my/music/")
    assert column(out, "path") == {"1": "/my/music/Artist/1.mp3", "2": "/my/music/Artist/2.mp3", "3": "/music/a3.flac"}


def test_a_dataset_that_was_embedded_gets_the_columns_and_keeps_its_own(made: MadeLibrary, out: Path, run: Run) -> None:
    columns = ModelColumns.of_card(CARD)
    catalogue = Catalogue.create(str(out), columns, pa.schema([("mine", pa.string()), ("year", pa.string())]))
    rng = np.random.default_rng(1)
    catalogue.merge(
        rows(["2", "x"], unit_vectors(rng, 2, CARD.dimensions), {"mine": ["m2", "mx"], "year": ["1", "2"]}, columns)
    )
    said = run("import-beets", made, "--out", out, "--id-column", "id", "--force")
    assert said.startswith("3 songs: 2 new, 1 changed")
    assert column(out, "mine") == {"1": None, "2": "m2", "3": None, "x": "mx"}
    assert column(out, "year") == {"1": "1981", "2": "1982", "3": "1983", "x": "2"}


@pytest.mark.parametrize("name", ["a b.db", "what?.db", "100%25 #1.db", "it's.db", "ü\n.db", "\udcff.db"])
def test_any_name_of_a_library(tmp_path: Path, out: Path, run: Run, name: str) -> None:
    made = MadeLibrary(tmp_path / name, 1)
    link = tmp_path / "link.db"
    link.symlink_to(made.path)
    run("import-beets", link, "--out", out)
    assert column(out, "beets_library") == {"1": str(made.path).replace("\udcff", "\\xff")}
    made.clear()
    assert "1 item written" in run("export-beets", out, link)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "link.db", "tracks.lance"])


def test_what_is_no_library_is_told_and_none_is_made(made: MadeLibrary, tmp_path: Path, out: Path, error: Run) -> None:
    assert error("import-beets", tmp_path / "none.db", "--out", out) == f"there is no library {tmp_path}/none.db"
    assert "is no file" in error("import-beets", tmp_path, "--out", out)
    text, empty, foreign = (tmp_path / name for name in ("text.db", "empty.db", "foreign.db"))
    text.write_text("no SQLite, but longer than its header " * 9)
    empty.touch()
    shutil.copy(made.path, foreign)
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("DROP TABLE albums")
    assert "it is no SQLite file" in error("import-beets", text, "--out", out)
    for path, table in ((empty, "items"), (foreign, "albums")):
        assert f"is no library of beets: it has no table {table}" in error("import-beets", path, "--out", out)
    made.sql("PRAGMA application_id = 7")
    assert "another program made it" in error("import-beets", made, "--out", out)
    made.sql("PRAGMA application_id = 0")
    content = made.path.read_bytes()
    made.path.write_bytes(content[: len(content) // 2])
    assert "malformed" in error("import-beets", made, "--out", out)
    made.path.write_bytes(content)
    made.clear()
    assert "has no embeddings: run `beet embed`" in error("import-beets", made, "--out", out)
    made.sql("DELETE FROM items")
    assert "has no songs" in error("import-beets", made, "--out", out)
    assert not out.exists()
    assert not (tmp_path / "none.db").exists()


def test_a_library_is_read_from_a_folder_that_can_not_be_written(
    made: MadeLibrary, out: Path, run: Run, error: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In WAL mode SQLite wants to make files there; root, as whom tests may run, can write anywhere."""
    made.sql("PRAGMA journal_mode = WAL")
    connect = beets_library._connected

    def in_such_a_folder(uri: str) -> sqlite3.Connection:
        if "immutable" not in uri:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(uri)

    monkeypatch.setattr(beets_library, "_connected", in_such_a_folder)
    assert "3 new" in run("import-beets", made, "--out", out)
    assert not list(made.path.parent.glob("library.db-*"))
    Path(f"{made}-wal").touch()
    assert f"a program left {made}-wal beside it: run `beet stats` once" in error("import-beets", made, "--out", out)


def test_a_write_that_was_cut_off_is_told_and_not_finished(made: MadeLibrary, out: Path, error: Run) -> None:
    killed = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN'); c.execute('UPDATE items SET title = 7'); "
        "c.execute('CREATE TABLE big AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 500) "
        "SELECT zeroblob(1000) FROM r'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed, str(made)], check=False)
    before = made.path.read_bytes()
    assert f"a program left {made}-journal beside it" in error("import-beets", made, "--out", out)
    assert made.path.read_bytes() == before
    assert made.sql("SELECT title FROM items WHERE id = 1") == [("Song 1",)]


def test_a_library_is_read_while_others_write_and_waits_for_them_only_so_long(
    made: MadeLibrary, out: Path, run: Run, error: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beets_library, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(made.path, isolation_level=None)) as beets_itself:
        beets_itself.execute("BEGIN IMMEDIATE")
        run("import-beets", made, "--out", out)  # a writer that has not committed yet
        assert "is locked by another program" in error("export-beets", out, made)
        beets_itself.execute("COMMIT")
        beets_itself.execute("BEGIN EXCLUSIVE")
        assert "is locked by another program" in error("import-beets", made, "--out", out)


def test_a_key_that_an_item_has_twice_counts_as_stored_last(tmp_path: Path, out: Path, run: Run) -> None:
    made = MadeLibrary(tmp_path / "old.db", 1, unique=False)
    made.embed(1, heard="MP3 1.0 2 3")
    run("import-beets", made, "--out", out)
    assert column(out, "heard") == {"1": "MP3 1.0 2 3"}
    made.embed(1, embedding="AAAA")
    run("export-beets", out, made)
    assert len([key for _, key, _ in made.attributes() if key == fields.EMBEDDING]) == 1


# Models.


def test_the_model_is_the_shipped_one_the_named_one_or_the_datasets(
    made: MadeLibrary, tmp_path: Path, out: Path, run: Run, error: Run
) -> None:
    other = other_model(tmp_path / "models")
    other_id = f"other-1@{CARD.weights_sha256[:8]}"
    assert f"has no embedding of {other_id}, but 3 of {CARD.model_id}" in error(
        "import-beets", made, "--out", out, "--model", other
    )
    assert not out.exists()
    made.embed(2, model=other_id, genres="delta:1.0000")
    run("import-beets", made, "--out", out, "--model", other)
    assert column(out, "genres.delta") == {"2": 1.0}
    assert run("import-beets", made, "--out", out).startswith("3 songs: 0 new, 0 changed, 1 unchanged")
    assert f"is of the model {other_id}" in error("import-beets", made, "--out", out, "--model", "musrec-2")
    made.clear([2])
    said = " ".join(run("export-beets", out, made).split())
    assert f"note: beets embeds with {CARD.model_id} unless `musrec.model` names another" in said
    assert f"compares the songs of {CARD.model_id}" in said
    assert "has no embedding of musrec-2@" in error("export-beets", out, made, "--model", "musrec-2")


# Export.


def test_an_embedding_is_replaced_by_force_alone(made: MadeLibrary, out: Path, run: Run) -> None:
    run("import-beets", made, "--out", out)
    original = made.attributes()
    made.embed(1, embedding=made.sql("SELECT value FROM item_attributes WHERE key = ?", fields.EMBEDDING)[1][0])
    made.embed(2, model=OTHER)
    changed = made.attributes()
    assert run("export-beets", out, made).splitlines()[:3] == [
        "3 tracks: 0 items written, 1 unchanged",
        "1 item with another embedding of this model, which is kept: --force replaces it",
        f"1 item with an embedding of {OTHER}, which is kept: --force replaces it",
    ]
    assert "2 items would be written" in run("export-beets", out, made, "--force", "--pretend")
    assert made.attributes() == changed
    assert "2 items written, 1 unchanged\n2 items of those had another embedding" in run(
        "export-beets", out, made, "--force"
    )
    assert made.attributes() == original


def test_a_condition_chooses_tracks(made: MadeLibrary, out: Path, run: Run, error: Run) -> None:
    run("import-beets", made, "--out", out)
    made.clear()
    assert "1 item would be written" in run("export-beets", out, made, "-p", "--where", "year = 1981 OR year = 1799")
    assert made.attributes() == []
    run("export-beets", out, made, "--where", "year > 1981")
    assert {id_ for id_, *_ in made.attributes()} == {2, 3}
    assert "the condition 'colour = 1' can't be used" in error("export-beets", out, made, "--where", "colour = 1")
    assert "that fulfils 'year < 9'" in error("export-beets", out, made, "--where", "year < 9")


def test_tracks_of_a_manifest_find_their_items_by_path(made: MadeLibrary, out: Path, run: Run) -> None:
    columns = ModelColumns.of_card(CARD)
    catalogue = Catalogue.create(str(out), columns)
    embeddings = [*unit_vectors(np.random.default_rng(1), 4, CARD.dimensions), np.full(CARD.dimensions, np.nan)]
    table = rows(["a", "b", "c", "d", "e"], embeddings, columns=columns)
    paths = ["/music/a1.flac", "file:///music/cafe%CC%81.mp3", "s3://music/a3.flac", None, "/music/a3.flac"]
    heard = ["size:1 modified:2026-01-01T00:00:00Z excerpts:4", "size:9", None, None, None]
    columns_of = {name: table[name] for name in table.column_names} | {"path": paths, "heard": heard}
    catalogue.merge(pa.table(columns_of, schema=table.schema))
    made.sql("UPDATE items SET path = ? WHERE id = 2", "/music/café.mp3".encode())
    made.sql("UPDATE items SET format = NULL, length = 'x', bitrate = NULL WHERE id = 2")
    made.clear()
    assert run("export-beets", out, made, "--match", "path").splitlines()[:3] == [
        "5 tracks: 2 items written, 0 unchanged",
        "2 tracks whose path no item has",
        "1 track with a damaged vector",
    ]
    heard_of = {id_: value for id_, key, value in made.attributes() if key == fields.HEARD}
    assert heard_of == {1: "FLAC 200.0 900000 44100 excerpts:4", 2: " 0.0 0 44100"}
    assert "5 tracks whose id no item has" in run("export-beets", out, made)


def test_a_full_disk_leaves_the_library_as_it_was(
    made: MadeLibrary, out: Path, error: Run, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_ in range(4, 60):
        made.add(id_, path=f"/music/{id_}".encode())
        made.embed(id_)
    run("import-beets", made, "--out", out)
    made.clear()
    made.sql("VACUUM")
    connect = beets_library._connected

    def small(uri: str) -> sqlite3.Connection:
        connection = connect(uri)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")  # what SQLite says of a full disk
        return connection

    monkeypatch.setattr(beets_library, "_connected", small)
    before = made.path.read_bytes()
    assert error("export-beets", out, made).endswith("can't be written: database or disk is full")
    assert made.path.read_bytes() == before
    monkeypatch.setattr("musrec_core.catalogue.beets_exchange.exporting.WRITE_ITEMS", 5)
    assert error("export-beets", out, made).endswith("items before that are written")
    whole = [count for (count,) in made.sql("SELECT COUNT(*) FROM item_attributes GROUP BY entity_id")]
    assert set(whole) == {5}


def test_a_library_without_permission_is_told(made: MadeLibrary, out: Path, run: Run, error: Run) -> None:
    run("import-beets", made, "--out", out)
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    made.clear()
    made.path.chmod(0o400)
    assert "can't be written: attempt to write a readonly database" in error("export-beets", out, made)
