"""The audio files below a folder, local or on object storage, in an order that two runs agree on."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_from_bytes

import pyarrow as pa
from pyarrow import fs

from ...errors import CatalogueError
from ..storage.file_state import ENDINGS, FileState, heard_text, local_state
from ..storage.filesystems import shown
from .tables import batch_schema

Above = frozenset[tuple[int, int]]  # the folders that one lies in


@dataclass(frozen=True)
class Found:
    """One audio file.

    Attributes
    ----------
    id : str
        The path relative to the folder, with ``/``.
    path : str
        The whole path or URL. Of a name that is no UTF-8: a ``file://`` URL, and the id is percent-encoded, too.
    state : FileState
        As the listing gives it; empty where the file can't be looked at.
    """

    id: str
    path: str
    state: FileState


class _Music:
    """What a folder of music says of itself as a manifest."""

    count: int | None = None
    remarks: tuple[str, ...] = ()
    further = pa.schema([])


def _batches(files: Iterator[Found], rows: int) -> Iterator[pa.Table]:
    """Files as batches of a manifest."""
    while some := list(itertools.islice(files, rows)):
        columns = [
            [found.id for found in some],
            [found.path for found in some],
            [heard_text(found.state) or None for found in some],
        ]
        yield pa.table([pa.array(column, pa.string()) for column in columns], schema=batch_schema(_Music.further))


@dataclass
class LocalMusic(_Music):
    """A local folder. Links are followed, but none that leads back; hidden files and folders are left out.

    Attributes
    ----------
    unread : list of str
        Folders that could not be read, in a sentence each; filled while listing.
    """

    root: str
    unread: list[str] = field(default_factory=list)

    def files(self) -> Iterator[Found]:
        """All files, a folder's before those below it; raises `CatalogueError` where the first can't be read."""
        root = os.fsencode(os.path.abspath(self.root))
        try:
            os.scandir(root).close()
        except OSError as error:
            raise CatalogueError(f"{shown(self.root)} can't be read: {error.strerror}") from error
        self.unread.clear()
        waiting: list[tuple[bytes, Above]] = [(b"", frozenset())]
        while waiting:
            inside, above = waiting.pop()
            here, names = self._listed(os.path.join(root, inside))
            if here in above:
                continue  # a link to a folder that it lies in
            for name, is_folder in names:
                if not is_folder and os.path.splitext(name)[1].lower().decode("ascii", "replace") in ENDINGS:
                    found = _local_file(root, os.path.join(inside, name))
                    if found is not None:
                        yield found
            folders = [os.path.join(inside, name) for name, is_folder in names if is_folder]
            waiting += [(folder, above | {here}) for folder in reversed(folders)]

    def batches(self, rows: int) -> Iterator[pa.Table]:
        """The same as batches of a manifest."""
        return _batches(self.files(), rows)

    def _listed(self, folder: bytes) -> tuple[tuple[int, int], list[tuple[bytes, bool]]]:
        """What tells a folder from all others, and the sorted names in it, each with whether it is a folder."""
        try:
            now = os.stat(folder)
            with os.scandir(folder) as entries:
                names = sorted((entry.name, _is_folder(entry)) for entry in entries if entry.name[:1] != b".")
        except OSError as error:
            self.unread.append(f"{shown(os.fsdecode(folder))} can't be read: {error.strerror}")
            return (-1, -1), []
        return (now.st_dev, now.st_ino), names


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _local_file(root: bytes, relative: bytes) -> Found | None:
    """A regular file, or a link that leads nowhere, which will be told; None for a pipe or a device."""
    whole = os.path.join(root, relative)
    try:
        now = os.stat(whole)
    except OSError:
        state = FileState()
    else:
        if not stat.S_ISREG(now.st_mode):
            return None
        state = local_state(now)
    id_ = relative.replace(os.fsencode(os.sep), b"/")
    return Found(_decoded(id_) or quote_from_bytes(id_), _decoded(whole) or f"file://{quote_from_bytes(whole)}", state)


def _decoded(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None


@dataclass
class RemoteMusic(_Music):
    """A folder on object storage, or what pyarrow sees as one."""

    system: fs.FileSystem
    root: str
    prefix: str  # of its URLs: ``s3://``
    unread: list[str] = field(default_factory=list)

    def files(self) -> Iterator[Found]:
        """All files, a folder's before those below it; raises `CatalogueError` where one can't be listed."""
        root = self.root.rstrip("/")
        waiting = [root]
        while waiting:
            folders = []
            for info in self._listed(waiting.pop()):
                if info.base_name.startswith("."):
                    continue
                if info.type == fs.FileType.Directory:
                    folders.append(info.path)
                elif os.path.splitext(info.base_name)[1].lower() in ENDINGS:
                    yield Found(info.path[len(root) + 1 :], self.prefix + info.path, FileState(info.size, info.mtime))
            waiting += reversed(folders)

    def batches(self, rows: int) -> Iterator[pa.Table]:
        """The same as batches of a manifest."""
        return _batches(self.files(), rows)

    def _listed(self, folder: str) -> list[fs.FileInfo]:
        try:
            infos = self.system.get_file_info(fs.FileSelector(folder))
        except OSError as error:
            raise CatalogueError(f"{shown(self.prefix + folder)} can't be listed: {shown(str(error))}") from error
        return sorted(infos, key=lambda each: each.path)
