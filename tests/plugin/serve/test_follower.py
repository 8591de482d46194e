"""A server's answers follow the library, whatever happens to its file; and never write to it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import beets
import pytest
from beets.library import Library

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.serve.answers import Answers
from beetsplug.musrec.serve.errors import ServeError
from beetsplug.musrec.similar.options import SimilarOptions
from benchmarks.synthetic_library import make_library

from ..similar.test_effects import Finder

SONGS = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("followed") / "library.db", SONGS)


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "library.db"))


@pytest.fixture(params=[False, True], ids=["asked", "followed"])
def answers(request: pytest.FixtureRequest, file: Path) -> Iterator[Answers]:
    """Answers that look for changes themselves, and such that a thread follows for."""
    beets.config["create_backup_before_migrations"] = False
    lib = Library(str(file), "/music")
    similar = Finder().similar
    similar.advice = lambda lib, ids: "run `beet embed`"  # type: ignore[method-assign]
    asked = Answers(lib, similar, SimilarOptions(duplicates=True))
    if request.param:
        asked.start()
    yield asked
    asked.close()
    lib._close()


def ids(answers: Answers, seed: int = 20) -> set[int]:
    return {song.id for song in answers.similar([seed], 1000)}


def change(file: Path, *statements: str) -> None:
    """What another program does."""
    with sqlite3.connect(file) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def trouble(answers: Answers) -> ServeError:
    answers.refresh()
    with pytest.raises(ServeError) as error:
        answers.similar([20], 5)
    assert error.value.status == 503
    with pytest.raises(ServeError):
        answers.matching("id:1", 5)
    with pytest.raises(ServeError):
        answers.status()
    return error.value


def test_songs_that_go_and_come(answers: Answers, file: Path) -> None:
    assert ids(answers) == set(range(1, SONGS + 1)) - {20}
    change(file, "DELETE FROM items WHERE id = 7", "DELETE FROM item_attributes WHERE entity_id IN (7, 8)")
    answers.refresh()
    assert ids(answers) == set(range(1, SONGS + 1)) - {7, 8, 20}
    assert answers.songs([7, 8, 9]) == answers.songs([8, 9])
    with pytest.raises(ServeError) as gone:
        answers.similar([7], 5)
    with pytest.raises(ServeError) as bare:
        answers.similar([8], 5)
    assert (gone.value.status, bare.value.status) == (404, 409)
    change(file, "INSERT INTO item_attributes (entity_id, key, value) "
                 "SELECT 8, key, value FROM item_attributes WHERE entity_id = 9")  # fmt: skip
    answers.refresh()
    assert answers.similar([9], 1)[0].id == 8


def test_other_names_and_other_embeddings(answers: Answers, file: Path) -> None:
    nearest = answers.similar([20], 1)[0]
    change(file, f"UPDATE items SET title = 'Anew' WHERE id = {nearest.id}")
    answers.refresh()
    assert answers.similar([20], 1)[0].title == "Anew"
    change(
        file,
        "UPDATE item_attributes SET value = (SELECT value FROM item_attributes WHERE entity_id = 20 AND "
        f"key = '{fields.EMBEDDING}') WHERE entity_id = 33 AND key = '{fields.EMBEDDING}'",
    )
    answers.refresh()
    assert answers.similar([20], 1)[0].id == 33


def test_a_library_of_another_model_has_nothing_to_compare(answers: Answers, file: Path) -> None:
    assert ids(answers)
    change(file, f"UPDATE item_attributes SET value = 'another' WHERE key = '{fields.MODEL}'")
    answers.refresh()
    with pytest.raises(ServeError, match="another model") as error:
        answers.similar([20], 5)
    assert error.value.status == 409
    with pytest.raises(ServeError, match="another model"):
        answers.sounds("piano", 5)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM item_attributes WHERE entity_id <= 20", "20 of 60 songs are not embedded yet"),
        (f"UPDATE item_attributes SET value = 'x' WHERE key = '{fields.MODEL}'", "are from another model"),
    ],
)
def test_what_can_not_be_found_is_told_at_the_start(
    file: Path, caplog: pytest.LogCaptureFixture, statement: str, expected: str
) -> None:
    change(file, statement)
    lib = Library(str(file), "/music")
    asked = Answers(lib, Finder().similar, SimilarOptions())
    with caplog.at_level("INFO", "beets.musrec"):
        asked.start()
    asked.close()
    lib._close()
    assert expected in caplog.text


def test_a_library_that_vanishes_and_comes_back(answers: Answers, file: Path) -> None:
    before = ids(answers)
    os.rename(file, file.with_suffix(".away"))
    assert trouble(answers).sentence == "the library can't be read: No such file or directory"
    assert not file.exists()
    os.rename(file.with_suffix(".away"), file)
    answers.refresh()
    assert ids(answers) == before


def test_a_library_that_is_replaced_by_another(answers: Answers, file: Path, made: Path) -> None:
    assert answers.matching("id:7", 1)
    other = Path(shutil.copy(made, file.with_suffix(".other")))
    change(other, "DELETE FROM items WHERE id = 7")
    os.replace(other, file)
    answers.refresh()
    assert 7 not in ids(answers)
    with pytest.raises(ServeError, match="no song matches"):
        answers.matching("id:7", 1)


@pytest.mark.parametrize("content", [b"", b"no database " * 1000], ids=["empty", "garbage"])
def test_a_damaged_library(answers: Answers, file: Path, made: Path, content: bytes) -> None:
    before = ids(answers)
    other = file.with_suffix(".other")
    other.write_bytes(content)
    os.replace(other, file)
    assert "\n" not in trouble(answers).sentence
    assert file.read_bytes() == content
    os.replace(shutil.copy(made, other), file)
    answers.refresh()
    assert ids(answers) == before


def test_a_length_that_is_no_number(answers: Answers, file: Path) -> None:
    change(file, "UPDATE items SET length = 9e999 WHERE id = 40", "UPDATE items SET length = 'x' WHERE id = 41")
    answers.refresh()
    assert [song.length for song in answers.songs([40, 41])] == [0.0, 0.0]


def test_a_library_that_can_not_be_read_is_not_locked(answers: Answers, file: Path) -> None:
    before = ids(answers)
    change(file, "UPDATE items SET title = CAST(x'fffe80' AS TEXT) WHERE id = 40")
    assert "UTF-8" in trouble(answers).sentence
    with closing(sqlite3.connect(file, timeout=0.01)) as connection, connection:
        connection.execute("UPDATE items SET title = 'repaired' WHERE id = 40")
    answers.refresh()
    assert ids(answers) == before


def test_a_locked_library_is_answered_from_what_was_read(answers: Answers, file: Path) -> None:
    answers._follower._lib.timeout = 0.01
    before = ids(answers)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("DELETE FROM items WHERE id = 7")
    try:
        answers.refresh()
        assert ids(answers) == before
    finally:
        connection.execute("COMMIT")
        connection.close()
    answers.refresh()
    assert ids(answers) == before - {7}


def test_nothing_is_written(answers: Answers, file: Path) -> None:
    def state() -> tuple[str, list[str]]:
        return hashlib.sha256(file.read_bytes()).hexdigest(), sorted(os.listdir(file.parent))

    before = state()
    answers.similar([20], 5)
    answers.journey(20, 50, 5)
    answers.sounds("piano", 5)
    answers.artists([20], 3, with_matches=True)
    answers.blend([20], [30], 5)
    answers.matching("id:1..5", 5)
    answers.refresh()
    assert state() == before


def test_requests_ask_nothing_of_the_library_itself(
    file: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before it changed nor after: what they wanted is made ready while the library is read."""
    kept = frozenset(range(1, 40))
    capped = SimilarOptions(max_per_artist=2, candidates="id:1..50")

    def ask() -> list[Any]:
        return [
            answers.similar([20], 5, among=kept),
            answers.similar([20], 5, options=capped),
            answers.blend([20], [30], 5),
            answers.sounds("piano", 5),
            answers.journey(20, 30, 5),
            answers.artists([20], 3, with_matches=True),
            answers.songs([1, 2]),
            answers.status(),
        ]

    before = ask()
    change(file, "UPDATE items SET title = 'Anew' WHERE id = 1")
    answers.refresh()

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the library was asked")

    monkeypatch.setattr(answers._follower._lib, "transaction", refuse)
    after = ask()
    assert after[:6] != before[:6] or after[6] != before[6]
    assert after[6][0].title == "Anew"


def test_threads_get_the_answers_of_one(answers: Answers) -> None:
    seeds = list(range(1, SONGS + 1))
    options: list[SimilarOptions] = [
        SimilarOptions(),
        SimilarOptions(max_per_artist=1, variety=0.4),
        SimilarOptions(hub_correction=True, sounds="piano"),
    ]

    def ask(n: int) -> Any:
        return answers.similar([seeds[n % SONGS]], 10, options=options[n % 3])

    wanted = [ask(n) for n in range(2 * SONGS)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(2 * SONGS))) == wanted


def test_threads_while_the_library_is_written_to(answers: Answers, file: Path) -> None:
    ended = threading.Event()
    all_songs = set(range(1, SONGS + 1))

    def ask(seed: int) -> int:
        asked = 0
        while not ended.is_set() or not asked:
            found = ids(answers, seed)
            assert all_songs - {seed} - set(range(41, 46)) <= found < all_songs
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask, seed) for seed in (1, 2, 3, 4)]
        for id_ in range(41, 46):
            change(file, f"DELETE FROM items WHERE id = {id_}")
            answers.refresh()
        ended.set()
        assert all(each.result() for each in asking)
    assert ids(answers, 1) == all_songs - {1} - set(range(41, 46))
