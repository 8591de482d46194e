"""Reads the songs of a media server, and the state of its scans."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .protocol import NO_TOKENS, WRONG_LOGIN, Connection, RefusedError, SubsonicError
from .songs import ServerSong, from_server, text_of

if TYPE_CHECKING:
    from beets.logging import BeetsLogger

    from ...config import SubsonicSettings

PAGE = 500  # songs or albums: more than that servers need not give
MAX_SONGS = 2_000_000  # or albums: a server that lists more invents them
EVERYTHING = ("", '""')  # queries that match all songs on some servers: OpenSubsonic's, and an older custom


@dataclass(frozen=True)
class ScanState:
    """What changes when the media server has scanned its files.

    Attributes
    ----------
    mark : str
        Differs after a scan, as far as the server tells.
    sure : bool
        Whether every change of the songs changes it.
    scanning : bool
    """

    mark: str
    sure: bool
    scanning: bool = False


class Client:
    """A media server.

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
        self._connection = Connection(settings, log)

    @property
    def host(self) -> str:
        """What the server is called in messages."""
        return self._connection.host

    @property
    def name(self) -> str:
        """What tells servers apart, and users, who see different songs."""
        return f"{self._connection.base} {self._connection.user}"

    # Songs.

    def songs(self) -> Iterator[ServerSong]:
        """Every song once, a page at a time; raises `SubsonicError`."""
        self._connection.call("ping")
        seen: set[str] = set()
        for query in EVERYTHING:
            if seen:
                break
            for page in self._found_by(query):
                self._check_number(len(seen))
                new = _unseen(page, seen)
                if page and not new:  # the server gives the same page whatever is asked for
                    break
                yield from new
            else:
                if seen:
                    return
        for page in self._albums():
            yield from _unseen(page, seen)

    def _check_number(self, number: int) -> None:
        if number > MAX_SONGS:
            raise SubsonicError(f"{self.host} lists more than {MAX_SONGS:,} songs, and no end is to be seen")

    def _found_by(self, query: str) -> Iterator[list[ServerSong]]:
        """Pages of songs that a search finds; none where the server does not search so."""
        offset = 0
        while True:
            parameters = {"songCount": PAGE, "songOffset": offset, "artistCount": 0, "albumCount": 0}
            try:
                answer = self._connection.call("search3", query=query, **parameters)
            except RefusedError as error:
                if offset or error.code in (WRONG_LOGIN, NO_TOKENS):
                    raise
                return
            entries = _list(answer, "searchResult3", "song")
            if not entries:
                return
            yield _songs(entries)
            offset += len(entries)

    def _albums(self) -> Iterator[list[ServerSong]]:
        """Pages of songs, an album each."""
        offset = 0
        seen: set[str] = set()
        while True:
            answer = self._connection.call("getAlbumList2", type="alphabeticalByName", size=PAGE, offset=offset)
            albums = _list(answer, "albumList2", "album")
            ids = [id_ for album in albums if isinstance(album, Mapping) and (id_ := text_of(album.get("id")))]
            if not set(ids) - seen:
                return
            self._check_number(len(seen))
            for id_ in ids:
                if id_ not in seen:
                    seen.add(id_)
                    yield _songs(_list(self._connection.call("getAlbum", id=id_), "album", "song"))
            offset += len(albums)

    # Scans.

    def scan_state(self) -> ScanState:
        """What tells whether the server has scanned since; raises `SubsonicError` where it can't be reached."""
        try:
            status = self._connection.call("getScanStatus").get("scanStatus")
        except RefusedError:  # only for administrators, or not there
            return self._modified()
        status = status if isinstance(status, Mapping) else {}
        scanning = status.get("scanning") is True
        count = str(status.get("count"))[:20]
        if last := status.get("lastScan"):
            return ScanState(f"scan {str(last)[:100]} {count}", True, scanning)
        return self._modified(count, scanning)

    def _modified(self, count: str = "", scanning: bool = False) -> ScanState:
        """The number of songs, and the time of the last change as the list of folders gives it."""
        tomorrow = int((time.time() + 86_400) * 1000)
        try:
            answer = self._connection.call("getIndexes", ifModifiedSince=tomorrow)
        except RefusedError:
            answer = {}
        indexes = answer.get("indexes")
        modified = indexes.get("lastModified") if isinstance(indexes, Mapping) else None
        return ScanState(f"modified {str(modified)[:40]} {count}", False, scanning)


def _list(answer: Mapping[str, Any], name: str, inner: str) -> list[Any]:
    """A list of an answer; servers that make JSON of XML give a single entry without a list."""
    outer = answer.get(name)
    found = outer.get(inner) if isinstance(outer, Mapping) else None
    return found if isinstance(found, list) else [found] if isinstance(found, Mapping) else []


def _songs(entries: list[Any]) -> list[ServerSong]:
    return [song for song in map(from_server, entries) if song is not None]


def _unseen(page: list[ServerSong], seen: set[str]) -> list[ServerSong]:
    """The songs that were on no page before; a scan may move some to a later page."""
    new = {song.id: song for song in page if song.id not in seen}
    seen.update(new)
    return list(new.values())
