"""A folder for results, local or by URL: files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from pyarrow import fs

from ..._files import atomic_write
from ...errors import CatalogueError
from ..dataset import error_text
from ..storage.filesystems import local_path, open_filesystem, shown

_OBJECT_STORES = ("s3", "gcs", "abfs")


@dataclass(frozen=True)
class OutFolder:
    """A folder, which need not exist; may be pickled.

    Attributes
    ----------
    place : str
        Its path, absolute where it is local, or URL.
    options : mapping
        Of its storage.
    """

    place: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, place: str, options: Mapping[str, str] | None = None) -> OutFolder:
        """That of a path or URL; the options are for URLs."""
        local = local_path(place)
        if local is not None:
            return cls(os.path.abspath(local))
        return cls(place.rstrip("/"), dict(options or {}))

    def __str__(self) -> str:
        return shown(self.place)

    @property
    def is_file(self) -> bool:
        """Whether something else is in its place."""
        return self._kind() == fs.FileType.File

    def make(self) -> None:
        """Make it, where the storage has folders."""
        with self._told("written"):
            files, path = self._opened()
            if files.type_name not in _OBJECT_STORES:
                files.create_dir(path, recursive=True)

    def names(self) -> set[str]:
        """The files in it, hidden ones left out."""
        with self._told("read"):
            files, path = self._opened()
            found = files.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return {info.base_name for info in found if info.base_name and not info.base_name.startswith(".")}

    def read(self, name: str) -> bytes:
        """A file's content."""
        with self._told("read"):
            files, path = self._opened()
            with files.open_input_stream(f"{path}/{name}") as file:
                content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        with self._told("written"):
            files, path = self._opened()
            if isinstance(files, fs.LocalFileSystem):
                with atomic_write(f"{path}/{name}") as file:
                    file.write(content)
            elif files.type_name in _OBJECT_STORES:  # an object is there once it is complete
                _write(files, f"{path}/{name}", content)
            else:
                temporary = f"{path}/.{secrets.token_hex(6)}.part"
                _write(files, temporary, content)
                files.move(temporary, f"{path}/{name}")

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._told("written"):
            files, path = self._opened()
            files.delete_file(f"{path}/{name}")

    def check(self, name: str) -> None:
        """Raise `CatalogueError` where a file can't be written, as far as that is to be seen without writing it."""
        if self.is_file:
            raise CatalogueError(f"{self} is a file, and no folder")
        if OutFolder(f"{self.place}/{name}", self.options)._kind() == fs.FileType.Directory:
            raise CatalogueError(f"{self}/{name} is a folder: name a file")
        self.make()
        local = local_path(self.place)
        if local is not None and not os.access(local, os.W_OK):
            raise CatalogueError(f"{self} can't be written")

    def _kind(self) -> fs.FileType:
        with self._told("read"):
            files, path = self._opened()
            return files.get_file_info(path).type

    def _opened(self) -> tuple[fs.FileSystem, str]:
        files, path = open_filesystem(self.place, self.options)
        return files, path.rstrip("/")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
            raise CatalogueError(f"{self} can't be {what}: {shown(error_text(error))}") from error


def _write(files: fs.FileSystem, path: str, content: bytes) -> None:
    with files.open_output_stream(path) as stream:
        stream.write(content)
