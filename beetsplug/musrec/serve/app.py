"""The web application: routes, access, errors as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, jsonify

from .errors import ServeError

if TYPE_CHECKING:
    from flask import Response

    from ..config import ServeSettings
    from .answers import Answers
    from .ids import SongIds


def create_app(answers: Answers, ids: SongIds, settings: ServeSettings) -> Flask:
    """The application that answers from a library."""
    app = Flask("beets-musrec", static_folder=None)

    @app.errorhandler(ServeError)
    def refused(error: ServeError) -> tuple[Response, int]:
        return jsonify({"error": error.sentence}), error.status

    return app
