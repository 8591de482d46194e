"""The requests of AudioMuse-AI's clients, and what they are answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from .artists import ArtistRequests
from .searches import SearchRequests
from .songs import SongRequests

if TYPE_CHECKING:
    from flask import Response

    from ...config import ServeSettings
    from ..answers import Answers
    from ..ids import SongIds


def blueprint(answers: Answers, ids: SongIds, settings: ServeSettings) -> Blueprint:
    """The routes below `/api`."""
    api = Blueprint("audiomuse", __name__, url_prefix="/api")
    most = settings.max_count
    songs, artists = SongRequests(answers, ids, most), ArtistRequests(answers, ids, most)
    searches = SearchRequests(answers, ids, most)
    _add(api, "similar_tracks", songs.similar)
    _add(api, "find_path", songs.path)
    _add(api, "track", songs.track)
    _add(api, "alchemy", songs.alchemy, "POST")
    _add(api, "hyperbolic/similar", songs.hyperbolic, "POST")
    _add(api, "sem_grove/search", songs.by_lyrics, "POST")
    _add(api, "sonic_fingerprint/generate", songs.fingerprint, "GET", "POST")
    _add(api, "similar_artists", artists.similar)
    _add(api, "search_artists", artists.search)
    _add(api, "artist_tracks", artists.tracks)
    _add(api, "search_tracks", searches.tracks)
    _add(api, "clap/search", searches.sounds, "POST")
    _add(api, "clap/stats", searches.stats)
    _add(api, "health", lambda: {"status": "ok"})
    _add(api, "active_tasks", dict)  # nothing is analysed here: what older clients ask to see whether it answers
    return api


def _add(api: Blueprint, path: str, answer: Callable[[], Any], *methods: str) -> None:
    def view() -> Response:
        return jsonify(answer())

    api.add_url_rule(f"/{path}", path.replace("/", "_"), view, methods=methods or ("GET",))
