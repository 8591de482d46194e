"""Who may ask a server: tokens, addresses, pages of the web."""

from __future__ import annotations

import re
from typing import Any

import pytest
from beets.library import Library
from beets.ui import UserError
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from beetsplug.musrec.serve import access

from .served import application, settings

TOKEN = "Motörhead 4711/+="
PLAYER = "https://music.example.org"


@pytest.fixture(scope="module")
def guarded(served: Library) -> FlaskClient:
    return application(served, token=TOKEN).test_client()


@pytest.fixture(scope="module")
def shared(served: Library) -> FlaskClient:
    return application(served, token=TOKEN, cors=(PLAYER,)).test_client()


def ask(client: FlaskClient, path: str = "/status", *, sent: str | bytes | None = None, **headers: str) -> TestResponse:
    environ = {"HTTP_AUTHORIZATION": sent.decode("latin-1") if isinstance(sent, bytes) else sent} if sent else {}
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()},
                      environ_overrides=environ)  # fmt: skip


def bearer(token: str, encoding: str = "utf-8") -> bytes:
    return f"Bearer {token}".encode(encoding)


@pytest.mark.parametrize("sent", [bearer(TOKEN), bearer(TOKEN, "latin-1"), b"bearer " + TOKEN.encode()])
def test_the_token_opens(guarded: FlaskClient, sent: bytes) -> None:
    assert ask(guarded, sent=sent).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        None, b"Bearer", b"Bearer ", bearer("wrong"), bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(TOKEN.lower()),
        TOKEN.encode(), b"Basic " + TOKEN.encode(), b"\xff\xfe", bearer("x" * 10_000), bearer("None"), bearer("🎷"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/status", "/similar?id=20", "/openapi.json", "/nothing", "/api/similar_tracks"])
def test_anything_else_does_not(guarded: FlaskClient, path: str, sent: bytes | None) -> None:
    answer = ask(guarded, path, sent=sent)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json == {"error": "the token is missing or wrong: send it as Authorization: Bearer TOKEN"}


def test_a_token_outside_of_latin_1_opens(served: Library) -> None:
    client = application(served, token="пароль🎷").test_client()
    assert ask(client, sent=bearer("пароль🎷")).status_code == 200
    assert ask(client, sent=bearer("??????🎷")).status_code == 401


def test_the_page_is_open_and_holds_nothing(guarded: FlaskClient) -> None:
    answer = ask(guarded, "/")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8338", "localhost:8338", "LOCALHOST", "localhost.", "[::1]:8338", "127.9.9.9:1"]
)
def test_without_a_token_this_machine_may_ask(client: FlaskClient, host: str) -> None:
    assert ask(client, Host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example", "rebound.example:8338", "localhost.example", "127.0.0.1.example", "192.168.0.7", "[::2]",
        "127.0.0.1, rebound.example", "127.0.0.1@rebound.example", "127.0.0.1/rebound.example", "2130706433", "::1", "",
        "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1:", "[::1", "\xff", "[127.0.0.1]x",
        "127.0.0.1:8338\trebound.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/status", "/", "/nothing"])
def test_without_a_token_a_page_whose_name_leads_here_may_not(client: FlaskClient, host: str, path: str) -> None:
    answer = client.get(path, environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 403
    assert answer.json is not None
    assert "error" in answer.json


def test_the_configured_name_is_the_servers_own(served: Library) -> None:
    assert ask(application(served, host="jukebox").test_client(), Host="jukebox:8338").status_code == 200


def test_with_a_token_any_name_will_do(guarded: FlaskClient) -> None:
    assert ask(guarded, sent=bearer(TOKEN), Host="music.example.org").status_code == 200


def test_no_other_page_may_read_unless_it_is_named(client: FlaskClient, shared: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in ask(client, Origin=PLAYER).headers
    assert ask(client).headers["Cross-Origin-Resource-Policy"] == "same-origin"
    named, other = (ask(shared, sent=bearer(TOKEN), Origin=each) for each in (PLAYER, "https://evil.example"))
    assert named.headers["Access-Control-Allow-Origin"] == PLAYER
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Origin" in named.headers["Vary"]
    assert "Origin" in other.headers["Vary"]
    assert ask(shared, Origin=PLAYER).headers["Access-Control-Allow-Origin"] == PLAYER  # so that it can read the 401
    assert "Access-Control-Allow-Credentials" not in named.headers


def test_a_named_page_may_send_the_token(shared: FlaskClient) -> None:
    answer = shared.options("/similar", headers={
        "Origin": PLAYER, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization",
        "Access-Control-Request-Private-Network": "true",
    })  # fmt: skip
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PLAYER
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", PLAYER + ".evil.example", PLAYER.upper()])
def test_another_page_may_not(shared: FlaskClient, origin: str) -> None:
    answer = shared.options("/similar", headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Methods" not in answer.headers


def test_another_page_can_not_even_keep_the_server_busy(served: Library, client: FlaskClient) -> None:
    for site in ("cross-site", "same-site"):
        assert ask(client, "/similar?query=title::(a*)*b", Sec_Fetch_Site=site).status_code == 403
        assert ask(client, "/", Sec_Fetch_Site=site).status_code == 200  # a link to the page
    for site in ("same-origin", "none"):
        assert ask(client, Sec_Fetch_Site=site).status_code == 200
    named = application(served, cors=(PLAYER,)).test_client()
    assert ask(named, Sec_Fetch_Site="cross-site", Origin=PLAYER).status_code == 200


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options", "trace", "post"])
def test_nothing_but_questions_is_allowed(client: FlaskClient, method: str) -> None:
    answer = getattr(client, method)("/similar")
    assert answer.status_code == 405
    assert answer.json == {"error": "this method is not allowed here"}
    assert {"GET", "HEAD"} <= set(answer.headers["Allow"].replace(",", " ").split())


@pytest.mark.parametrize("path", ["/status", "/", "/nothing", "/similar?n=0"])
def test_every_response_says_what_it_is(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "no-" in headers["Cache-Control"]


@pytest.mark.parametrize(
    ("changes", "addresses", "sentence"),
    [
        ({}, ["127.0.0.1", "192.168.0.7"], "other machines reach 192.168.0.7: set musrec.serve.token"),
        ({}, ["0.0.0.0"], "other machines reach 0.0.0.0"),
        ({}, ["::"], "other machines reach ::"),
        ({}, ["fe80::1%eth0"], "other machines reach fe80::1%eth0"),
        ({"token": " a"}, ["127.0.0.1"], "musrec.serve.token can't begin or end with a space"),
        ({"token": "a\nb"}, ["127.0.0.1"], "or contain control characters"),
        ({"cors": ("*",)}, ["127.0.0.1"], "musrec.serve.cors: * is no origin such as https://music.example.org"),
        ({"cors": (PLAYER + "/",)}, ["127.0.0.1"], "is no origin"),
        ({"cors": ("null",)}, ["127.0.0.1"], "is no origin"),
        ({"cors": ("https://*.example.org",)}, ["127.0.0.1"], "is no origin"),
        ({"cors": ("https://a:99999",)}, ["127.0.0.1"], "is no origin"),
        ({"cors": ("https://[::1",)}, ["127.0.0.1"], "is no origin"),
    ],
)  # fmt: skip
def test_a_server_that_would_be_open_does_not_start(
    changes: dict[str, Any], addresses: list[str], sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        access.check(settings(**changes), addresses)


def test_one_that_is_guarded_starts() -> None:
    with pytest.raises(UserError, match="reach"):
        access.check(settings(), ["127.0.0.1", "0.0.0.0"])
    access.check(settings(), ["127.0.0.1", "::1", "127.0.1.1"])
    access.check(settings(token=TOKEN, cors=(PLAYER, "http://[::1]:4533")), ["0.0.0.0", "::"])
