"""Follows a library's changes: what was read of it last answers while a thread reads it anew."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import quote

from beets.dbcore.db import DBAccessError
from beets.ui import UserError
from beets.util import displayable_path

from ..library.music_dir import in_music_dir
from .errors import ServeError

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

StateT = TypeVar("StateT")

POLL = 0.5  # seconds between two looks at the library
LOCKED = 0.2  # seconds that a look waits for one who writes
REST = 2  # times as long as a reading took, there is none: an import writes on and on
TABLES = {"items", "item_attributes", "albums"}
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


class Follower(Generic[StateT]):
    """Keeps what was read of a library, and reads it anew when it changed.

    Before `start` each call of `current` looks for changes itself. After it a thread does, and `current` returns at
    once what was read last: a change shows after some `POLL` seconds and the time of a reading.

    Parameters
    ----------
    lib : Library
    read : callable
        Reads the library.
    log : BeetsLogger
    """

    def __init__(self, lib: Library, read: Callable[[Library], StateT], log: BeetsLogger) -> None:
        self._lib, self._read, self._log = lib, read, log
        self._path = os.fsdecode(lib.path)
        self._state: StateT | None = None
        self._trouble: tuple[int, str] | None = None  # why there is none: an error would keep cursors, and their lock
        self._reading = threading.Lock()  # one looks at a time
        self._watch: _Watch | None = None
        self._seen: tuple[_Watch, int] | None = None  # what was read last
        self._file: tuple[int, int] | None = None
        self._own = threading.local()
        self._thread: threading.Thread | None = None
        self._woken, self._ended = threading.Condition(), False
        self._wanted = self._done = 0  # looks that were asked for, and the last of them that was made

    # For those that answer.

    def current(self) -> StateT:
        """What was read last; raises `ServeError` where the library can't be read."""
        if self._thread is None:
            self._look()
        state, trouble = self._state, self._trouble
        if trouble is not None:
            raise ServeError(*trouble)
        assert state is not None
        return state

    @contextmanager
    def library(self) -> Iterator[Library]:
        """The library itself, for this thread to read; raises `ServeError` where it can't be.

        A thread's connection to a file that was replaced by another is closed: it would read the old one for ever.
        """
        file = _identity(self._path)
        if getattr(self._own, "file", file) != file:
            self._disconnect()
        self._own.file = file
        with _told(), in_music_dir(self._lib):
            yield self._lib

    # Following.

    def start(self) -> None:
        """Read the library, and follow it from now on in a thread; one that can't be read is waited for."""
        self._look()
        self._thread = threading.Thread(target=self._follow, name="library", daemon=True)
        self._thread.start()

    def refresh(self) -> None:
        """Wait until what changed before this call was read."""
        if self._thread is None:
            self._look()
            return
        with self._woken:
            self._wanted += 1
            wanted = self._wanted
            self._woken.notify_all()
            self._woken.wait_for(lambda: self._done >= wanted or self._ended)

    def close(self) -> None:
        """End the thread."""
        with self._woken:
            self._ended = True
            self._woken.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._watch is not None:
            self._watch.close()

    def _follow(self) -> None:
        while not self._ended:
            began, wanted = time.monotonic(), self._wanted
            try:
                self._look()
            except Exception:  # of the plugin: the last state answers on, and the log has the traceback
                self._log.exception("the library could not be read")
            with self._woken:
                self._done = wanted
                self._woken.notify_all()
                rest = max(POLL, REST * (time.monotonic() - began))
                self._woken.wait_for(lambda: self._ended or self._wanted > self._done, rest)

    def _look(self) -> None:
        """Read the library if it changed; what can't be read is the trouble until it can."""
        with self._reading:
            try:
                self._read_changes()
            except ServeError as error:
                trouble = (error.status, error.sentence)
                if self._trouble != trouble:
                    self._log.warning("{} ({})", error.sentence, displayable_path(self._path))
                self._trouble = trouble

    def _read_changes(self) -> None:
        file = _identity(self._path)
        if file != self._file and self._watch is not None:
            self._watch.close()
            self._watch = None
        self._file = file
        try:
            with _told():
                if self._watch is None:
                    self._watch = _Watch(self._path)
                version = self._watch.version()
                if self._trouble is None and self._seen == (self._watch, version):
                    return
                self._watch.require_library()
            with self.library() as lib:
                self._state = self._read(lib)
        except UserError as error:  # the model can't be used
            raise ServeError(503, str(error)) from None
        except _LockedError as locked:
            if self._state is None or self._trouble is not None:
                raise
            self._log.debug("{}", locked.sentence)  # nothing new can be read before it is free
            return
        self._seen, self._trouble = (self._watch, version), None

    def _disconnect(self) -> None:
        with self._lib._shared_map_lock:
            connection = self._lib._connections.pop(threading.get_ident(), None)
        if connection is not None:
            connection.close()


class _Watch:
    """A connection of its own, which tells whether anyone else wrote: it reads only, and makes no file."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", LOCKED, uri=True, check_same_thread=False)

    def version(self) -> int:
        """Another number after every write of another connection."""
        with closing(self._connection.execute("PRAGMA data_version")) as cursor:
            return int(cursor.fetchone()[0])

    def require_library(self) -> None:
        with closing(self._connection.execute(_TABLES)) as cursor:
            found = {row[0] for row in cursor.fetchall()}
        if not found >= TABLES:
            raise ServeError(503, "the library's file is not one of beets")

    def close(self) -> None:
        self._connection.close()


class _LockedError(ServeError):
    """The library is locked by another program."""


def _identity(path: str) -> tuple[int, int]:
    """Of a file; raises `ServeError` where there is none."""
    try:
        now = os.stat(path)
    except OSError as error:
        raise ServeError(503, f"the library can't be read: {error.strerror}") from None
    return now.st_dev, now.st_ino


@contextmanager
def _told() -> Iterator[None]:
    """What SQLite says of a file as one sentence."""
    try:
        yield
    except (sqlite3.DatabaseError, DBAccessError) as error:
        if isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error)):
            raise _LockedError(503, "the library is locked by another program") from None
        raise ServeError(503, f"the library can't be read: {error}") from None


@contextmanager
def reading(lib: Library) -> Iterator[Library]:
    """A library for one look; raises `ServeError` where it can't be read, or has no file: SQLite would make one."""
    _identity(os.fsdecode(lib.path))
    with _told(), in_music_dir(lib):
        yield lib
