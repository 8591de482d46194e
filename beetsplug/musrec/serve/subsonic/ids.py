"""The ids of a media server's songs and artists, for clients; they follow its scans and the library."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import replace
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import number_of

from ...library.vectors import state_of
from ..follower import reading
from . import song_map
from .client import Client
from .paths import folders_of
from .protocol import SubsonicError
from .song_map import ServerList, SongMap

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from ...config import SubsonicSettings

CHECK = 60.0  # seconds between two looks at the server's scans
UNSURE = 3600.0  # seconds after which the songs are read anew where the server does not tell of each change
ANYWAY = 86_400.0  # and where it does
NOTICE = 1.0  # seconds between two looks at the library
REST = 10  # reading and matching anew take at most one part in so many of the time


class SubsonicIds:
    """The ids of a media server (`SongIds`).

    The map of its songs to items is kept in a file beside the library, and serves while the media server is down. A
    thread makes it anew when the server has scanned, and when the library has changed.

    Parameters
    ----------
    lib : Library
    settings : SubsonicSettings
    log : BeetsLogger

    Raises
    ------
    UserError
        The settings can't be right, or the server can't be read and there is no map of it yet.
    """

    def __init__(self, lib: Library, settings: SubsonicSettings, log: BeetsLogger) -> None:
        self._lib, self._log = lib, log
        self._client, self._folders = Client(settings, log), folders_of(settings.paths)
        self._server = self._client.name
        self._stop, self._wake, self._lock = Event(), Event(), Lock()
        self._is_down, self._is_full, self._is_stale = False, False, True
        self._read_at = time.monotonic() - UNSURE  # a list that was kept may be old
        self._looked_at, self._matching_took, self._reading_took = float("-inf"), 0.0, 0.0
        self._thread: Thread | None = None
        kept = self._load()
        self._map = kept or self._first()
        self._log.info("{}", self._summary())

    # What clients ask.

    @property
    def known(self) -> Collection[int] | None:
        return self._current().known

    def item(self, song: str) -> int | None:
        found = self._current()
        item = found.items.get(song)
        return item if item is not None and self._is_that_file(found, item) else None

    def song(self, item: int) -> str | None:
        found = self._current()
        song = found.songs.get(item)
        if song is not None and self._is_stale and not self._is_that_file(found, item):
            return None
        return song

    def items_of_artist(self, artist: str) -> list[int] | None:
        return self._current().artists.get(artist)

    def artist_of(self, item: int) -> tuple[str, str] | None:
        found = self._current()
        artist = found.artist_ids.get(item)
        return None if artist is None else (artist, found.artist_names[artist])

    def status(self) -> dict[str, Any]:
        found = self._current()
        matched, left = len(found.items), found.source.count - len(found.items)
        host = self._client.host
        return {"ids": "subsonic", "server": host, "matched": matched, "unmatched": left, "ambiguous": found.ambiguous}

    def _summary(self) -> str:
        """How many songs are matched, for the log."""
        found = self._map
        songs = number_of(found.source.count, "song")
        several = f" ({found.ambiguous} may be several)" if found.ambiguous else ""
        return f"{len(found.items)} of {songs} of {self._client.host} are matched{several}"

    def _current(self) -> SongMap:
        """The map as it is; the thread makes a new one if the library has changed."""
        now = time.monotonic()
        if now - self._looked_at > NOTICE:
            self._looked_at = now
            state, then = state_of(self._lib), self._map.state
            self._is_stale = state is None or then is None or not then.is_same(state)
            if self._is_stale:
                self._wake.set()
        return self._map

    def _is_that_file(self, found: SongMap, item: int) -> bool:
        """Whether an item's id still stands for the file that it did: SQLite uses ids again."""
        with reading(self._lib) as lib, lib.transaction() as tx:
            rows = tx.query("SELECT path FROM items WHERE id = ?", (item,))
        if not rows or rows[0][0] is None:
            return False
        path = os.fsdecode(os.path.join(self._lib.directory, bytes(rows[0][0])))
        return song_map.file_mark(path) == found.files.get(item)

    # Renewal.

    def start(self) -> None:
        """Follow the server and the library from now on, in a thread."""
        self._thread = Thread(target=self._follow, name="subsonic", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, as soon as the server's answer that it waits for is there."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _follow(self) -> None:
        checked_at = float("-inf")
        while not self._stop.is_set():
            self._wake.wait(max(0.0, checked_at + CHECK - time.monotonic()))
            self._wake.clear()
            if self._stop.is_set():
                return
            is_due = time.monotonic() >= checked_at + CHECK
            try:
                self.renew(ask_server=is_due)
            except Exception:  # the thread has to outlive a locked or replaced library
                self._log.error("the songs of {} can't be matched anew", self._client.host, exc_info=True)
                self._stop.wait(CHECK)
            if is_due:
                checked_at = time.monotonic()
            self._stop.wait(min(CHECK, max(NOTICE, REST * self._matching_took)))

    def renew(self, *, ask_server: bool = True) -> None:
        """Make the map anew if the server has scanned since, or the library has changed."""
        if not os.path.isfile(os.fsdecode(self._lib.path)):  # on a disk that is away; reading would make an empty one
            return
        with self._lock:
            old = self._map
            source = (self._newer_list() if ask_server else None) or old.source
            state = state_of(self._lib)
            if state is None or old.state is None or not old.state.is_same(state):
                self._remake(source)
            elif source is not old.source and source.text == old.source.text:
                self._map = replace(old, source=source)
                self._save()
            elif source is not old.source:
                self._remake(source)

    def _newer_list(self) -> ServerList | None:
        """The server's songs, if it has scanned since; None if not, or if it can't be reached."""
        try:
            state, old = self._client.scan_state(), self._map.source
            age = time.monotonic() - self._read_at
            is_due = state.mark != old.mark or age > (ANYWAY if state.sure else UNSURE)
            may = not state.scanning and age > REST * self._reading_took
            found = self._read(state.mark) if is_due and may else None
        except SubsonicError as error:
            if not self._is_down:
                self._log.warning("{}; until then, its songs are those that were known before", error)
            self._is_down = True
            return None
        if self._is_down:
            self._log.info("{} answers again", self._client.host)
        self._is_down = False
        return found

    def _read(self, mark: str) -> ServerList:
        start = time.monotonic()
        songs = list(self._client.songs())
        self._read_at = time.monotonic()
        self._reading_took = self._read_at - start
        return ServerList.of(self._server, mark, songs)

    def _remake(self, source: ServerList) -> None:
        start = time.monotonic()
        old = self._map
        self._map, _ = song_map.make(self._lib, source, self._folders)
        self._matching_took, self._is_stale = time.monotonic() - start, False
        if dict(old.items) != dict(self._map.items) or old.source.count != source.count:
            self._log.info("{}", self._summary())
        self._save()

    # The file.

    def _load(self) -> SongMap | None:
        try:
            return song_map.load(self._lib, self._server, self._folders)
        except (OSError, ValueError) as error:
            self._log.debug("reading the songs of {} anew: {}", self._client.host, error)
            return None

    def _first(self) -> SongMap:
        try:
            source = self._read(self._client.scan_state().mark)
        except SubsonicError as error:
            raise UserError(str(error)) from None
        self._map, _ = song_map.make(self._lib, source, self._folders)
        self._save()
        return self._map

    def _save(self) -> None:
        try:
            song_map.save(self._lib, self._map)
        except OSError as error:
            if not self._is_full:
                path = displayable_path(song_map.path_of(self._lib))
                self._log.warning(
                    "{} can't be written ({}): after a restart, songs are matched anew", path, error.strerror
                )
            self._is_full = True
        else:
            self._is_full = False
