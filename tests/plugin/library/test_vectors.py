"""The file of vectors beside a library: quick, and never another answer than the library's own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import beets.logging
import numpy as np
import pytest
from beets.library import Item, Library
from hypothesis import given, settings
from hypothesis import strategies as st

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.config import Space
from beetsplug.musrec.library import sql, vectors
from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.vectors import VectorStore
from benchmarks.synthetic_library import make_library
from musrec_core import attribute_text
from musrec_core.card import Card
from tests.plugin.conftest import Beet

CARD = Card.load()
TICK = 0.02  # seconds: longer than a file system's clock stands still


@pytest.fixture(autouse=True)
def keeps_small_ones_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "MIN_CACHED", 1)
    monkeypatch.setattr(vectors, "SETTLED", 0.0)


def song(lib: Library, id_: int) -> Item:
    item = lib.get_item(id_)
    assert item is not None
    return item


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Library]:
    library = Library(str(make_library(tmp_path / "library.db", 40)), str(tmp_path))
    yield library
    library._close()


def store(cache: bool = True, card: Card = CARD) -> VectorStore:
    return VectorStore(Models([card]), cache, beets.logging.getLogger("beets.musrec"))


def same(a: vectors.Snapshot, b: vectors.Snapshot) -> bool:
    return (
        a.counts == b.counts
        and np.array_equal(a.index.ids, b.index.ids)
        and np.array_equal(a.index.vectors, b.index.vectors)
    )


def holds(lib: Library, space: Space = "embedding") -> bool:
    """Whether the answer with the file is the library's own."""
    return same(store().get(lib, space), store(cache=False).get(lib, space))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which attributes were read from the library itself."""
    seen: list[str] = []
    rows = vectors._rows

    def counted(lib: Library, key: str, model_id: str) -> Any:
        seen.append(key)
        return rows(lib, key, model_id)

    monkeypatch.setattr(vectors, "_rows", counted)
    return seen


@pytest.mark.parametrize("space", ["embedding", "genre"])
def test_the_second_call_reads_the_file_alone(lib: Library, reads: list[str], space: Space) -> None:
    first = store().get(lib, space)
    assert len(reads) == 1
    second = store().get(lib, space)
    assert len(reads) == 1
    assert same(first, second)
    assert second.counts == (40, 40, 40, 0)
    assert first.index.query(first.index.vectors[:3], 5) == second.index.query(first.index.vectors[:3], 5)


def write_elsewhere(lib: Library, statement: str) -> None:
    with closing(sqlite3.connect(os.fsdecode(lib.path), isolation_level=None)) as connection:
        connection.execute(statement)


def change_vector(lib: Library, item: Item) -> None:
    item[fields.EMBEDDING] = attribute_text.encode_vector(
        np.roll(attribute_text.decode_vectors([item[fields.EMBEDDING]], 128)[0], 1)
    )
    item.store()


def put_back_with_the_same_row(lib: Library, item: Item) -> None:
    """The row's number is free again and goes to another value: numbers can't tell what changed."""
    text = item[fields.EMBEDDING]
    del item[fields.EMBEDDING]
    item.store()
    item[fields.EMBEDDING] = text[::-1]
    item.store()


def drop_vector(lib: Library, item: Item) -> None:
    del item[fields.EMBEDDING]
    item.store()


def other_model(lib: Library, item: Item) -> None:
    item[fields.MODEL] = "other@00000000"
    item.store()


def swap_two(lib: Library, item: Item) -> None:
    write_elsewhere(lib, "UPDATE item_attributes SET entity_id = 1000 - entity_id WHERE key = 'musrec_embedding'")


def update_in_place(lib: Library, item: Item) -> None:
    write_elsewhere(
        lib,
        "UPDATE item_attributes SET value = (SELECT value FROM item_attributes WHERE key = 'musrec_embedding' LIMIT 1) "
        f"WHERE key = 'musrec_embedding' AND entity_id = {item.id}",
    )


def damage(lib: Library, item: Item) -> None:
    write_elsewhere(lib, f"UPDATE item_attributes SET value = 'x' WHERE key LIKE 'musrec_%' AND entity_id = {item.id}")


def new_song(lib: Library, item: Item) -> None:
    copy = Item(title="new", path=b"/new", **{key: item[key] for key in (fields.EMBEDDING, fields.MODEL)})
    copy.add(lib)


def play_count(lib: Library, item: Item) -> None:
    item["play_count"] = 3
    item.store()


def restore_backup(lib: Library, item: Item) -> None:
    path = os.fsdecode(lib.path)
    stamps = os.stat(path)
    shutil.copy2(path, f"{path}.bak")
    change_vector(lib, item)
    store().get(lib, "embedding")
    lib._close()
    shutil.copy2(f"{path}.bak", path)
    os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))


CHANGES: list[Callable[[Library, Item], None]] = [
    change_vector, put_back_with_the_same_row, drop_vector, other_model, swap_two, update_in_place, damage, new_song,
    play_count, restore_backup, lambda lib, item: item.remove(),
    lambda lib, item: write_elsewhere(lib, "VACUUM"),
    lambda lib, item: write_elsewhere(lib, "PRAGMA journal_mode = WAL"),
    lambda lib, item: write_elsewhere(lib, "PRAGMA wal_checkpoint"),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_library_is_read_anew(lib: Library, change: Callable[[Library, Item], None]) -> None:
    for space in ("embedding", "genre"):
        store().get(lib, space)
    time.sleep(TICK)
    change(lib, song(lib, 7))
    assert holds(lib, "embedding")
    assert holds(lib, "genre")


def test_a_write_to_the_journal_alone_is_seen(lib: Library) -> None:
    write_elsewhere(lib, "PRAGMA journal_mode = WAL")
    keeper = sqlite3.connect(os.fsdecode(lib.path))  # the last one to close would copy the journal back
    with closing(keeper):
        keeper.execute("SELECT COUNT(*) FROM items").fetchall()
        store().get(lib, "embedding")
        time.sleep(TICK)
        main = os.stat(lib.path).st_mtime_ns
        change_vector(lib, song(lib, 3))
        assert os.stat(lib.path).st_mtime_ns == main
        assert holds(lib)


@settings(max_examples=25, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, len(CHANGES) - 1), st.integers(1, 40), st.booleans()), min_size=1, max_size=6))
def test_no_sequence_of_changes_gives_a_wrong_answer(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("sequence")
    lib = Library(str(make_library(folder / "library.db", 40)), str(folder))
    try:
        for change, number, ask in steps:
            if ask:
                store().get(lib, "embedding")
            time.sleep(TICK)
            item = lib.get_item(number)
            if item is not None and fields.EMBEDDING in item:
                CHANGES[change](lib, item)
            assert holds(lib)
    finally:
        lib._close()


def test_what_was_just_written_is_not_kept(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writes within one tick of the file system's clock look alike; so the file waits until the clock has moved."""
    monkeypatch.setattr(vectors, "SETTLED", 3.0)
    change_vector(lib, song(lib, 1))
    store().get(lib, "embedding")
    assert not os.path.exists(vectors.cache_path(lib, "embedding"))


def test_a_change_while_the_library_is_read_is_not_kept(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = vectors._rows

    def slow(lib: Library, key: str, model_id: str) -> Any:
        found = list(rows(lib, key, model_id))
        time.sleep(TICK)
        write_elsewhere(lib, "DELETE FROM item_attributes WHERE entity_id < 10")
        return found

    monkeypatch.setattr(vectors, "_rows", slow)
    store().get(lib, "embedding")
    monkeypatch.setattr(vectors, "_rows", rows)
    assert len(store().get(lib, "embedding").index) == 31


def test_another_model_does_not_read_the_file(lib: Library) -> None:
    store().get(lib, "embedding")
    from dataclasses import replace

    other = replace(CARD, weights_sha256="0" * 64)
    assert len(store(card=other).get(lib, "embedding").index) == 0


@pytest.mark.parametrize("spoil", ["cut", "empty", "text", "longer", "folder", "header"])
def test_a_spoilt_file_is_made_anew(lib: Library, reads: list[str], spoil: str) -> None:
    path = Path(vectors.cache_path(lib, "embedding"))
    store().get(lib, "embedding")
    content = path.read_bytes()
    path.unlink()
    if spoil == "folder":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "cut": content[:-1000],
                "empty": b"",
                "text": b"hello\n" * 100,
                "longer": content[:300] + b" " + content[300:],
                "header": content.replace(b"(40, 128)", b"(40, 64) ", 1),
            }[spoil]
        )
    reads.clear()
    assert holds(lib)
    assert reads


def test_a_folder_that_cannot_be_written_costs_time_only(
    lib: Library, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("musrec_core._files._new_file", refuse)
    for _ in range(2):
        assert len(store().get(lib, "embedding").index) == 40
    assert len(reads) == 2


def test_standings_and_matching_ids_are_what_beets_itself_finds(lib: Library) -> None:
    drop_vector(lib, song(lib, 5))
    for text in ("", "format:MP3", "id:3..9", "musrec_rock:0.1..", "musrec_model::musrec", "albumtype:album", "^id:4"):
        query = sql.parse(text)
        assert sorted(sql.matching_ids(lib, query)) == sorted(map(sql.id_of, lib.items(text))), text
        some = [9, 4, 3, 39]
        expected = {item.id for item in lib.items(text)}
        assert sql.matching_ids(lib, query, among=some) == [id_ for id_ in some if id_ in expected], text
    for state in sql.embedding_states(lib, range(1, 41)):
        item = song(lib, state.id)
        assert bool(state.size) == (fields.EMBEDDING in item)
        assert (state.model, state.embedded_file) == (item[fields.MODEL], item[fields.HEARD])
        assert state.file == attribute_text.file_properties(item.format, item.length, item.bitrate, item.samplerate)


def test_the_program_keeps_its_file_beside_a_large_library(tmp_path: Path) -> None:
    beet = Beet(tmp_path, tmp_path)
    make_library(tmp_path / "library.db", 6000)
    time.sleep(3.5)
    first = beet("similar", "id:1")
    kept = tmp_path / "library.db.musrec-embedding"
    assert kept.stat().st_size > 6000 * 128 * 4
    assert beet("similar", "id:1").lines == first.lines
    beet.configure(musrec={"cache": False})
    kept.unlink()
    assert beet("similar", "id:1").lines == first.lines
    assert not kept.exists()


def test_what_a_thread_has_not_committed_yet_is_seen(lib: Library) -> None:
    """Another thread's vectors are used until this one has written something, even within its transaction."""
    vectors_of = store()
    with ThreadPoolExecutor(1) as other:
        before = other.submit(vectors_of.get, lib, "embedding").result()
    assert vectors_of.get(lib, "embedding") is before
    with lib.transaction() as tx:
        tx.mutate("DELETE FROM item_attributes WHERE key = ?", (fields.EMBEDDING,))
        assert len(vectors_of.get(lib, "embedding").index) == 0
    assert len(vectors_of.get(lib, "embedding").index) == 0


def test_a_song_that_is_embedded_anew_while_the_library_is_read_counts_once(
    lib: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "ROWS", 20)  # four songs' attributes
    decode, parts = attribute_text.decode_vectors, 0

    def decoded(texts: list[str | None], dimensions: int) -> Any:
        nonlocal parts
        parts += 1
        if parts == 2:  # the last row goes, and its number to what is stored next
            with lib.transaction() as tx:
                tx.mutate("DELETE FROM item_attributes WHERE id > 150")
                rows = tx.query("SELECT entity_id, key, value FROM item_attributes WHERE entity_id IN (1, 9)")
                values = {(row["entity_id"], row["key"]): row["value"] for row in rows}
                anew = [(1, key, values[9, key]) for key in (fields.MODEL, fields.EMBEDDING)]
                tx.mutate_many("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, ?, ?)", anew)
        return decode(texts, dimensions)

    monkeypatch.setattr(attribute_text, "decode_vectors", decoded)
    found = store(cache=False).get(lib, "embedding").index
    assert found.ids.tolist().count(1) == 1
    np.testing.assert_array_equal(found.vectors_of([1]), found.vectors_of([9]))
