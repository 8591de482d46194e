"""The radio at work: looks at MPD's queue whenever something changes, and appends songs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from beets.ui import UserError

from musrec_core._text import number_of

from ..library import song_keys, sql
from ..similar import seeds
from .choice import APART, Spacing, Wish
from .listening import Song
from .player import LostConnectionError, UnknownSongError
from .song_lookup import LibraryGoneError, named

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from .choice import Chooser
    from .listening import Listening, Look
    from .memory import MemoryFile
    from .paths import MusicPaths
    from .player import Player
    from .song_lookup import SongLookup
    from .warn_once import WarnOnce

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 30.0  # seconds between tries to reach MPD
RETRY = 60.0  # seconds after which it is tried again to fill a queue, if nothing changes
PULSE = 600.0  # seconds after which a connection over the network is renewed: a machine that slept has lost it
MOST_UNKNOWN = 200  # songs that MPD does not know, after which its directory must be another one


class Session:
    """One run of the radio.

    Parameters
    ----------
    player : Player
        Is connected.
    lookup : SongLookup
    paths : MusicPaths
    listening : Listening
    memory_file : MemoryFile
    chooser : Chooser
    ahead : int
        Songs that should be left in the queue.
    period : float
        For how long a song is not repeated [s].
    log : BeetsLogger
    warn_once : WarnOnce
        A filter of the log.
    clock : callable
        Gives the time, in seconds since 1970.
    """

    def __init__(
        self,
        player: Player,
        lookup: SongLookup,
        paths: MusicPaths,
        listening: Listening,
        memory_file: MemoryFile,
        chooser: Chooser,
        *,
        ahead: int,
        period: float,
        log: BeetsLogger,
        warn_once: WarnOnce,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._player, self._lookup, self._paths = player, lookup, paths
        self._listening, self._memory_file, self._chooser = listening, memory_file, chooser
        self._ahead, self._period = ahead, period
        self._log, self._warn_once, self._clock = log, warn_once, clock
        self._absent: set[int] = set()  # items that MPD does not know
        self._is_kept = True  # what was heard, in the file
        self._is_short = False  # the queue could not be filled

    def prepare(self, start: str | None, to: str | None, *, may_wait: bool) -> None:
        """Append what the user asks for, and fill the queue; raises `UserError` where that can't be done.

        With ``may_wait`` nothing is appended where there is nothing to go by yet.
        """
        look = self._observe()
        with self._lookup.reading() as lib:
            if to is not None:
                seeds.matching(lib, sql.words(to), first=True)  # a mistake is told before anything is appended
            if start is not None:
                look = self._begin(lib, look, start)
            if to is not None:
                self._travel(lib, look, to)
            if may_wait and not self._listening.seeds(self._clock()):
                self._log.info("nothing was played yet: waiting for the first song")
            else:
                self._append_some(lib, look)
        self._observe()

    def follow(self) -> None:
        """Keep the queue filled until the program is ended; raises `UserError` where MPD refuses a reconnection."""
        while True:
            try:
                changed = self._player.wait(self._patience())
                if "database" in changed:
                    self._absent.clear()
                self._fill(self._observe())
            except LostConnectionError as error:
                self._reconnect(error)

    def _patience(self) -> float | None:
        """For how long to wait for a change [s]; None: for ever."""
        if self._is_short:
            return RETRY
        return None if self._player.address.is_socket else PULSE

    def _reconnect(self, reason: Exception) -> None:
        self._log.warning("lost the connection to MPD at {} ({}): trying again", self._player.address, reason)
        pause = FIRST_PAUSE
        while True:
            time.sleep(pause)
            try:
                self._player.connect()
                self._listening.reconnected()
                self._fill(self._observe())
            except LostConnectionError:
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                break
        self._warn_once.forget()
        self._log.info("connected to MPD at {} again", self._player.address)

    # Looking.

    def _observe(self) -> Look:
        """Look at MPD, and note what that says of the songs, in the memory's file, too."""
        look = self._player.look()
        uris = [entry.uri for entry in look.queue]
        try:
            with self._lookup.reading():
                songs = self._lookup.songs(uris)
        except LibraryGoneError:  # said when the queue is to be filled
            songs = self._lookup.remembered(uris)
        self._listening.observe(look, songs, self._clock())
        self.keep()
        return look

    def keep(self) -> None:
        """Write what was heard to the memory's file; where that can't be done, the radio goes on without."""
        try:
            self._memory_file.save(self._listening.memory, self._clock())
        except OSError as error:
            if self._is_kept:
                self._log.warning(
                    "what was heard can't be kept in {} ({}), and may come again after a restart",
                    self._memory_file.path,
                    error.strerror,
                )
            self._is_kept = False
        else:
            self._is_kept = True

    # Filling.

    def _fill(self, look: Look) -> None:
        """Append songs if too few are left, unless somebody stopped the player."""
        if look.state == "stop" and not self._listening.ran_dry:
            return
        was_short, self._is_short = self._is_short, True
        try:
            with self._lookup.reading() as lib:
                ids = self._append_some(lib, look)
        except LibraryGoneError as error:
            self._log.warning("{}: the queue is filled again when it is back", error)
            return
        except UserError as error:
            self._log.warning("nothing is appended: {}", error)
            return
        self._is_short = self._listening.left() + len(ids) < self._ahead
        if ids and self._listening.ran_dry:
            self._player.play(ids[0])
        if ids or was_short:
            self._observe()
        if not self._is_short:
            self._warn_once.forget()

    def _append_some(self, lib: Library, look: Look) -> list[str]:
        """Append what is missing to the queue; MPD's ids of it."""
        count = self._ahead - self._listening.left()
        if count <= 0:
            return []
        listening, now = self._listening, self._clock()
        songs = listening.seeds(now)
        if not songs:
            raise UserError(self._nothing_to_go_by(look))
        unwanted = set(self._lookup.ids(listening.unwanted(now - self._period)))
        wish = Wish(self._lookup.ids(songs), self._lookup.ids(listening.against(now)), unwanted, self._absent)
        spacing = Spacing(lib, self._lookup.ids(listening.latest()[-APART:]))
        ids: list[str] = []
        unknown = len(self._absent)
        while len(ids) < count:
            found = self._chooser.nearest(lib, wish, count - len(ids))
            if not found:
                return ids
            while found and len(ids) < count:
                item = spacing.next(found)
                found.remove(item)
                id_ = self._append_own(item)
                if id_ is not None:
                    spacing.taken(item)
                    unwanted.add(sql.id_of(item))
                    ids.append(id_)
            if len(self._absent) - unknown >= MOST_UNKNOWN:
                raise UserError(
                    f"MPD knows none of {MOST_UNKNOWN} songs: run `mpc update`, or set musrec.radio.music_directory"
                )
        return ids

    @staticmethod
    def _nothing_to_go_by(look: Look) -> str:
        if not look.queue:
            return "there is no song of beets to go by: play one, or add --start QUERY"
        return (
            "no song of the queue is in beets: play one that is, add --start QUERY, "
            "or set musrec.radio.music_directory to the folder of MPD's music"
        )

    def _append(self, item: Item) -> str | None:
        """Append a song; MPD's id of it, None where MPD does not know it."""
        for uri in self._spellings(item):
            try:
                id_ = self._player.append(uri)
            except UnknownSongError:
                continue
            self._lookup.note(uri, sql.id_of(item))
            self._log.info("appended {}", named(item))
            return id_
        if not self._absent:
            self._log.warning(
                "MPD does not know {}: it is left out, as are others like that; run `mpc update`, "
                "or set musrec.radio.music_directory",
                named(item),
            )
        self._absent.add(sql.id_of(item))
        return None

    def _append_own(self, item: Item) -> str | None:
        """The same for a song that the radio has chosen."""
        song = Song(song_keys.of_item(item), sql.id_of(item))
        id_ = self._listening.append(song, lambda: self._append(item))
        self.keep()
        return id_

    def _spellings(self, item: Item) -> Iterable[str]:
        """What MPD may call a song; its own spelling only if that is needed."""
        likely = self._paths.spellings(item, anywhere=self._player.address.is_socket)
        yield from likely
        for uri in likely:
            yield from self._player.spellings(uri)

    # What the user asked for.

    def _begin(self, lib: Library, look: Look, query: str) -> Look:
        """Append the songs of `--start`, unless they are there or to come; play the first if the player is stopped."""
        items = self._chooser.matching(lib, query)
        there = self._lookup.songs(entry.uri for entry in look.queue)
        coming = [*look.coming, *([look.current] if look.current else [])]
        places = {there[entry.uri].id: entry.id for entry in coming if entry.uri in there}
        for item in items:
            id_ = places.get(sql.id_of(item)) or self._append(item)
            if id_ is not None:
                places[sql.id_of(item)] = id_
        first = next((places[item.id] for item in items if item.id in places), None)
        if first is None:
            raise UserError(
                f"MPD does not know the {number_of(len(items), 'song')} of --start: run `mpc update`, "
                "or set musrec.radio.music_directory"
            )
        if look.state == "stop":
            self._player.play(first)
        return self._observe()

    def _travel(self, lib: Library, look: Look, query: str) -> None:
        """Append a journey from the queue's last song to that of `--to`."""
        listening, now = self._listening, self._clock()
        if look.random:
            self._log.warning("MPD plays in random order, in which a journey leads nowhere")
        queue = self._lookup.songs(entry.uri for entry in look.queue)
        ends = [queue[entry.uri].id for entry in look.queue if entry.uri in queue]
        if not ends:
            raise UserError("--to needs a song of beets in the queue to begin with: add one, or --start QUERY")
        wish = Wish([], (), self._lookup.ids(listening.unwanted(now - self._period)), self._absent)
        for item in self._chooser.journey(lib, ends[-1], query, wish):
            self._append_own(item)
        self._observe()
