"""Seeds by what was played lately: `--recent`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import beets
import beets.logging
import pytest
from beets.library import Item, Library
from beets.ui import UserError

from beetsplug.musrec.similar.recent import recent

from ..conftest import Beet

NOW = 1_700_000_000.0
DAY = 86_400.0
LOG = beets.logging.getLogger("beets.musrec")


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Library]:
    beets.config["create_backup_before_migrations"] = False
    library = Library(str(tmp_path / "library.db"), str(tmp_path))
    for n in range(1, 6):
        library.add(Item(title=f"Song {n}", path=f"/music/{n}.mp3".encode()))
    yield library
    library._close()


def store(lib: Library, key: str, **values: Any) -> None:
    for title, value in values.items():
        item = lib.get_item(int(title.removeprefix("song")))
        assert item
        item[key] = value
        item.store()


def titles(items: list[Item]) -> list[str]:
    return [item.title for item in items]


def test_what_was_played_within_the_time_the_last_first(lib: Library) -> None:
    store(lib, "last_played", song1=NOW - 40 * DAY, song2=NOW - 3 * DAY, song3=NOW - 29 * DAY, song4=NOW - 3_600)
    assert titles(recent(lib, "30d", LOG, now=NOW)) == ["Song 4", "Song 2", "Song 3"]
    assert titles(recent(lib, "12h", LOG, now=NOW)) == ["Song 4"]
    assert titles(recent(lib, "30d", LOG, among=[1, 2, 3], now=NOW)) == ["Song 2", "Song 3"]
    assert len(recent(lib, "1y", LOG, now=NOW)) == 4


def test_nothing_was_played_within_the_time(lib: Library) -> None:
    store(lib, "last_played", song1=NOW - 40 * DAY)
    with pytest.raises(UserError, match=r"^no song was played within 4w: the last one was on 2023-10-0\d$"):
        recent(lib, "4w", LOG, now=NOW)
    with pytest.raises(UserError, match=r"^no song that QUERY matches was ever played$"):  # so others were
        recent(lib, "4w", LOG, among=[2], now=NOW)


def test_nothing_is_known_of_those_that_match(lib: Library) -> None:
    with pytest.raises(UserError, match=r"^nothing tells which songs that QUERY matches were played: "):
        recent(lib, "4w", LOG, among=[2], now=NOW)


def test_a_date_that_is_no_number_or_far_ahead_is_ignored(lib: Library) -> None:
    store(lib, "last_played", song1="yesterday", song2=NOW + 400 * DAY, song3=-5.0, song4=NOW + 60)
    assert titles(recent(lib, "30d", LOG, now=NOW)) == ["Song 4"]


@pytest.mark.parametrize("key", ["play_count", "lastfm_play_count", "listenbrainz_play_count"])
def test_without_times_the_most_played(lib: Library, key: str, caplog: pytest.LogCaptureFixture) -> None:
    store(lib, key, song1=0, song2=7, song3=12, song4=7)
    LOG.propagate = True
    with caplog.at_level("INFO", LOG.name):
        assert titles(recent(lib, "30d", LOG, now=NOW)) == ["Song 3", "Song 2", "Song 4"]
    assert f"no song has last_played: starting from 3 songs with the highest {key}" in caplog.text


def test_of_many_that_were_played_the_first_so_many(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beetsplug.musrec.similar.recent.MOST_PLAYED", 2)
    store(lib, "play_count", song1=1, song2=9, song3=5)
    assert titles(recent(lib, "30d", LOG, now=NOW)) == ["Song 2", "Song 3"]


def test_a_list_a_playlist_and_a_mix_of_what_was_played(library: Beet, tmp_path: Path) -> None:
    nothing = library.error("similar", "--recent", "30d")
    assert nothing == (
        "error: nothing tells which songs were played: the plugin mpdstats stores when, "
        "and lastimport and listenbrainz store how often"
    )
    assert library.error("similar", "--recent", "soon").startswith("error: --recent has to be a time such as 12h, 30d")
    library.sql("INSERT INTO item_attributes (entity_id, key, value) SELECT id, 'last_played', strftime('%s') "
                "FROM items WHERE id IN (1, 2)")  # fmt: skip
    expected = library("similar", "id:1..2", "-n", "3")
    said = library("similar", "--recent", "30d", "-n", "3")
    assert said.out == expected.out
    assert "starting from 2 songs played within 30d" in said.err
    assert library("similar", "--recent", "30d", "id:2..3", "-n", "3").out == library("similar", "id:2", "-n", "3").out
    library.configure(
        musrec={"playlist": {"dir": str(tmp_path)}, "mixes": [{"name": "Lately", "recent": "30d", "count": 3}]}
    )
    assert library("mixes").lines == ["Lately: 3 songs, 3 new"]
    library("similar", "--recent", "30d", "-n", "3", "-m", "own")
    library.sql("UPDATE item_attributes SET value = 1 WHERE key = 'last_played' AND entity_id = 1")
    refreshed = library("similar", "--refresh", "own")
    assert refreshed.out == library("similar", "id:2", "-n", "3", "--order", "apart").out
