"""What beets' own `web` plugin answers with ours: ``/item/ID/similar``, the songs nearest to an item.

Nothing else of it changes, but that a malformed ``similar:`` or ``sounds:`` query is told with status 400. Our modules
with numpy are imported by the first request, for every command imports this one where `web` is on.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from beets.dbcore.query import InvalidQueryError
from beets.ui import UserError
from confuse import ConfigError
from flask import abort, g, jsonify, make_response, request

from beetsplug import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

    from ..similar.query_results import SimilarResults

RULE, ENDPOINT = "/item/<idlist:ids>/similar", "musrec_similar"
MAX_DIGITS = 9  # of a number of songs
MAX_ID = 2**63 - 1  # of SQLite


def register(results: Callable[[], SimilarResults]) -> None:
    """Add our address to web's application; ``results`` searches, and is built when the first request comes."""
    lock = Lock()  # web starts a thread for each request

    def similar(ids: Sequence[int]) -> Response:
        from ..library.music_dir import in_music_dir

        with in_music_dir(g.lib):
            return found(ids)

    def found(ids: Sequence[int]) -> Response:
        from ..library import sql

        known = list(dict.fromkeys(id_ for id_ in ids if abs(id_) <= MAX_ID and g.lib.get_item(id_)))
        if not known:
            abort(404)
        count = _count(request.args.get("n"))
        try:
            with lock:
                near = results().nearest(g.lib, known, count)
        except UserError as error:
            _refuse(409, str(error))
        except ConfigError as error:
            _refuse(500, f"configuration error: {error}")
        distances = {neighbour.id: neighbour.distance for neighbour in near}
        items = [item for item in sql.items_of(g.lib, distances) if item.path]
        return jsonify(results=[{**_json(item), "musrec_distance": distances[sql.id_of(item)]} for item in items])

    def invalid(error: InvalidQueryError) -> Any:
        from ..similar.query_results import InvalidPatternError

        if not isinstance(error.__context__, InvalidPatternError):
            raise error  # as if nobody had looked
        return jsonify(error=f"invalid query: {error}"), 400

    if ENDPOINT not in web.app.view_functions:
        web.app.add_url_rule(RULE, ENDPOINT)
        web.app.register_error_handler(InvalidQueryError, invalid)
    web.app.view_functions[ENDPOINT] = similar


def _json(item: Any) -> dict[str, Any]:
    """An item as `web` sends it: with its path only if `web.include_paths` is on."""
    return web._rep(item) or {}


def _count(text: str | None) -> int:
    if text is None:
        from ..similar.query_results import COUNT

        return COUNT
    if not text.isdecimal() or len(text) > MAX_DIGITS or not int(text):
        _refuse(400, "n has to be a number of songs, 1 or more")
    return int(text)


def _refuse(status: int, sentence: str) -> NoReturn:
    abort(make_response(jsonify(error=sentence), status))
