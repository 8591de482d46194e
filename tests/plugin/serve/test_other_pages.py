"""What a real browser lets the pages of others do with a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from beets.library import Library
from flask import Flask, request

from beetsplug.musrec.serve import server

from ...browser import chromium
from .served import application, settings

pytestmark = pytest.mark.slow
TOKEN = "пароль"
ASK = """
const [url, headers, method, done] = arguments;
fetch(url, {method, headers, body: method === "POST" ? "{}" : undefined})
  .then(async answer => done([answer.status, await answer.text()]), error => done([0, String(error)]));
"""
PICTURE = """
const [url, done] = arguments, image = new Image();
image.onload = image.onerror = () => done(true);
image.src = url;
"""


@contextmanager
def site(app: Flask) -> Iterator[str]:
    """The address of a running application."""
    sockets = server.bind(settings(port=0))
    running = server.Server(app, sockets, threads=2)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield server.url(sockets[0])
    finally:
        running.stop()
        thread.join()


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    """The address of the page of somebody else, on a port of this machine: another origin."""
    app = Flask("other", static_folder=None)
    app.add_url_rule("/", "page", lambda: "<title>other</title>")
    with site(app) as address:
        yield address.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def browser(other: str) -> Iterator[Any]:
    with chromium() as driver:
        driver.get(other)
        yield driver


def ask(browser: Any, url: str, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
    return browser.execute_async_script(ASK, url, headers or {}, method)


def seen(app: Flask) -> list[tuple[str, int]]:
    """The requests that come from now on, and how each is answered."""
    found: list[tuple[str, int]] = []

    @app.after_request
    def note(response: Any) -> Any:
        found.append((request.method, response.status_code))
        return response

    return found


def test_a_page_of_another_origin_reads_nothing_and_starts_nothing(served: Library, browser: Any) -> None:
    app = application(served)
    found = seen(app)
    with site(app) as address:
        assert ask(browser, f"{address}/similar?id=20")[0] == 0
        assert ask(browser, f"{address}/api/alchemy", {"Content-Type": "application/json"}, "POST")[0] == 0
        assert ask(browser, f"{address}/api/alchemy", {"Content-Type": "text/plain"}, "POST")[0] == 0
        assert browser.execute_async_script(PICTURE, f"{address}/similar?query=title::(a*)*b")
    assert found == [("GET", 403), ("OPTIONS", 403), ("POST", 403), ("GET", 403)]


def test_a_page_that_is_named_asks_with_the_token(served: Library, browser: Any, other: str) -> None:
    sent = {"Authorization": "Bearer " + TOKEN.encode().decode("latin-1")}  # a browser sends each character as a byte
    with site(application(served, token=TOKEN, cors=(other,))) as address:
        status, text = ask(browser, f"{address}/similar?id=20", sent)
        assert status == 200
        assert '"seeds"' in text
        status, text = ask(browser, f"{address}/similar?id=20", {"Authorization": "Bearer wrong"})
        assert status == 401
        assert "token" in text
