"""Our own paths: `/similar`, `/journey`, `/sounds`, `/words`, `/status`, `/openapi.json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, request

import musrec_core

from . import openapi, parameters
from .errors import ServeError

if TYPE_CHECKING:
    from ..config import ServeSettings
    from .answers import Answers, Song
    from .ids import SongIds

Json = dict[str, Any]
DIGITS = 4  # of a distance


class Api:
    """What the paths answer; see `openapi` for their parameters.

    Parameters
    ----------
    answers : Answers
    ids : SongIds
    settings : ServeSettings
    count : int
        The number of songs where a request says none.
    """

    def __init__(self, answers: Answers, ids: SongIds, settings: ServeSettings, count: int) -> None:
        self._answers, self._ids, self._most, self._count = answers, ids, settings.max_count, count

    def similar(self) -> Json:
        seeds = self._named("query", "id", self._most)
        found = self._answers.similar([song.id for song in seeds], self._wanted(), among=self._ids.known)
        return {"seeds": self._songs(seeds), "songs": self._songs(found)}

    def journey(self) -> Json:
        (start,), (end,) = self._named("from", "from_id", 1), self._named("to", "to_id", 1)
        return {"songs": self._songs(self._answers.journey(start.id, end.id, self._wanted(), among=self._ids.known))}

    def sounds(self) -> Json:
        words = parameters.required_text("words")
        return {"songs": self._songs(self._answers.sounds(words, self._wanted(), among=self._ids.known))}

    def words(self) -> Json:
        return {
            "words": [
                {"name": name, "group": group, "auc": round(auc, DIGITS)} for name, group, auc in self._answers.words()
            ]
        }

    def status(self) -> Json:
        return {"version": musrec_core.__version__, **self._answers.status(), **self._ids.status()}

    def _wanted(self) -> int:
        return parameters.count("n", self._count, self._most)

    def _named(self, query: str, id_: str, most: int) -> list[Song]:
        """The songs that a query or ids stand for, one at least; raises `ServeError`."""
        text, given = parameters.text(query), parameters.texts(id_)
        if bool(text) == bool(given):
            raise ServeError(400, f"give either {query} or {id_}" if text else f"{query} or {id_} is missing")
        if len(given) > most:
            raise ServeError(400, f"{id_} is given too often: {most} is the most")
        songs = self._answers.matching(text, most) if text else self._answers.songs([*map(self._item, given)])
        if not songs:
            raise ServeError(404, "there is no such song")
        return songs

    def _item(self, song: str) -> int:
        if (item := self._ids.item(song)) is None:
            raise parameters.unknown(song)
        return item

    def _songs(self, songs: Iterable[Song]) -> list[Json]:
        """The songs that the client has, as it knows them."""
        return [
            {
                "id": id_,
                "title": song.title,
                "artist": song.artist,
                "album": song.album,
                "length": round(song.length, 2),
                "distance": None if song.distance is None else round(song.distance, DIGITS),
            }
            for song in songs
            if (id_ := self._ids.song(song.id)) is not None
        ]


def blueprint(answers: Answers, ids: SongIds, settings: ServeSettings, count: int = 5) -> Blueprint:
    """The routes of `Api`."""
    routes = Blueprint("api", __name__)
    api, document = Api(answers, ids, settings, count), openapi.document(count, settings.max_count)
    for path, view in {
        "/similar": api.similar,
        "/journey": api.journey,
        "/sounds": api.sounds,
        "/words": api.words,
        "/status": api.status,
        "/openapi.json": lambda: document,
    }.items():
        routes.add_url_rule(path, path.strip("/").partition(".")[0], view)
    known = {path: {each["name"] for each in parts["get"]["parameters"]} for path, parts in document["paths"].items()}

    @routes.before_request
    def require_known() -> None:
        """Refuse a misspelt parameter, which would be ignored in silence."""
        if unknown := sorted(set(request.args) - known[request.path]):
            names = ", ".join(sorted(known[request.path])) or "none"
            raise ServeError(400, f"unknown parameter {parameters.shown(unknown[0])}; the known ones are {names}")

    return routes
