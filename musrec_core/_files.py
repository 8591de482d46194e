"""Atomic writes: whoever opens a file sees the old content or the new, never a part."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

STALE_SECONDS = 3600.0  # after which a temporary file belongs to nobody: its writer was killed
REPLACE_PAUSES = (0.05, 0.2, 0.5)  # seconds between tries to replace a file that a program has open (Windows, SMB)
_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
_NOT_OFFERED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES}


@contextlib.contextmanager
def atomic_write(path: str | bytes | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that replaces ``path`` when the block ends without an exception.

    Missing folders are made; an old file's permissions are kept where the file system has any; of a symbolic link, what
    it leads to is written. A device is written to directly. Where the file itself may be written but not replaced (a
    folder that is read-only, a file mounted by itself, one that another program holds open), it is written over once
    the new content is complete.

    Raises
    ------
    OSError
        It can't be written.
    """
    target = _destination(path)
    if target.exists() and not target.is_file():
        with open(target, "wb") as device:  # a folder raises here
            yield device
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name[:32]}."
    _sweep(target.parent, prefix)
    temporary: Path | None = None
    try:
        temporary = _new_file(target.parent, prefix)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE or not os.access(target, os.W_OK):
            raise
    if temporary is None:
        with tempfile.TemporaryFile() as complete:
            yield complete
            _write_over(target, complete)
        return
    try:
        with open(temporary, "r+b") as file:
            yield file
            _sync(file)
        if target.exists():
            with contextlib.suppress(OSError):  # not every file system has permissions
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        _replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _destination(path: str | bytes | os.PathLike[str]) -> Path:
    """The real path, links followed; raises `OSError` where they lead in a circle."""
    target = Path(os.path.realpath(os.fsdecode(path)))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fsdecode(path))
    return target


def _new_file(folder: Path, prefix: str) -> Path:
    """A new empty file, with the permissions that a plain ``open`` gives (``tempfile`` would keep it to its owner)."""
    while True:
        path = folder / f"{prefix}{secrets.token_hex(6)}.part"
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            return path


def _sync(file: BinaryIO) -> None:
    """Wait until a file is on the disk, where its file system offers that."""
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise


def _replace(temporary: Path, target: Path) -> None:
    """Replace a file, or where it can't be replaced its content; raises `OSError`."""
    for pause in REPLACE_PAUSES:
        try:
            os.replace(temporary, target)
        except PermissionError:  # a program that has it open may be done in a moment
            time.sleep(pause)
        except OSError as error:
            if error.errno not in {errno.EBUSY, errno.EXDEV, *_NOT_OFFERED}:  # EBUSY: mounted by itself, in containers
                raise
            break
        else:
            return
    with open(temporary, "rb") as complete:
        _write_over(target, complete)
    os.unlink(temporary)


def _write_over(target: Path, complete: BinaryIO) -> None:
    """Write a file's new content over the old one, in place."""
    complete.seek(0)
    with open(target, "r+b" if target.exists() else "xb") as file:
        shutil.copyfileobj(complete, file)
        file.truncate()
        _sync(file)


def _sweep(folder: Path, prefix: str) -> None:
    """Delete the temporary files that killed writers of this file left."""
    with contextlib.suppress(OSError):  # a folder that may be written may still not be listed
        for entry in os.scandir(folder):
            if entry.name.startswith(prefix) and entry.name.endswith(".part"):
                with contextlib.suppress(OSError):  # another process sweeps too
                    if entry.stat().st_mtime < time.time() - STALE_SECONDS:
                        os.unlink(entry)
