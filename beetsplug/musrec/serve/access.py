"""Who may ask: the token, the addresses, the web pages."""

from __future__ import annotations

import hmac
import ipaddress
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from beets.ui import UserError
from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed

from .errors import ServeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from flask import Flask

    from ..config import ServeSettings

STRANGER = "pages of this origin may not ask: musrec.serve.cors does not name it"
METHODS = ("GET", "HEAD", "POST")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
PORT = re.compile(r":[0-9]{1,5}$", re.ASCII)
HOST = re.compile(rf"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)({PORT.pattern})?", re.ASCII)
NO_HOST = "malformed.invalid"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def check(settings: ServeSettings, addresses: list[str]) -> None:
    """Raise `UserError` where a server at these addresses would be open to others, or its settings can't work."""
    if (token := settings.token) is not None and (token != token.strip() or not token.isprintable()):
        raise UserError("musrec.serve.token can't begin or end with a space, or contain control characters")
    if token is None and (reachable := [address for address in addresses if not is_loopback(address)]):
        raise UserError(
            f"other machines reach {reachable[0]}: set musrec.serve.token, which clients then have to send, "
            "or listen at 127.0.0.1"
        )
    for origin in settings.cors:
        if not _is_origin(origin):
            raise UserError(f"musrec.serve.cors: {origin} is no origin such as https://music.example.org")


def _is_origin(text: str) -> bool:
    """Whether a browser sends this text as the origin of a page."""
    try:
        parts = urlsplit(text)
        known = (parts.scheme in {"http", "https"}, parts.hostname, parts.port != 0)
    except ValueError:
        return False
    return all(known) and text == f"{parts.scheme}://{parts.netloc}".lower() and "@" not in text and "*" not in text


def _encoded(token: str) -> list[bytes]:
    """A token as clients send it: as UTF-8, and some as Latin-1."""
    tokens = [token.encode()]
    with suppress(UnicodeEncodeError):
        tokens.append(token.encode("latin-1"))
    return tokens


class _WithHost:
    """An application in front of which a malformed Host header is made harmless: Werkzeug would fail."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _is_host(environ.get("HTTP_HOST", "")):
            environ["HTTP_HOST"] = NO_HOST
        return self._app(environ, start_response)


def _is_host(sent: str) -> bool:
    port = PORT.search(sent)
    return bool(not sent or HOST.fullmatch(sent)) and (port is None or int(port[0][1:]) <= 65_535)


class Access:
    """Refuses requests; adds the headers that every response has.

    Parameters
    ----------
    settings : ServeSettings
    open_blueprints : collection of str
        Of the pages that need no token: they contain nothing of the library.
    """

    def __init__(self, settings: ServeSettings, open_blueprints: frozenset[str]) -> None:
        self._tokens = _encoded(settings.token) if settings.token else []
        self._host, self._origins, self._open = settings.host.lower(), frozenset(settings.cors), open_blueprints

    def register(self, app: Flask) -> None:
        """Look at every request of an application, and every response."""
        app.wsgi_app = _WithHost(app.wsgi_app)  # type: ignore[method-assign]
        app.before_request(self.admit)
        app.after_request(self.add_headers)

    def admit(self) -> Response | None:
        """Nothing for a request that may go on; raises `ServeError` for another."""
        if not self._tokens and not self._is_own_host(request.environ.get("HTTP_HOST")):
            raise ServeError(403, "this address is not the server's: ask 127.0.0.1 or localhost, or set a token")
        if request.method == "OPTIONS":
            return self._preflight()
        if not self._tokens and self._is_from_another_page():
            raise ServeError(403, STRANGER)
        if self._tokens and request.blueprint not in self._open and not self._has_token():
            raise ServeError(401, "the token is missing or wrong: send it as Authorization: Bearer TOKEN")
        is_post = request.method == "POST" and request.routing_exception is None
        if is_post and request.mimetype != "application/json":  # a form of another page can't send that
            raise ServeError(415, "the body has to be JSON, with Content-Type: application/json")
        return None

    def add_headers(self, response: Response) -> Response:
        """The headers of every response, errors among them."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="beets-musrec"'
        if self._origins:
            response.headers.add("Vary", "Origin")
            if (origin := request.headers.get("Origin")) in self._origins:
                response.headers["Access-Control-Allow-Origin"] = origin
        return response

    def _is_own_host(self, sent: str | None) -> bool:
        """Whether a client means this machine: else a page of the web, whose name its owner lets point here, asks."""
        if sent is None:  # no browser
            return True
        name = sent.lower().rpartition(":")[0] if PORT.search(sent) else sent.lower()
        name = name.strip("[]").removesuffix(".")
        return name in {"localhost", self._host} or is_loopback(name)

    def _is_from_another_page(self) -> bool:
        """Whether a browser asks for another page, which could not read the answer, but keep the server busy."""
        is_other = request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
        return is_other and request.blueprint not in self._open and request.headers.get("Origin") not in self._origins

    def _has_token(self) -> bool:
        scheme, _, sent = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        found = sent.strip(" ").encode("latin-1", "replace")  # WSGI gives bytes so
        same = [hmac.compare_digest(found, token) for token in self._tokens]
        return scheme.lower() == "bearer" and any(same)

    def _preflight(self) -> Response:
        """The answer to a browser that asks for a page whether it may; without CORS it may not."""
        if "Origin" not in request.headers:
            raise MethodNotAllowed(METHODS)
        if request.headers.get("Origin") not in self._origins:
            raise ServeError(403, STRANGER)
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = ", ".join(METHODS)
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response
