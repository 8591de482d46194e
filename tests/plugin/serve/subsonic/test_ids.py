"""The ids of a media server: looked up, kept, renewed, and never of another file."""

from __future__ import annotations

import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from beets import logging as beets_logging
from beets.library import Item, Library
from beets.ui import UserError

from beetsplug.musrec.config import SubsonicSettings
from beetsplug.musrec.serve.subsonic import ids as ids_module
from beetsplug.musrec.serve.subsonic import song_map
from beetsplug.musrec.serve.subsonic.ids import SubsonicIds

from .fake_server import PASSWORD, SONGS, USER, FakeServer, item_of, refused, running, song

LOG = beets_logging.getLogger("beets.musrec")


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "beets.musrec")
    return caplog


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be read again at once."""
    monkeypatch.setattr(ids_module, "REST", 0)


def ids_of(lib: Library, server: FakeServer, **changes: Any) -> SubsonicIds:
    settings = {"url": server.url, "user": USER, "password": PASSWORD, "paths": {}, **changes}
    return SubsonicIds(lib, SubsonicSettings(**settings), LOG)


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]


def scan(server: FakeServer) -> None:
    """As if the server had looked at its files again."""
    assert server.scan is not None
    server.scan = {**server.scan, "lastScan": server.scan["lastScan"] + "x", "count": len(server.songs)}


# Looking up.


def test_songs_and_artists_are_known_by_the_server_s_ids(lib: Library, server: FakeServer) -> None:
    server.songs[0]["artistId"], server.songs[0]["artist"] = "other", "Artist feat. Guest"
    ids = ids_of(lib, server)
    assert ids.known == set(range(1, SONGS + 1))
    assert [ids.item(f"s{number}") for number in range(SONGS)] == list(range(1, SONGS + 1))
    assert [ids.song(item) for item in (1, 8)] == ["s0", "s7"]
    assert ids.items_of_artist("artist") == list(range(2, SONGS + 1))
    assert ids.items_of_artist("other") == [1]
    assert ids.artist_of(1) == ("other", "Artist feat. Guest")
    assert ids.artist_of(2) == ("artist", "Artist")


@pytest.mark.parametrize(
    "text", ["", "1", "s", "s0 ", "S0", "nobody", "\ud800", "\0", "😀" * 1000, "' OR 1=1 --"], ids=ascii
)
def test_any_other_id_stands_for_nothing(lib: Library, server: FakeServer, text: str) -> None:
    ids = ids_of(lib, server)
    assert ids.item(text) is None
    assert ids.items_of_artist(text) is None


def test_what_only_one_side_has_is_left_out_and_counted(lib: Library, server: FakeServer) -> None:
    server.songs = [*server.songs[2:], song(99), {**song(2), "id": "copy"}]
    ids = ids_of(lib, server)
    assert ids.known == {4, 5, 6, 7, 8}
    assert (ids.item("s99"), ids.item("copy"), ids.item("s2")) == (None, None, None)
    assert (ids.song(1), ids.artist_of(1)) == (None, None)
    host = server.url.removeprefix("http://")
    assert ids.status() == {"ids": "subsonic", "server": host, "matched": 5, "unmatched": 3, "ambiguous": 2}


def test_many_threads_may_ask_while_the_map_is_made_anew(lib: Library, server: FakeServer) -> None:
    ids = ids_of(lib, server)
    with ThreadPoolExecutor(8) as pool:
        renewed = [pool.submit(ids.renew) for _ in range(4)]
        found = set(pool.map(lambda _: (ids.item("s3"), ids.song(4), ids.artist_of(4)), range(400)))
    assert [each.result() for each in renewed] == [None] * 4
    assert found == {(4, "s3", ("artist", "Artist"))}


# The library.


def test_the_map_follows_the_library(lib: Library, server: FakeServer) -> None:
    server.songs.append(song(20))
    ids = ids_of(lib, server)
    assert ids.item("s20") is None
    lib.add(item_of(song(20)))
    ids.renew(ask_server=False)
    assert ids.item("s20") == SONGS + 1


def test_an_id_that_sqlite_gives_to_another_file_is_not_taken_for_the_old_one(lib: Library, server: FakeServer) -> None:
    ids = ids_of(lib, server)
    last = lib.get_item(SONGS)
    assert last is not None
    last.remove()
    assert ids.item(f"s{SONGS - 1}") is None
    assert lib.add(Item(title="New", path=b"/music/new.flac")) == SONGS
    ids._looked_at = float("-inf")  # a second has passed
    assert ids.item(f"s{SONGS - 1}") is None
    assert ids.song(SONGS) is None


# The file.


def test_the_map_is_kept_and_serves_while_the_server_is_down(
    lib: Library, server: FakeServer, log: pytest.LogCaptureFixture
) -> None:
    ids_of(lib, server)
    server.answers = dict.fromkeys(("ping", "search3", "getScanStatus", "getIndexes"), ("<html>", 502))
    server.asked.clear()
    ids = ids_of(lib, server)
    assert server.asked == []
    assert ids.item("s3") == 4
    for _ in range(3):
        ids.renew()
    assert ids.item("s3") == 4
    host = server.url.removeprefix("http://")
    assert warnings(log) == [
        f"{host} failed to answer (HTTP 502); until then, its songs are those that were known before"
    ]
    server.answers = {}
    ids.renew()
    assert f"{host} answers again" in log.text


def test_what_was_kept_serves_at_once_though_the_library_has_changed(lib: Library, server: FakeServer) -> None:
    ids_of(lib, server)
    with lib.transaction() as tx:
        tx.mutate("UPDATE items SET title = 'Another' WHERE id = 1")
        tx.mutate("UPDATE items SET path = ? WHERE id = 2", (b"elsewhere.flac",))
        tx.mutate("DELETE FROM items WHERE id = 3")
    server.asked.clear()
    ids = ids_of(lib, server)
    assert server.asked == []
    assert [ids.item(f"s{number}") for number in range(4)] == [1, None, None, 4]
    assert [ids.song(item) for item in (1, 2, 3, 4)] == ["s0", None, None, "s3"]
    ids.renew(ask_server=False)
    assert [ids.item(f"s{number}") for number in range(4)] == [None, 2, None, 4]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b"null", b'{"format": 1}', b"[[["], ids=ascii)
def test_a_damaged_file_is_made_anew(lib: Library, server: FakeServer, damage: bytes) -> None:
    ids_of(lib, server)
    path = Path(song_map.path_of(lib))
    head, songs = path.read_bytes().splitlines(keepends=True)
    for content in (damage, damage + b"\n" + songs, head + damage, head + songs[:-10]):
        path.write_bytes(content)
        assert ids_of(lib, server).item("s3") == 4
        assert path.read_bytes() == head + songs


@pytest.mark.parametrize(
    "key", ["songs", "items", "mark", "count", "folders", "state", "server", "format", "ambiguous", "artists"]
)
def test_a_file_with_a_wrong_part_is_made_anew(lib: Library, server: FakeServer, key: str) -> None:
    ids_of(lib, server)
    path = Path(song_map.path_of(lib))
    head, songs = path.read_bytes().splitlines(keepends=True)
    for wrong in (None, [[1, 2]], {"a": 1}):
        path.write_bytes(json.dumps({**json.loads(head), key: wrong}).encode() + b"\n" + songs)
        ids = ids_of(lib, server)
        assert [ids.item(f"s{number}") for number in range(SONGS)] == list(range(1, SONGS + 1))
        assert ids.artist_of(1) == ("artist", "Artist")


def test_the_file_of_another_server_or_user_does_not_count(lib: Library, server: FakeServer) -> None:
    ids_of(lib, server)
    with running(FakeServer([{**song(0), "id": "elsewhere"}])) as other:
        ids = ids_of(lib, other)
        assert (ids.item("elsewhere"), ids.item("s0")) == (1, None)


def test_other_folders_in_the_configuration_are_heeded_at_once(lib: Library, server: FakeServer) -> None:
    server.songs[0].update(title="?", path="/data/s0.flac")
    assert ids_of(lib, server).item("s0") is None
    assert ids_of(lib, server, paths={"/data": os.fsdecode(lib.directory)}).item("s0") == 1


@pytest.mark.parametrize("paths", [{"/data": None}, {"/data": ""}, {5: "/music"}, {"/data": ["/music"]}], ids=str)
def test_folders_that_are_none_are_refused(lib: Library, server: FakeServer, paths: dict[Any, Any]) -> None:
    with pytest.raises(UserError, match=r"musrec\.serve\.subsonic\.paths has to map folders, such as"):
        ids_of(lib, server, paths=paths)


def test_no_password_is_in_the_file(lib: Library, server: FakeServer) -> None:
    ids_of(lib, server)
    kept = Path(song_map.path_of(lib)).read_text()
    assert json.dumps(PASSWORD)[1:-1] not in kept
    assert PASSWORD not in kept


def test_a_disk_that_is_full_is_said_once(
    lib: Library, server: FakeServer, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(song_map, "atomic_write", full)
    ids = ids_of(lib, server)
    scan(server)
    server.songs.pop()
    ids.renew()
    assert ids.item("s3") == 4
    (said,) = warnings(log)
    assert "can't be written (No space left on device)" in said


def test_without_a_file_a_server_that_is_down_ends_the_start(lib: Library, server: FakeServer) -> None:
    with pytest.raises(UserError, match=r"refuses the login: check musrec\.serve\.subsonic\.user"):
        ids_of(lib, server, password="wrong")
    assert not os.path.exists(song_map.path_of(lib))


# The server's scans.


def test_songs_are_read_anew_after_a_scan_only(lib: Library, server: FakeServer) -> None:
    ids = ids_of(lib, server)
    server.songs.pop(0)
    server.asked.clear()
    ids.renew()
    assert server.methods() == ["getScanStatus"]
    assert ids.item("s0") == 1
    scan(server)
    ids.renew()
    assert ids.item("s0") is None


def test_while_the_server_scans_it_is_left_alone(lib: Library, server: FakeServer) -> None:
    ids = ids_of(lib, server)
    scan(server)
    server.songs.clear()
    assert server.scan is not None
    server.scan["scanning"] = True
    ids.renew()
    assert ids.item("s0") == 1
    server.scan["scanning"] = False
    ids.renew()
    assert ids.item("s0") is None


def test_a_server_that_tells_nothing_of_its_scans_is_read_every_hour(
    lib: Library, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.scan, server.answers["getIndexes"] = None, refused(70, "not found")
    ids = ids_of(lib, server)
    server.songs.pop(0)
    ids.renew()
    assert ids.item("s0") == 1
    monkeypatch.setattr(ids_module, "UNSURE", -1.0)
    ids.renew()
    assert ids.item("s0") is None


def test_a_thread_follows_the_server_and_ends(
    lib: Library, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids_module, "CHECK", 0.02)
    monkeypatch.setattr(ids_module, "NOTICE", 0.01)
    made, make = Event(), song_map.make

    def noticed(*arguments: Any) -> Any:
        found = make(*arguments)
        made.set()
        return found

    ids = ids_of(lib, server)
    monkeypatch.setattr(song_map, "make", noticed)
    ids.start()
    server.songs.pop(0)
    scan(server)
    assert made.wait(20)
    ids.close()
    assert ids._thread is not None
    assert not ids._thread.is_alive()
    assert ids.item("s0") is None


def test_the_thread_outlives_an_error(
    lib: Library, server: FakeServer, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids_module, "CHECK", 0.01)
    twice, calls = Event(), []

    def fails(**_: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            twice.set()
        raise ZeroDivisionError("on purpose")

    ids = ids_of(lib, server)
    monkeypatch.setattr(ids, "renew", fails)
    ids.start()
    assert twice.wait(20)
    ids.close()
    assert "ZeroDivisionError: on purpose" in log.text


def test_a_library_that_is_away_is_not_made_anew(lib: Library, server: FakeServer, tmp_path: Path) -> None:
    ids = ids_of(lib, server)
    (tmp_path / "library.db").rename(tmp_path / "away.db")
    scan(server)
    ids.renew()
    assert ids._map.known == set(range(1, SONGS + 1))
    assert not (tmp_path / "library.db").exists()
