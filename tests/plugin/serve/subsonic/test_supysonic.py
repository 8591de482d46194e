"""With a real Subsonic server: Supysonic scans the files that beets has, and players ask by its ids."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest

pytest.importorskip("supysonic")

from tests.plugin.conftest import Beet
from tests.plugin.serve.test_command import ask, serving

from .supysonic_server import PASSWORD, USER, Supysonic

pytestmark = [pytest.mark.quick_model, pytest.mark.slow]


@pytest.fixture(scope="module")
def supysonic(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supysonic]:
    """Of the composed songs; tests that change files have their own."""
    server = Supysonic(tmp_path_factory.mktemp("supysonic") / "home", songs)
    server.start()
    yield server
    server.stop()


def configure(beet: Beet, url: str, password: str = PASSWORD) -> None:
    beet.configure(musrec={"serve": {"subsonic": {"url": url, "user": USER, "password": password}}})


def songs_of(supysonic: Supysonic) -> list[dict[str, Any]]:
    """The songs, as a player gets them from Supysonic."""
    address = f"{supysonic.url}/rest/search3.view?u={USER}&p={quote(PASSWORD)}&c=player&f=json&query=&songCount=100"
    with urlopen(address, timeout=60) as answer:
        return list(json.load(answer)["subsonic-response"]["searchResult3"]["song"])


def test_players_ask_by_the_ids_of_the_media_server(library: Beet, supysonic: Supysonic) -> None:
    configure(library, supysonic.url)
    songs = songs_of(supysonic)
    ids = {song["id"]: song["title"] for song in songs}
    seed = next(song for song in songs if song["title"] == "Harbour Waltz 1")
    with serving(library, "--port", "0", logs=True) as (_, address):
        status, answer = ask(f"{address}/api/similar_tracks?item_id={seed['id']}&n=5")
        assert status == 200
        assert len(answer) == 5
        assert all(ids[song["item_id"]] == song["title"] for song in answer)
        assert seed["id"] not in {song["item_id"] for song in answer}
        status, artists = ask(f"{address}/api/similar_artists?artist={seed['artistId']}&n=3")
        assert status == 200
        names = {song["artistId"]: song["artist"] for song in songs}
        assert all(names[artist["artist_id"]] == artist["artist"] for artist in artists)
        assert ask(f"{address}/api/similar_tracks?item_id=1&n=5")[0] == 404
        supysonic_status = ask(f"{address}/status")[1]
        assert (supysonic_status["ids"], supysonic_status["matched"]) == ("subsonic", len(songs))


def test_match_says_that_all_is_well(library: Beet, supysonic: Supysonic) -> None:
    configure(library, supysonic.url)
    host = supysonic.url.removeprefix("http://")
    assert library("musrec-serve", "--match").lines == [
        f"{host}: 10 songs, 10 matched",
        "the library: 10 songs, 10 matched",
    ]


def test_match_says_what_is_not_matched_and_why(library: Beet, supysonic: Supysonic) -> None:
    configure(library, supysonic.url)
    files = "title = 'Nowhere', path = CAST('/away/' || id || '.mp3' AS BLOB)"
    library.sql(f"UPDATE items SET {files} WHERE title LIKE 'Harbour%'")
    library.sql("UPDATE items SET album = 'Hits', path = CAST('/away/b' AS BLOB) WHERE title LIKE 'Slow%'")
    said = library("musrec-serve", "--match", ok=False)
    assert said.status == 2
    assert all(len(line) <= 80 for line in said.lines)
    missing = int(library.sql("SELECT COUNT(*) FROM items WHERE title = 'Nowhere'")[0][0])
    different = int(library.sql("SELECT COUNT(*) FROM items WHERE album = 'Hits'")[0][0])
    assert missing
    assert different
    assert said.lines[0].endswith(f"10 songs, {10 - missing - different} matched")
    assert f"{missing:6} without a namesake in the library" in said.lines
    assert f"{different:6} that differ from their namesakes in album, place or length" in said.lines


def test_errors_are_one_sentence(library: Beet, supysonic: Supysonic) -> None:
    assert "--match needs a media server: set musrec.serve.subsonic.url" in library.error("musrec-serve", "--match")
    configure(library, supysonic.url, "wrong")
    refused = "refuses the login: check musrec.serve.subsonic.user and musrec.serve.subsonic.password"
    assert refused in library.error("musrec-serve", "--match")
    assert refused in library.error("musrec-serve", "--port", "0")
    configure(library, f"{supysonic.url}/else")
    assert "has no Subsonic API there (HTTP 404)" in library.error("musrec-serve", "--match")


@pytest.fixture
def own_supysonic(own_files: Beet, tmp_path: Path) -> Iterator[Supysonic]:
    """Of its own files, to be stopped by the test."""
    supysonic = Supysonic(tmp_path / "supysonic", own_files.directory)
    supysonic.start()
    yield supysonic
    supysonic.stop()


def test_a_map_follows_the_files_and_serves_when_the_media_server_is_killed(
    own_files: Beet, own_supysonic: Supysonic
) -> None:
    supysonic = own_supysonic
    configure(own_files, supysonic.url)
    assert own_files("musrec-serve", "--match").lines[0].endswith("10 songs, 10 matched")
    first, second, third = sorted(own_files.directory.rglob("*.*"))[:3]
    moved = own_files.directory / "Moved" / first.name
    moved.parent.mkdir()
    shutil.move(first, moved)
    second.unlink()
    shutil.copy(third, own_files.directory / "Moved" / f"copy{third.suffix}")
    supysonic.scan()
    said = own_files("musrec-serve", "--match", ok=False)
    # the copy has the tags of its original, but another path: the original is known by its own
    assert said.lines[:2] == [
        f"{supysonic.url.removeprefix('http://')}: 10 songs, 9 matched",
        "the library: 10 songs, 9 matched",
    ]
    seed = next(song for song in songs_of(supysonic) if song["path"] == str(third.relative_to(own_files.directory)))
    with serving(own_files, "--port", "0", logs=True) as (_, address):
        supysonic.stop()
        status, answer = ask(f"{address}/similar?id={seed['id']}&n=3")
        assert status == 200
        assert len(answer["songs"]) == 3
    with serving(own_files, "--port", "0", logs=True) as (_, address):  # and after a start without it
        assert ask(f"{address}/similar?id={seed['id']}&n=3") == (200, answer)
