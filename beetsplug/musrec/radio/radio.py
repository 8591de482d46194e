"""`beet radio`: its settings, and what it works with."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from beets.ui import UserError

from ..similar import player_options
from ..similar.times import parse_period
from .address import find_address
from .choice import Chooser
from .listening import Listening, Memory
from .memory import MemoryFile, memory_path
from .paths import MusicPaths
from .player import LostConnectionError, Player
from .session import Session
from .song_lookup import LibraryGoneError, SongLookup
from .warn_once import WarnOnce

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from ..config import RadioSettings
    from ..similar.find import SimilarSearch


class Radio:
    """Keeps the queue of MPD going.

    Parameters
    ----------
    settings : RadioSettings
    find : SimilarSearch
    log : BeetsLogger
    """

    def __init__(self, settings: RadioSettings, find: SimilarSearch, log: BeetsLogger) -> None:
        self._settings, self._find, self._log = settings, find, log

    @cached_property
    def _period(self) -> float:
        text = self._settings.not_within
        try:
            return parse_period(text)
        except ValueError:
            raise UserError(
                f"musrec.radio.not_within has to be a time such as 12h, 30d, 4w, 6m (months) or 1y, and not {text}"
            ) from None

    def run(
        self,
        lib: Library,
        *,
        start: str | None = None,
        to: str | None = None,
        once: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Fill the queue, and unless ``once`` go on until the program is ended.

        Parameters
        ----------
        start, to : str, optional
            Queries: of the songs to begin with, of the song to make for.
        environment : mapping
            Where ``MPD_HOST`` and ``MPD_PORT`` are looked up.

        Raises
        ------
        UserError
            A setting is wrong, MPD can't be reached or refuses, or there is nothing to begin with.
        """
        options = player_options.read(self._settings.options, "musrec.radio.options", lib, self._find)
        period = self._period
        session: Session | None = None
        player = Player(find_address(self._settings.host, self._settings.port, environment))
        warn_once = WarnOnce()
        self._log.addFilter(warn_once)
        try:
            player.connect()
            session = self._session(lib, player, Chooser(self._find, options, period, self._log), warn_once)
            session.prepare(start, to, may_wait=not once)
            if not once:
                self._log.info("filling the queue of MPD at {}", player.address)
                session.follow()
        except LostConnectionError as error:
            raise UserError(f"MPD at {player.address} can't be reached: {error}") from None
        except LibraryGoneError as error:
            raise UserError(str(error)) from None
        finally:
            if session is not None:
                session.keep()
            player.close()
            self._log.removeFilter(warn_once)

    def _session(self, lib: Library, player: Player, chooser: Chooser, warn_once: WarnOnce) -> Session:
        paths = MusicPaths(self._music_directory(lib, player))
        memory_file = MemoryFile(memory_path(lib), str(player.address), self._period)
        listening = Listening(self._remembered(memory_file), self._settings.heard)
        return Session(
            player,
            SongLookup(lib, paths),
            paths,
            listening,
            memory_file,
            chooser,
            ahead=self._settings.ahead,
            period=self._period,
            log=self._log,
            warn_once=warn_once,
        )

    def _music_directory(self, lib: Library, player: Player) -> str:
        if self._settings.music_directory is not None:
            return os.fsdecode(self._settings.music_directory)
        told = player.music_directory()
        return told if told and os.path.isabs(told) else os.fsdecode(lib.directory)

    def _remembered(self, memory_file: MemoryFile) -> Memory:
        try:
            return memory_file.load(time.time())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._log.warning("{} can't be read ({}): what was heard before may come again", memory_file.path, reason)
            return Memory()
