"""The page at ``/`` as it is sent: what it may do, what it is made of."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from beetsplug.musrec.serve import page


class Parts(HTMLParser):
    """The elements of a page, and the text inside its script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.inside[self._open] = self.inside.get(self._open, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask("page", static_folder=None)
    app.register_blueprint(page.blueprint())
    return app.test_client()


@pytest.fixture
def answer(client: FlaskClient) -> TestResponse:
    return client.get("/")


def policy(answer: TestResponse) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: sources for name, *sources in parts}


def test_the_policy_allows_this_script_and_this_style_and_nothing_else(answer: TestResponse) -> None:
    parts = Parts(answer.text)
    hashes = {
        tag: f"'sha256-{base64.b64encode(hashlib.sha256(parts.inside[tag].encode()).digest()).decode()}'"
        for tag in ("script", "style")
    }
    assert policy(answer) == {
        "default-src": ["'none'"],
        "script-src": [hashes["script"]],
        "style-src": [hashes["style"]],
        "connect-src": ["'self'"],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert [tag for tag, _ in parts.tags].count("script") == 1
    assert [tag for tag, _ in parts.tags].count("style") == 1


def test_it_names_nothing_outside_itself(answer: TestResponse) -> None:
    places = [
        attributes[name] or ""
        for _, attributes in Parts(answer.text).tags
        for name in ("src", "href")
        if name in attributes
    ]
    assert all(place.startswith(("#", "data:,")) for place in places)
    assert not re.search(r"https?:|url\(|@import|@STYLE@|@SCRIPT@", answer.text)
    assert not any(
        name.startswith("on") or name == "style" for _, attributes in Parts(answer.text).tags for name in attributes
    )


def test_every_field_has_a_label_and_every_id_is_one(answer: TestResponse) -> None:
    tags = Parts(answer.text).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert attributes.get(name) is None or attributes[name] in ids
    assert set(re.findall(r'\$\("([\w-]+)"\)', answer.text)) <= set(ids)  # the script asks for none that is not there


def test_its_headers_keep_it_from_being_framed_guessed_or_told_about(answer: TestResponse) -> None:
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_it_is_sent_again_only_when_it_has_changed(client: FlaskClient, answer: TestResponse) -> None:
    again = client.get("/", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", ["/page.js", "/page.html", "/static/page.js", "/../page.py", "/.."])
def test_nothing_else_of_its_folder_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_colours_can_be_read(theme: str) -> None:
    """Contrast as WCAG 2.2 defines it: 4.5 for text, 3 for what shows where a field or a bar is."""
    style = (page.HERE / "page.css").read_text(encoding="utf-8")
    light, dark = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in re.findall(r":root \{(.+)\}", style)[:2]
    ]
    colours = light if theme == "light" else {**light, **dark}

    def contrast(one: str, other: str) -> float:
        low, high = sorted(luminance(colours[name]) for name in (one, other))
        return (high + 0.05) / (low + 0.05)

    for text in ("text", "soft", "accent", "wrong"):
        assert contrast(text, "ground") >= 4.5, text
    for text in ("text", "soft"):
        assert contrast(text, "card") >= 4.5, text
    assert contrast("on-accent", "accent") >= 4.5
    assert contrast("edge", "ground") >= 3
    assert contrast("accent", "line") >= 3


def luminance(colour: str) -> float:
    """Of a colour such as #0059a8: 0 (black) to 1 (white)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
