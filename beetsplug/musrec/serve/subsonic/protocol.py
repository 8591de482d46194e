"""Asks a media server through the (Open)Subsonic API: addresses, the login, redirects, and errors in one sentence.

`requests` does it: py-opensonic would bring aiohttp and mashumaro for the six methods that are used here.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from beets.ui import UserError

from musrec_core._text import one_line

if TYPE_CHECKING:
    from beets.logging import BeetsLogger

    from ...config import SubsonicSettings

API = "1.15.0"  # getScanStatus came with it; servers refuse clients that are newer than they are
NAME = "beets-musrec"
TIMEOUTS = (10.0, 60.0)  # seconds: to connect, and between two parts of an answer
MAX_SECONDS = 300.0  # that one answer may take
MAX_BYTES = 64 * 2**20  # of one answer
MAX_REDIRECTS = 3
TOKENS_SINCE = (1, 13)
WRONG_LOGIN, NO_TOKENS, MISSING_PARAMETER = 40, 41, 10
NOWHERE = "is musrec.serve.subsonic.url right?"


class SubsonicError(Exception):
    """The media server can't be read: one sentence that says why, without any secret."""


class RefusedError(SubsonicError):
    """The media server answered with an error of the API."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class _OldServer(RefusedError):
    """A server from before tokens misses the password."""


class Connection:
    """The API of a media server.

    Parameters
    ----------
    settings : SubsonicSettings
    log : BeetsLogger

    Raises
    ------
    UserError
        The settings can't be right.
    """

    def __init__(self, settings: SubsonicSettings, log: BeetsLogger) -> None:
        self.base = base_url(settings.url or "")
        if not settings.user:
            raise UserError("musrec.serve.subsonic.user is not set")
        self.user, self._password, self._log = settings.user, settings.password, log
        self._has_tokens = True
        self._session = requests.Session()
        self._session.auth = _no_netrc
        self._session.headers["User-Agent"] = NAME  # Navidrome keeps settings for each client and agent

    @property
    def host(self) -> str:
        """What the server is called in messages."""
        return urlsplit(self.base).netloc

    def call(self, method: str, **parameters: Any) -> Mapping[str, Any]:
        """The answer of one method of the API; raises `SubsonicError`."""
        try:
            return self._checked(self._fetch(method, parameters))
        except RefusedError as error:
            if not (self._has_tokens and isinstance(error, _OldServer)):
                raise
        self._has_tokens = False
        self._warn_of_plain_password()
        return self._checked(self._fetch(method, parameters))

    def _warn_of_plain_password(self) -> None:
        parts = urlsplit(self.base)
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            self._log.warning("{} knows no tokens, so that your password goes to it unencrypted: use https", self.host)

    def _fetch(self, method: str, parameters: Mapping[str, Any]) -> Any:
        """What the server sends, as JSON; redirects are followed to the same host only."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(method, parameters)
            with response:
                if not response.is_redirect:
                    return self._json(response)
                self._follow(response.headers["Location"], method)
        raise SubsonicError(f"{self.host} redirects in a circle; {NOWHERE}")

    def _send(self, method: str, parameters: Mapping[str, Any]) -> requests.Response:
        url = f"{self.base}/rest/{method}.view"
        common = {"u": self.user, "v": API, "c": NAME, "f": "json", **parameters}
        options: dict[str, Any] = {"timeout": TIMEOUTS, "stream": True, "allow_redirects": False}
        try:
            if self._has_tokens:
                return self._session.get(url, params={**common, **self._token()}, **options)
            password = f"enc:{self._password.encode().hex()}"  # in the body: URLs end up in logs
            return self._session.post(url, data={**common, "p": password}, **options)
        except requests.RequestException as error:
            raise SubsonicError(self._sentence(error)) from None  # its text has the URL, with the token
        except ValueError:  # of requests, which looks at a redirect's address
            raise SubsonicError(f"{self.host} redirects to what is no address; {NOWHERE}") from None

    def _token(self) -> dict[str, str]:
        salt = secrets.token_hex(8)
        return {"s": salt, "t": hashlib.md5((self._password + salt).encode(), usedforsecurity=False).hexdigest()}

    def _sentence(self, error: requests.RequestException) -> str:
        if isinstance(error, requests.exceptions.SSLError):
            return f"the certificate of {self.host} is not valid (REQUESTS_CA_BUNDLE names a file of authorities)"
        if isinstance(error, requests.exceptions.ProxyError):
            return f"{self.host} can't be reached: the proxy of this machine's settings does not answer"
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return f"{self.host} can't be reached: it does not answer in time"
        if isinstance(error, requests.exceptions.Timeout):
            return f"{self.host} does not answer in time"
        if isinstance(error, requests.exceptions.ConnectionError):
            return f"{self.host} can't be reached: is the media server running, and {NOWHERE}"
        return f"{self.host} sends no valid answer ({type(error).__name__}); {NOWHERE}"

    def _follow(self, location: str, method: str) -> None:
        """Take a redirect's address as the server's, or raise `SubsonicError`."""
        try:
            there = urlsplit(urljoin(f"{self.base}/rest/{method}.view", location))
        except ValueError:
            raise SubsonicError(f"{self.host} redirects to what is no address; {NOWHERE}") from None
        here = urlsplit(self.base)
        ending = next((end for end in (f"/rest/{method}.view", f"/rest/{method}") if there.path.endswith(end)), None)
        if ending is None:
            raise SubsonicError(f"{self.host} redirects to another page, such as a login of a proxy; {NOWHERE}")
        if there.hostname != here.hostname or (here.scheme == "https" and there.scheme != "https"):
            target = one_line(f"{there.scheme}://{there.netloc.rpartition('@')[2]}")
            raise SubsonicError(f"{self.host} redirects to {target}: set musrec.serve.subsonic.url to that")
        self.base = urlunsplit((there.scheme, there.netloc, there.path.removesuffix(ending), "", ""))

    def _json(self, response: requests.Response) -> Any:
        content = self._content(response)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            pass
        if response.status_code == requests.codes.not_found:
            raise SubsonicError(f"{self.host} has no Subsonic API there (HTTP 404); {NOWHERE}")
        if response.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            raise SubsonicError(f"{self.host} asks for another login (HTTP {response.status_code}): that of a proxy?")
        if response.status_code >= requests.codes.bad_request:
            raise SubsonicError(f"{self.host} failed to answer (HTTP {response.status_code})")
        raise SubsonicError(f"{self.host} answers, but not as a Subsonic server; {NOWHERE}")

    def _content(self, response: requests.Response) -> bytes:
        content, end = bytearray(), time.monotonic() + MAX_SECONDS
        try:
            for part in response.iter_content(64 * 1024):
                content += part
                if len(content) > MAX_BYTES:
                    raise SubsonicError(f"{self.host} sends more than {MAX_BYTES >> 20} MiB in one answer")
                if time.monotonic() > end:
                    raise SubsonicError(f"{self.host} does not answer in time")
        except requests.RequestException as error:
            raise SubsonicError(self._sentence(error)) from None
        return bytes(content)

    def _checked(self, document: Any) -> Mapping[str, Any]:
        answer = document.get("subsonic-response") if isinstance(document, Mapping) else None
        if not isinstance(answer, Mapping):
            raise SubsonicError(f"{self.host} answers, but not as a Subsonic server; {NOWHERE}")
        if answer.get("status") == "ok":
            return answer
        error = answer.get("error")
        error = error if isinstance(error, Mapping) else {}
        code = int(code) if (code := str(error.get("code"))[:9]).isdecimal() else 0
        if code == MISSING_PARAMETER and _version(answer) < TOKENS_SINCE:
            raise _OldServer(f"{self.host} lacks a parameter", code)
        raise RefusedError(self._refusal(code, str(error.get("message", ""))[:200]), code)

    def _refusal(self, code: int, message: str) -> str:
        if code == WRONG_LOGIN:
            return f"{self.host} refuses the login: check musrec.serve.subsonic.user and musrec.serve.subsonic.password"
        if code == NO_TOKENS:
            return f"{self.host} can't check tokens for this user, as for those of LDAP: use one of its own users"
        return f"{self.host} answers with error {code}: {one_line(message) or 'no reason'}"


def base_url(text: str) -> str:
    """The address below which the API is; raises `UserError`. ``/rest`` and a slash at the end do not matter."""
    try:
        parts = urlsplit(text.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port beyond all, half a bracket
        valid = False
    if not valid:
        raise UserError("musrec.serve.subsonic.url has to be an address such as http://localhost:4533")
    if parts.username is not None or parts.password is not None:
        raise UserError("write the login as musrec.serve.subsonic.user and .password, not into .url")
    path = parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path.removesuffix("/rest").rstrip("/"), "", ""))


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No other login than that of the settings: `requests` would take one from ``~/.netrc``."""
    return request


def _version(answer: Mapping[str, Any]) -> tuple[int, ...]:
    """The API's version that an answer names; the newest where it names none."""
    parts = str(answer.get("version", ""))[:9].split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else TOKENS_SINCE
