"""One process writes a dataset: its lock, and its commits now and then."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ..errors import CatalogueError
from .dataset import READERS, Catalogue, checked_uri
from .schema import ID
from .storage.filesystems import local_path

COMMIT_SECONDS = 10.0  # what a kill loses at most, besides what the actors have in hand
COMPACT_EVERY = 64  # commits
REFRESHED = 50_000  # rows
OWN_FOLDERS = {"_versions", "_transactions", "_indices", "_deletions", "data"}  # what Lance makes in a dataset
LOCK_TRIES = 5  # of a file that its last holder deletes meanwhile


class Writer:
    """Collects rows and writes them to a dataset every `COMMIT_SECONDS`: an id of one run once.

    Parameters
    ----------
    seconds : float
        Between two commits.
    """

    def __init__(self, catalogue: Catalogue, *, seconds: float = COMMIT_SECONDS) -> None:
        self._catalogue, self._seconds = catalogue, seconds
        self._waiting: list[pa.Table] = []
        self._refreshed: list[pa.Table] = []
        self._last, self._commits = time.monotonic(), 0

    def add(self, rows: pa.Table) -> None:
        """Take rows, and write all that wait if it is time; raises `CatalogueError`."""
        if len(rows):
            self._waiting.append(rows)
        if time.monotonic() - self._last >= self._seconds:
            self.commit()

    def refresh(self, rows: pa.Table) -> None:
        """Take the further columns of tracks whose embedding stands; they are written `REFRESHED` at a time."""
        if len(rows):
            self._refreshed.append(rows)
        if sum(map(len, self._refreshed)) >= REFRESHED:
            self._update()

    def _update(self) -> None:
        if self._refreshed:
            self._catalogue.update(pa.concat_tables(self._refreshed))
            self._refreshed = []
            self._committed()

    def commit(self) -> None:
        """Write what waits, in one transaction; raises `CatalogueError`."""
        self._update()
        waiting = self._waiting
        if waiting:
            self._catalogue.merge(pa.concat_tables(waiting))
            self._waiting = []
            self._committed()
        self._last = time.monotonic()

    def finish(self) -> None:
        """Write the rest, and join what many commits left in small files."""
        self.commit()
        if self._commits:
            self._tidy()

    def _committed(self) -> None:
        self._commits += 1
        if self._commits >= COMPACT_EVERY:
            self._tidy()

    def _tidy(self) -> None:
        self._commits = 0
        self._catalogue.index_ids()
        self._catalogue.compact(keep=READERS)


@contextlib.contextmanager
def writing(uri: str) -> Iterator[None]:
    """Keep a local dataset's lock; raises `CatalogueError` where another process has it.

    On object storage nothing is locked: what two drivers write there at once is right, as each id is merged in one
    transaction, but they embed the same tracks.
    """
    path = local_path(checked_uri(uri))
    if path is None:
        yield
        return
    whole = Path(path).absolute()
    _require_own_folder(whole, uri)
    lock = whole.with_name(f".{whole.name}.lock")
    file = _locked(lock, uri)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows deletes no open file: it stays, empty
            lock.unlink()
        os.close(file)


def _require_own_folder(path: Path, uri: str) -> None:
    """Raise `CatalogueError` where there is a file, or a folder of something else, in a dataset's place."""
    try:
        names = set(os.listdir(path))
    except OSError as error:
        if path.is_file():
            raise CatalogueError(f"{uri} is a file, and no dataset") from None
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return
        raise CatalogueError(f"{uri} can't be read: {error.strerror}") from None
    if names and not names & OWN_FOLDERS:
        raise CatalogueError(f"{uri} is a folder of something else, and no dataset: name another")


def _locked(lock: Path, uri: str) -> int:
    """The handle of a file that this process has locked."""
    for _ in range(LOCK_TRIES):
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise CatalogueError(f"{uri} can't be written: {error.strerror}: {lock.parent}") from None
        if not _try_lock(file):
            os.close(file)
            raise CatalogueError(f"another process is writing {uri}: wait until it is done")
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(lock), os.fstat(file)):  # else its last holder has just deleted it
                return file
        os.close(file)
    raise CatalogueError(f"{uri} can't be locked: {lock} comes and goes")


def _try_lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if sys.platform != "win32" and not isinstance(error, (BlockingIOError, PermissionError)):
            return True  # a file system without locks
        return False
    return True


def take_once(rows: pa.Table, ids: set[str]) -> pa.Table:
    """The rows whose id is in ``ids``, each once; takes them out of ``ids``."""
    keep = []
    for id_ in rows[ID].to_pylist():
        keep.append(id_ in ids)
        ids.discard(id_)
    return rows if all(keep) else rows.filter(pa.array(keep, pa.bool_()))
