"""The web application: its routes, and every error as JSON."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from beets import logging
from beets.dbcore.db import DBAccessError
from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException

from musrec_core._text import printable

from . import api, audiomuse, page
from .access import Access
from .errors import ServeError

if TYPE_CHECKING:
    from beets.logging import BeetsLogger
    from flask import Response

    from ..config import ServeSettings
    from .answers import Answers
    from .ids import SongIds

SENTENCES = {  # of what Flask and Werkzeug refuse
    400: "the request is malformed",
    404: "there is nothing at this address",
    405: "this method is not allowed here",
    413: "the request is too large",
    415: "the body has to be JSON, with Content-Type: application/json",
}
OPEN = frozenset({"page"})  # the blueprints that need no token
MOST_BYTES = 256 * 1024  # of a body


def create_app(
    answers: Answers, ids: SongIds, settings: ServeSettings, log: BeetsLogger | None = None, *, count: int = 5
) -> Flask:
    """The application that answers from a library.

    Parameters
    ----------
    count : int
        The number of songs where a request to our own paths says none: `musrec.similar.count`.
    """
    app = Flask("beets-musrec", static_folder=None)
    app.url_map.merge_slashes = False  # no redirects
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.register_blueprint(api.blueprint(answers, ids, settings, count))
    app.register_blueprint(audiomuse.blueprint(answers, ids, settings))
    app.register_blueprint(page.blueprint())
    Access(settings, OPEN).register(app)
    log = log or logging.getLogger("beets.musrec")
    app.after_request(partial(_note, log))
    app.register_error_handler(ServeError, _refused)
    app.register_error_handler(HTTPException, _malformed)
    for kind in (sqlite3.DatabaseError, DBAccessError):
        app.register_error_handler(kind, partial(_unreadable, log))
    app.register_error_handler(Exception, partial(_failed, log))
    return app


def _note(log: BeetsLogger, response: Response) -> Response:
    log.debug("{} {}: {}", request.method, printable(request.full_path.rstrip("?")), response.status_code)
    return response


def _refused(error: ServeError) -> tuple[Response, int]:
    return _sentence(error.sentence, error.status)


def _malformed(error: HTTPException) -> tuple[Response, int]:
    status = error.code or 500
    response, _ = _sentence(SENTENCES.get(status, error.name.lower()), status)
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response, status


def _failed(log: BeetsLogger, error: Exception) -> tuple[Response, int]:
    log.error("{} {} failed", request.method, printable(request.full_path.rstrip("?")), exc_info=error)
    return _sentence("the server failed: its log says why", 500)


def _unreadable(log: BeetsLogger, error: Exception) -> tuple[Response, int]:
    _failed(log, error)
    return _sentence("the library can't be read: the server's log says why", 503)


def _sentence(sentence: str, status: int) -> tuple[Response, int]:
    return jsonify({"error": sentence}), status
