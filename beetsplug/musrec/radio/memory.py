"""The file beside the library that keeps what was heard, so that the radio repeats nothing after a restart."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

from musrec_core._files import atomic_write

from .listening import Heard, Memory, Song

if TYPE_CHECKING:
    from beets.library import Library

VERSION = 1
MOST_HEARD = 10_000  # songs
ALWAYS_KEPT = 50  # of them, however long ago
TOMORROW = 24 * 3600.0  # seconds: a clock may be ahead, but not by more


class MemoryFile:
    """What the radio of one player remembers, in a file that the radios of a library's players share.

    Parameters
    ----------
    path : str
    player : str
        Its address.
    period : float
        For how long a song is not repeated [s].
    """

    def __init__(self, path: str, player: str, period: float) -> None:
        self.path = path
        self._player, self._period = player, period
        self._saved: dict[str, Any] | None = None  # by this radio

    def load(self, now: float) -> Memory:
        """What is kept; nothing without a file. ``now`` is in seconds since 1970.

        Raises
        ------
        OSError
            It can't be read.
        ValueError
            It is damaged.
        """
        stored = self._players().get(self._player)
        if stored is None:
            return Memory()
        try:
            heard = [Heard(_song(row), _time(row[2]), bool(row[3])) for row in stored["heard"]]
            removed = {_song(row): _time(row[2]) for row in stored["removed"]}
            appended = [_song(row) for row in stored["appended"]]
        except (KeyError, TypeError, IndexError):
            raise ValueError("a part of it is missing") from None
        return Memory(
            sorted((each for each in heard if each.at <= now + TOMORROW), key=lambda each: each.at),
            {song: at for song, at in removed.items() if now - self._period <= at <= now + TOMORROW},
            appended,
        )

    def save(self, memory: Memory, now: float) -> None:
        """Write it, without what is too long ago to matter; raises `OSError`."""
        lately = sum(each.at >= now - self._period for each in memory.heard)
        memory.heard[:] = memory.heard[-max(min(lately, MOST_HEARD), ALWAYS_KEPT) :]
        content: dict[str, Any] = {
            "heard": [[each.song.key, each.song.id, each.at, each.skipped] for each in memory.heard],
            "removed": [[song.key, song.id, at] for song, at in memory.removed.items()],
            "appended": [[song.key, song.id] for song in memory.appended],
        }
        if content == self._saved:
            return
        try:
            players = self._players()
        except ValueError:  # a damaged file is replaced
            players = {}
        players[self._player] = content
        with atomic_write(self.path) as file:
            file.write(json.dumps({"version": VERSION, "players": players}, separators=(",", ":")).encode())
        self._saved = content

    def _players(self) -> dict[str, Any]:
        try:
            with open(self.path, encoding="utf-8") as file:
                stored = json.load(file)
        except FileNotFoundError:
            return {}
        except (RecursionError, ValueError):
            raise ValueError("it is damaged") from None
        if not isinstance(stored, dict) or stored.get("version") != VERSION:
            raise ValueError("it is of another version")
        if not isinstance(stored.get("players"), dict):
            raise ValueError("a part of it is missing")
        return stored["players"]


def memory_path(lib: Library) -> str:
    """The file beside a library."""
    return f"{os.fsdecode(lib.path)}.musrec-radio"


def _song(row: Any) -> Song:
    key, id_ = row[0], row[1]
    if not isinstance(key, str) or not isinstance(id_, int):
        raise TypeError
    return Song(key, id_)


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)
