"""Local copies of files that lie elsewhere: where they are kept, and what they may cost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._files import STALE_SECONDS
from .file_state import FileState
from .filesystems import CONNECT_SECONDS, READ_SECONDS

PREFIX = "musrec-fetch-"


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes
    ----------
    connect_seconds, read_seconds, total_seconds : float
        Until a server takes a connection, until it sends more, for a whole file.
    attempts : int
        Tries of what may pass.
    pause : float
        Seconds before the second try; twice that before the third.
    max_pause : float
        Seconds; of what a server asks to wait, too.
    max_bytes : int
        Of a file that is copied.
    spare_bytes : int
        What a copy leaves free on the disk.
    """

    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    total_seconds: float = 600.0
    attempts: int = 3
    pause: float = 0.5
    max_pause: float = 20.0
    max_bytes: int = 2 << 30
    spare_bytes: int = 256 << 20


@dataclass
class Copy:
    """A file that can be opened here, and its state; deleted by `release` where it is a copy.

    Attributes
    ----------
    path : str
        As the manifest has it.
    local : str
        Where it can be opened, ``os.fsdecode``d.
    """

    path: str
    local: str
    state: FileState
    temporary: bool = False

    def release(self) -> None:
        """It is not needed any more."""
        if self.temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.local)


class CopyFolder:
    """A folder of this process below ``parent``, made when it is needed; may be used from many threads.

    What killed processes left an hour ago is deleted then.
    """

    def __init__(self, parent: str | None, spare_bytes: int) -> None:
        self._parent, self._spare_bytes = Path(parent or tempfile.gettempdir()), spare_bytes
        self._lock = threading.Lock()
        self._folder: Path | None = None

    @contextlib.contextmanager
    def new_file(self, ending: str) -> Iterator[Any]:
        """A new file, open for writing, which stays unless the block raises; raises `OSError` where none fits."""
        folder = self._made()
        if shutil.disk_usage(folder).free < self._spare_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        number, name = tempfile.mkstemp(suffix=ending, dir=folder)
        os.close(number)
        try:
            with open(name, "wb") as file:
                yield file
        except BaseException:
            os.unlink(name)
            raise

    def remove(self) -> None:
        """Delete it with all copies."""
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _made(self) -> Path:
        with self._lock:
            if self._folder is None or not self._folder.is_dir():
                for old in self._parent.glob(f"{PREFIX}*"):
                    with contextlib.suppress(OSError):  # it may be another user's
                        if old.stat().st_mtime < time.time() - STALE_SECONDS:
                            shutil.rmtree(old)
                self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder
