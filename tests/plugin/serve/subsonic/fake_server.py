"""A small media server for what Supysonic lacks: tokens, MusicBrainz ids, paths as Navidrome's, scan states, errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

from beets.library import Item
from flask import Flask, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

SONGS = 8  # of the fixtures
Answer = dict[str, Any]
USER, PASSWORD = "alice", "sésame: open & wide"


@dataclass
class FakeServer:
    """What it knows, and how it behaves.

    Attributes
    ----------
    songs : list of dict
        As the API gives them.
    search : str
        ``pages`` of an empty query as in OpenSubsonic, of ``quotes`` only, ``same`` page for every offset, or ``none``.
    scan : dict or None
        Of `getScanStatus`; None: only for administrators.
    answers : dict
        Method -> what it answers instead.
    asked : list of (str, dict)
        Requests: path with query, and the form's fields.
    """

    songs: list[dict[str, Any]] = field(default_factory=list)
    search: str = "pages"
    scan: dict[str, Any] | None = field(
        default_factory=lambda: {"scanning": False, "count": 1, "lastScan": "2026-01-01"}
    )
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    most: int = 500  # songs of a page
    url: str = ""

    def methods(self) -> list[str]:
        return [path.split("/rest/")[1].split(".view")[0] for path, _ in self.asked]

    def _ping(self) -> Answer:
        return ok()

    def _search3(self) -> Answer:
        accepted = {"pages": "", "quotes": '""', "same": ""}.get(self.search)
        if request.values["query"] != accepted:
            return ok(searchResult3={})
        offset = 0 if self.search == "same" else int(request.values["songOffset"])
        page = self.songs[offset : offset + min(self.most, int(request.values["songCount"]))]
        return ok(searchResult3={"song": page} if page else {})

    def _getAlbumList2(self) -> Answer:
        albums = sorted({song["album"] for song in self.songs})
        offset, size = int(request.values["offset"]), min(self.most, int(request.values["size"]))
        return ok(albumList2={"album": [{"id": album} for album in albums[offset : offset + size]]})

    def _getAlbum(self) -> Answer:
        songs = [song for song in self.songs if song["album"] == request.values["id"]]
        return ok(album={"song": songs if len(songs) > 1 else songs[0]})  # as JSON made of XML has it

    def _getScanStatus(self) -> Answer:
        return refused(50, "not an administrator") if self.scan is None else ok(scanStatus=self.scan)

    def _getIndexes(self) -> Answer:
        return ok(indexes={"lastModified": 1000 * len(self.songs)})

    def answer(self, method: str) -> Any:
        self.asked.append((request.full_path, request.form.to_dict()))
        if method in self.answers:
            answer = self.answers[method]
            return answer() if callable(answer) else answer
        values = request.values
        token = hashlib.md5((PASSWORD + values.get("s", "")).encode()).hexdigest()
        if (values.get("u"), values.get("t"), values.get("f")) != (USER, token, "json"):
            return refused(40, "Wrong username or password")
        return getattr(self, f"_{method}")()


def ok(**content: Any) -> Answer:
    return {"subsonic-response": {"status": "ok", "version": "1.16.1", "openSubsonic": True, **content}}


def refused(code: int, message: str, version: str = "1.16.1") -> Answer:
    error = {"code": code, "message": message}
    return {"subsonic-response": {"status": "failed", "version": version, "error": error}}


@contextmanager
def running(server: FakeServer, prefix: str = "") -> Iterator[FakeServer]:
    """Answer on a free port, below a path."""
    app = Flask("fake")

    @app.route(f"{prefix}/rest/<method>.view", methods=["GET", "POST"])
    def rest(method: str) -> Any:
        return server.answer(method)

    @app.route("/old/rest/<method>.view")
    def old(method: str) -> Any:
        return redirect(f"{prefix}/rest/{method}.view?{request.query_string.decode()}")

    @app.errorhandler(HTTPException)
    def page(error: HTTPException) -> tuple[str, int]:
        return "<html>welcome</html>", error.code or 500

    http = make_server("127.0.0.1", 0, app, threaded=True)
    server.url = f"http://127.0.0.1:{http.port}{prefix}"
    thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def song(number: int, **changes: Any) -> dict[str, Any]:
    """A song as Navidrome gives it."""
    album = f"Album {number // 4}"
    title = f"Title {number}"
    return {
        "id": f"s{number}",
        "isDir": False,
        "title": title,
        "artist": "Artist",
        "artistId": "artist",
        "album": album,
        "albumId": album,
        "track": number % 4 + 1,
        "discNumber": 1,
        "duration": 180 + number,
        "path": f"Artist/{album}/01-{number % 4 + 1:02} - {title}.flac",
        "musicBrainzId": "",
        **changes,
    }


def item_of(entry: dict[str, Any]) -> Item:
    """The item of a song that the server lists."""
    return Item(
        title=entry["title"], artist=entry["artist"], album=entry["album"], length=entry["duration"] + 0.4,
        track=entry["track"], disc=1, path=f"/music/{entry['id']}.flac".encode(),
    )  # fmt: skip
