"""Writing files so that whoever opens one sees the old or the new, never a half."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LEFT_BEHIND = 3600.0  # seconds after which a part belongs to nobody: its writer was killed


@contextlib.contextmanager
def atomic_write(path: str | bytes | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``path`` when the block ends well.

    Missing folders are made; an old file's permissions are kept. Raises `OSError` where the folder can't be written.
    """
    target = Path(os.fsdecode(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name[:32]}."
    _sweep(target.parent, prefix)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _sweep(folder: Path, prefix: str) -> None:
    """Take away what killed writers left of this file."""
    for entry in os.scandir(folder):
        if entry.name.startswith(prefix) and entry.name.endswith(".part"):
            with contextlib.suppress(OSError):  # another process sweeps too
                if entry.stat().st_mtime < time.time() - LEFT_BEHIND:
                    os.unlink(entry)


def _mode(target: Path) -> int:
    """The old file's permissions, or those that a plain ``open`` would give."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
