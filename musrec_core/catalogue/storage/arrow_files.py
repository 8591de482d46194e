"""Files on a file system of pyarrow: their state, and copies of them."""

from __future__ import annotations

import errno
import os
import time
from datetime import datetime
from typing import BinaryIO

from pyarrow import fs

from .errors import CUT_SHORT, TOO_SLOW, StorageError
from .file_state import FileState, clean_etag
from .filesystems import path_in
from .http_files import CHUNK, require_size


class ArrowFiles:
    """Reads files of one bucket; may be used from many threads."""

    def __init__(self, files: fs.FileSystem, total_seconds: float) -> None:
        self._files, self._total_seconds = files, total_seconds

    def state(self, path: str) -> FileState:
        """Size and time; raises what pyarrow raises."""
        info = self._files.get_file_info(path_in(self._files, path))
        if info.type == fs.FileType.NotFound:
            raise FileNotFoundError(path)
        if info.type == fs.FileType.Directory:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return FileState(info.size, info.mtime)

    def has(self, place: str) -> bool:
        """Whether there is this bucket."""
        return bool(self._files.get_file_info(path_in(self._files, place)).type != fs.FileType.NotFound)

    def copy(self, path: str, target: BinaryIO, max_bytes: int) -> FileState:
        """Write a file's content to another; raises `StorageError`, and what pyarrow raises."""
        until = time.monotonic() + self._total_seconds
        with self._files.open_input_stream(path_in(self._files, path)) as source:
            said = {_text(key): _text(value) for key, value in (source.metadata() or {}).items()}
            size = said.get("Content-Length", "")
            require_size(path, int(size or 0), max_bytes)
            written = 0
            while chunk := source.read(CHUNK):
                written += len(chunk)
                require_size(path, written, max_bytes)
                if time.monotonic() > until:
                    raise StorageError(path, "storage", TOO_SLOW)
                target.write(chunk)
        if size and written != int(size):
            raise StorageError(path, "storage", CUT_SHORT, transient=True)
        return FileState(int(size), _time(said), clean_etag(said.get("ETag"))) if size else self.state(path)


def _text(said: str | bytes) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _time(said: dict[str, str]) -> datetime | None:
    """A time as pyarrow gives it."""
    try:
        return datetime.fromisoformat(said["Last-Modified"].replace("Z", "+00:00"))
    except (KeyError, ValueError):
        return None
