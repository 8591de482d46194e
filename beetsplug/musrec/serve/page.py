"""The page at ``/``, to try the server in a browser: one file, which loads nothing but the API's answers."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from flask import Blueprint, Response, request

HERE = Path(__file__).parent


def blueprint() -> Blueprint:
    """The route ``/``, which needs no token: the page holds nothing of the library, and asks for the token itself."""
    blueprint = Blueprint("page", __name__)
    style, script = _text("page.css"), _text("page.js")
    content = _text("page.html").replace("@STYLE@", style).replace("@SCRIPT@", script).encode()
    headers = {
        "Content-Security-Policy": _policy(style, script),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",  # ask whether it has changed
    }

    @blueprint.get("/")
    def page() -> Response:
        response = Response(content, mimetype="text/html", headers=headers)
        response.add_etag()
        response.make_conditional(request)  # changes it
        return response

    return blueprint


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the page may do: run this script, use this style, ask its own server."""
    return "; ".join([
        "default-src 'none'",
        f"script-src {_source(script)}",
        f"style-src {_source(style)}",
        "connect-src 'self'",
        "img-src data:",  # its empty icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ])  # fmt: skip


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
