"""Reading a media server: every song once, and one sentence where that fails."""

from __future__ import annotations

import logging
import socket
from threading import Thread
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import requests
from beets import logging as beets_logging
from beets.ui import UserError
from flask import Response, redirect, request

from beetsplug.musrec.config import SubsonicSettings
from beetsplug.musrec.serve.subsonic import client as client_module
from beetsplug.musrec.serve.subsonic import protocol
from beetsplug.musrec.serve.subsonic.client import Client
from beetsplug.musrec.serve.subsonic.protocol import Connection, SubsonicError, base_url

from .fake_server import PASSWORD, SONGS, USER, Answer, FakeServer, ok, refused, running, song

RECORDING = "5b11f4ce-a62d-471e-81fc-a69a8278c7da"
LOG = beets_logging.getLogger("beets.musrec")


def client(url: str, user: str = USER, password: str = PASSWORD) -> Client:
    return Client(SubsonicSettings(url, user, password, {}), LOG)


def connection(url: str) -> Connection:
    return Connection(SubsonicSettings(url, USER, PASSWORD, {}), LOG)


def read(server: FakeServer) -> list[str]:
    return [song.id for song in client(server.url).songs()]


def error(url: str, **login: str) -> str:
    with pytest.raises(SubsonicError) as caught:
        list(client(url, **login).songs())
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


# Songs.


def test_a_song_is_what_the_server_says_of_it(server: FakeServer) -> None:
    server.songs = [song(3, musicBrainzId=f" {RECORDING.upper()} ", id=7)]
    (found,) = client(server.url).songs()
    assert (found.id, found.artist_id) == ("7", "artist")
    assert (found.tags.title, found.tags.album, found.tags.artist) == ("Title 3", "Album 0", "Artist")
    assert (found.tags.recording, found.tags.disc, found.tags.track, found.tags.length) == (RECORDING, 1, 4, 183)
    assert found.tags.path == "Artist/Album 0/01-04 - Title 3.flac"


@pytest.mark.parametrize("search", ["pages", "quotes", "same", "none"])
@pytest.mark.parametrize("most", [3, 500])
def test_every_song_is_read_once_however_the_server_lists_them(server: FakeServer, search: str, most: int) -> None:
    server.search, server.most = search, most
    assert sorted(read(server)) == sorted(song["id"] for song in server.songs)


def test_a_server_that_refuses_the_search_is_read_by_albums(server: FakeServer) -> None:
    server.answers["search3"] = refused(10, "required parameter is missing")
    assert len(read(server)) == SONGS


def test_a_large_library_is_read_a_page_at_a_time(server: FakeServer) -> None:
    server.songs = [song(number) for number in range(2_300)]
    songs = client(server.url).songs()
    assert next(songs).id == "s0"
    assert server.methods() == ["ping", "search3"]
    assert sum(1 for _ in songs) == 2_299
    assert server.methods().count("search3") == 6


@pytest.mark.parametrize(
    "entry",
    [
        None,
        5,
        "text",
        {},
        {"id": ""},
        {"id": None},
        {"id": ["a"]},
        {"id": "d", "isDir": True},
        {"id": "v", "isVideo": True},
    ],
    ids=str,
)
def test_what_is_no_song_is_left_out(server: FakeServer, entry: Any) -> None:
    server.songs = [song(0), entry, song(1)]
    assert read(server) == ["s0", "s1"]


def test_fields_of_the_wrong_kind_are_not_known(server: FakeServer) -> None:
    server.songs = [
        song(0, title=5.5, artist=None, album=["x"], duration="long", track=-1, discNumber=True, path={}, artistId={}),
        song(1, duration=1e300, title="x" * 1_000_000, musicBrainzId="unknown"),
    ]
    first, second = client(server.url).songs()
    assert (first.artist_id, first.tags.title, first.tags.length, first.tags.track, first.tags.disc) == (
        "",
        "",
        0,
        0,
        0,
    )
    assert (second.tags.length, second.tags.recording) == (0, "")
    assert len(second.tags.title) < 10_000


def test_a_server_that_lists_songs_without_end_is_given_up(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "MAX_SONGS", 1000)
    numbers = iter(range(10**9))
    server.answers["search3"] = lambda: ok(searchResult3={"song": [song(next(numbers)) for _ in range(50)]})
    assert error(server.url).endswith("lists more than 1,000 songs, and no end is to be seen")
    server.answers["search3"] = ok(searchResult3={})
    server.answers["getAlbumList2"] = lambda: ok(albumList2={"album": [{"id": next(numbers)} for _ in range(50)]})
    server.answers["getAlbum"] = ok(album={})
    assert error(server.url).endswith("lists more than 1,000 songs, and no end is to be seen")


def test_characters_that_are_none_are_replaced(server: FakeServer) -> None:
    server.search = "none"
    server.answers["getAlbumList2"] = lambda: (
        Response(r'{"subsonic-response": {"status": "ok", "albumList2": {"album": [{"id": "\ud800"}]}}}')
        if request.values["offset"] == "0"
        else ok(albumList2={})
    )
    server.answers["getAlbum"] = lambda: Response(
        r'{"subsonic-response": {"status": "ok", "album": {"song": [{"id": "a\ud800", "title": "\udfff"}]}}}'
    )
    (found,) = client(server.url).songs()
    assert (found.id, found.tags.title) == ("a?", "?")


# The login.


def test_the_password_is_in_no_address_and_in_no_log(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    read(server)
    asked = str(server.asked) + caplog.text
    assert "t=" in asked
    assert not any(each in asked for each in (PASSWORD, quote(PASSWORD), quote_plus(PASSWORD)))
    assert PASSWORD.encode().hex() not in asked
    assert len({path.split("s=")[1] for path, _ in server.asked}) == len(server.asked)  # a salt for each request


def test_a_server_from_before_tokens_gets_the_password_in_the_body(server: FakeServer) -> None:
    def ping() -> Answer:
        form = server.asked[-1][1]
        return ok() if form.get("p") == f"enc:{PASSWORD.encode().hex()}" else refused(10, "p is missing", "1.12.0")

    server.answers["ping"] = server.answers["search3"] = server.answers["getAlbumList2"] = ping
    assert read(server) == []
    assert all("p=" not in path for path, _ in server.asked)
    assert "p" not in server.asked[0][1]


def test_a_newer_server_gets_no_password_whatever_it_says(server: FakeServer) -> None:
    server.answers["ping"] = refused(10, "p is missing")
    assert error(server.url).endswith("answers with error 10: p is missing")
    assert all(not form for _, form in server.asked)


def test_no_login_of_netrc_is_sent(server: FakeServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    headers: list[Any] = []
    monkeypatch.setattr(requests.Session, "send", _noting(headers, requests.Session.send))
    read(server)
    assert headers
    assert all("Authorization" not in each for each in headers)


def _noting(headers: list[Any], send: Any) -> Any:
    def noted(session: Any, request: Any, **options: Any) -> Any:
        headers.append(request.headers)
        return send(session, request, **options)

    return noted


# Errors: one sentence each.


def test_a_wrong_password_or_user_is_said(server: FakeServer) -> None:
    for login in ({"password": "wrong"}, {"user": "nobody"}):
        assert "refuses the login: check musrec.serve.subsonic.user" in error(server.url, **login)


def test_a_user_whose_tokens_can_not_be_checked_is_said(server: FakeServer) -> None:
    server.answers["ping"] = refused(41, "Token authentication not supported for LDAP users.")
    assert "can't check tokens for this user, as for those of LDAP" in error(server.url)


def test_an_error_of_the_server_is_passed_on_in_one_line(server: FakeServer) -> None:
    server.answers["ping"] = refused(60, "trial\x1b[31m is\nover" + "!" * 1000)
    assert "answers with error 60: trial [31m is over!" in error(server.url)


def test_a_server_that_is_down_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert error(f"http://127.0.0.1:{port}").startswith(
        f"127.0.0.1:{port} can't be reached: is the media server running"
    )


def test_a_host_that_is_unknown_is_said() -> None:
    assert "can't be reached" in error("http://media.invalid")


def test_a_server_that_hangs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "TIMEOUTS", (0.2, 0.2))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert error(f"http://127.0.0.1:{silent.getsockname()[1]}").endswith("does not answer in time")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (("<html>", 200), "answers, but not as a Subsonic server; is musrec.serve.subsonic.url right?"),
        (("<html>", 404), "has no Subsonic API there (HTTP 404)"),
        (("<html>", 401), "asks for another login (HTTP 401)"),
        (("<html>", 502), "failed to answer (HTTP 502)"),
        (("", 200), "not as a Subsonic server"),
        (("[]", 200), "not as a Subsonic server"),
        (('{"subsonic-response": []}', 200), "not as a Subsonic server"),
        (('{"subsonic-response": {}}', 200), "answers with error 0: no reason"),
        (('{"subsonic-response": {"status": "failed", "error": 5}}', 200), "answers with error 0: no reason"),
        (('{"subsonic-response": {"status": "failed", "error": {"code": "40"}}}', 401), "refuses the login"),
        (("[" * 100_000, 200), "not as a Subsonic server"),
        (('{"subsonic-response": {"status": "ok", "x": ' + "1" * 5000 + "}}", 200), "not as a Subsonic server"),
        (('{"subsonic-response": {"error": {"code": "' + "1" * 5000 + '"}}}', 200), "answers with error 111111111"),
        (('{"subsonic-response": {"version": "' + "1" * 5000 + '", "error": {"code": 10}}}', 200), "error 10"),
        ((b"\xff\xfe", 200), "not as a Subsonic server"),
    ],
)
def test_an_answer_that_is_none_is_said(server: FakeServer, answer: Any, sentence: str) -> None:
    server.answers["ping"] = answer
    assert sentence in error(server.url)


def test_an_endless_answer_is_cut(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_BYTES", 2**20)
    server.answers["ping"] = lambda: Response(b"x" * 2**16 for _ in iter(int, 1))
    assert error(server.url).endswith("sends more than 1 MiB in one answer")


def test_https_to_a_server_without_it_is_said(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "TIMEOUTS", (2.0, 2.0))
    assert "127.0.0.1" in error(server.url.replace("http:", "https:"))


# Addresses.


@pytest.mark.parametrize("ending", ["", "/", "/rest", "/rest/", "//"])
def test_the_address_may_end_as_it_likes(ending: str) -> None:
    with running(FakeServer([song(0)]), "/navidrome") as server:
        assert [song.id for song in client(server.url + ending).songs()] == ["s0"]


def test_a_redirect_on_the_same_host_is_followed_once() -> None:
    with running(FakeServer([song(0)]), "/new") as server:
        assert [song.id for song in client(server.url.replace("/new", "/old")).songs()] == ["s0"]
        assert all(path.startswith("/new/rest/") for path, _ in server.asked)


def test_a_redirect_to_another_host_or_page_is_refused(server: FakeServer) -> None:
    server.answers["ping"] = lambda: redirect("http://elsewhere.example/rest/ping.view?t=secret")
    assert "redirects to http://elsewhere.example: set musrec.serve.subsonic.url to that" in error(server.url)
    server.answers["ping"] = lambda: redirect("/app/login")
    assert "redirects to another page, such as a login of a proxy" in error(server.url)
    server.answers["ping"] = lambda: redirect("/rest/ping.view")
    assert "redirects in a circle" in error(server.url)
    with pytest.raises(SubsonicError, match="redirects to http://localhost: set"):  # where it would not be encrypted
        connection("https://localhost")._follow("http://localhost/rest/ping.view", "ping")


def test_a_redirect_to_what_is_no_address_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            asking, _ = listener.accept()
            with asking:
                asking.recv(4096)
                asking.sendall(
                    b"HTTP/1.1 302 Found\r\nLocation: http://[half/rest/ping.view\r\nContent-Length: 0\r\n\r\n"
                )

        Thread(target=answer, daemon=True).start()
        assert "redirects to what is no address" in error(f"http://127.0.0.1:{listener.getsockname()[1]}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "localhost:4533",
        "ftp://localhost",
        "http://",
        "http://host:99999",
        "http://[::1",
        "file:///x",
        "http:///rest",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UserError, match=r"musrec.serve.subsonic.url has to be an address such as"):
        base_url(url)


def test_a_login_in_the_address_is_refused() -> None:
    with pytest.raises(UserError, match=r"write the login as musrec.serve.subsonic.user and .password") as caught:
        base_url("http://alice:secret@localhost")
    assert "secret" not in str(caught.value)


def test_a_user_has_to_be_set(server: FakeServer) -> None:
    with pytest.raises(UserError, match=r"musrec.serve.subsonic.user is not set"):
        client(server.url, user="")


# Scans.


def test_the_state_of_a_scan_differs_after_it(server: FakeServer) -> None:
    reader = client(server.url)
    before = reader.scan_state()
    assert before.sure
    assert reader.scan_state() == before
    server.scan = {"scanning": True, "count": 1, "lastScan": "2026-01-02"}
    assert reader.scan_state().mark != before.mark
    assert reader.scan_state().scanning


@pytest.mark.parametrize("scan", [None, {"scanning": False, "count": 9}, {}])
def test_without_the_time_of_a_scan_that_of_the_folders_counts(server: FakeServer, scan: dict[str, Any] | None) -> None:
    server.scan, reader = scan, client(server.url)
    before = reader.scan_state()
    assert before.mark
    assert not before.sure
    server.songs.append(song(99))
    assert reader.scan_state().mark != before.mark


def test_a_server_may_tell_the_number_of_its_songs_or_nothing(server: FakeServer) -> None:
    server.scan, server.answers["getIndexes"] = {"scanning": False, "count": 9}, refused(70, "not found")
    before = client(server.url).scan_state()
    server.scan = {"scanning": False, "count": 10}
    assert client(server.url).scan_state().mark != before.mark
    server.scan = None
    assert client(server.url).scan_state() == client(server.url).scan_state()
