"""A manifest: which tracks there are, where their files lie, and what else is known of them."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyarrow import fs

from ...errors import CatalogueError
from ..schema import ID, PATH
from ..storage.errors import StorageError
from ..storage.file_state import ENDINGS
from ..storage.filesystems import HTTP, local_path, open_filesystem, place_of, scheme_of, shown, url_path
from ..storage.local_copies import Limits
from ..storage.storage import Storage
from .music_folder import LocalMusic, RemoteMusic
from .tables import COMPRESSED, CsvRows, ParquetRows, Rows, batch_schema
from .track_table import ETAG, TrackTable

PARQUET, CSV = (".parquet", ".pq"), (".csv", ".tsv")
MAX_BYTES = 64 << 30  # of a manifest that is copied
_TABLES = (*PARQUET, *CSV, *(kind + packed for kind in CSV for packed in COMPRESSED))
_LISTED = ".parquet, .csv or .tsv"


class Tracks(Protocol):
    """What a manifest holds, whatever its form."""

    count: int | None
    remarks: tuple[str, ...]
    further: pa.Schema
    unread: list[str]

    def batches(self, rows: int) -> Iterator[pa.Table]:
        """All tracks."""


class Manifest:
    """Tracks to embed. Made by `open`.

    Attributes
    ----------
    source : str
        For people: without passwords.
    further : pa.Schema
        The further columns, as a dataset keeps them.
    count : int or None
        Rows; None for a folder of music, which is listed while it is read.
    remarks : tuple of str
        What a user should know of it, in a sentence each: columns that are text because of one value.
    unread : list of str
        Folders that could not be read, in a sentence each: known when `batches` has ended.
    """

    def __init__(self, source: str, tracks: Tracks, holder: Storage | None = None) -> None:
        self._holder = holder  # of the copy that is read: it is deleted with this
        self.source, self.further, self._tracks = source, tracks.further, tracks
        self.count, self.remarks, self.unread = tracks.count, tracks.remarks, tracks.unread

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str],
        *,
        id_column: str = ID,
        path_column: str = PATH,
        types: Mapping[str, pa.DataType] | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Open a manifest and check all its rows, but for a folder of music.

        Parameters
        ----------
        source : str
            A ``.parquet``, ``.csv`` or ``.tsv`` file (CSV also packed: ``.csv.gz``), a folder or a glob of Parquet
            files, or a folder of music; a path or a URL. A folder that has Parquet files in it is one of those.
        id_column, path_column : str, optional
            Text, or whole numbers; unique, and none empty. A relative path is relative to the manifest's folder.
        types : mapping of str to pa.DataType, optional
            Of further columns, such as those of a dataset that is there.
        storage_options : mapping, optional
            As `open_filesystem` takes them.

        Raises
        ------
        CatalogueError
            It can't be read, lacks a column, has an empty id or path, or an id twice.

        Notes
        -----
        A column ``etag``, or ``size`` (bytes) together with ``modified`` (a time, in UTC where it names no zone), say
        whether a file changed: it is not asked for. They are no further columns then.
        """
        named = os.fspath(source)
        files, path, holder = _opened(named, storage_options)
        rows: Rows
        if parts := _parquet_parts(files, path, named):
            rows, first = ParquetRows(files, parts, shown(named)), parts[0]
        elif _kind(files, path, named) == fs.FileType.Directory:
            return cls(shown(named), _music(files, path, named))
        elif path.lower().endswith(_TABLES):
            text = dict.fromkeys((id_column, path_column, ETAG), pa.string())
            rows, first = CsvRows(files, path, shown(named), {**(types or {}), **text}), path
        else:
            raise CatalogueError(f"{shown(named)} is no manifest: no {_LISTED} file, and no folder")
        table = TrackTable(shown(named), rows, id_column, path_column, _base(named, first), types or {})
        table.check()
        return cls(table.source, table, holder)

    @property
    def schema(self) -> pa.Schema:
        """Of the batches: ``id``, ``path``, ``heard`` (null where nothing is known), and the further columns."""
        return batch_schema(self.further)

    def batches(self, rows: int = 4096) -> Iterator[pa.Table]:
        """All tracks, ``rows`` at a time at most; raises `CatalogueError` where there is none."""
        empty = True
        for table in self._tracks.batches(rows):
            empty = False
            yield table
        if empty:
            looked_for = "" if isinstance(self._tracks, TrackTable) else f": none ends in {', '.join(sorted(ENDINGS))}"
            raise CatalogueError(f"{self.source} holds no track{looked_for}")


def _opened(source: str, options: Mapping[str, str] | None) -> tuple[fs.FileSystem, str, Storage | None]:
    """Where a manifest is read: over HTTP, a copy, and what holds it."""
    if scheme_of(source) not in HTTP:
        return *open_filesystem(source, options), None
    if not url_path(source).lower().endswith(_TABLES):
        raise CatalogueError(f"{shown(source)} is no {_LISTED} file, and HTTP can't list a folder")
    holder = Storage(options, Limits(max_bytes=MAX_BYTES))
    try:
        return fs.LocalFileSystem(), holder.fetch_as(source, _TABLES).local, holder
    except StorageError as error:
        raise CatalogueError(f"{shown(source)} can't be read: {error.detail}") from error


def _music(files: fs.FileSystem, path: str, source: str) -> LocalMusic | RemoteMusic:
    local = local_path(source)
    return LocalMusic(local) if local is not None else RemoteMusic(files, path, _prefix(source, path))


def _prefix(source: str, path: str) -> str:
    """What comes before a path in a file system to make it a URL: ``s3://``, ``sftp://host``."""
    bare, inside = source.rstrip("/"), path.rstrip("/")
    return bare[: len(bare) - len(inside)] if inside and bare.endswith(inside) else f"{scheme_of(source)}://"


def _base(source: str, first: str) -> str:
    """The folder of a manifest's (first) file, which relative paths are relative to."""
    folder = os.path.dirname(first)
    if local_path(source) is not None:
        return os.path.abspath(folder)
    if scheme_of(source) in HTTP:
        return source.partition("?")[0].rpartition("/")[0]
    return f"{scheme_of(source)}://{folder}" if not folder.startswith("/") else f"{place_of(source)}{folder}"


def _parquet_parts(files: fs.FileSystem, path: str, source: str) -> list[str]:
    """The Parquet files that are meant, sorted; empty where the source is another."""
    kind = _kind(files, path, source)
    if kind == fs.FileType.File:
        return [path] if path.lower().endswith(PARQUET) else []
    if kind == fs.FileType.Directory:
        return _visible_parquet(files, path, "*", source)
    if not glob.has_magic(path):
        raise CatalogueError(f"there is no {shown(source)}")
    if isinstance(files, fs.LocalFileSystem):
        found = sorted(Path(file).as_posix() for file in glob.glob(path, recursive=True))
        parts = [file for file in found if file.lower().endswith(PARQUET)]
    else:
        folder, _, pattern = path.rpartition("/")
        parts = _visible_parquet(files, folder, pattern, source) if not glob.has_magic(folder) else []
    if not parts:
        raise CatalogueError(f"no Parquet file is meant by {shown(source)}")
    return parts


def _visible_parquet(files: fs.FileSystem, folder: str, pattern: str, source: str) -> list[str]:
    try:
        if isinstance(files, fs.LocalFileSystem):  # whose names pyarrow takes for UTF-8
            found = {name: os.path.join(folder, name) for name in os.listdir(folder)}
        else:
            infos = files.get_file_info(fs.FileSelector(folder))
            found = {info.base_name: info.path for info in infos if info.type == fs.FileType.File}
    except OSError as error:
        raise CatalogueError(f"{shown(source)} can't be listed: {shown(error.strerror or str(error))}") from error
    return [
        path
        for name, path in sorted(found.items())
        if name.lower().endswith(PARQUET) and name[0] not in "._" and fnmatch.fnmatchcase(name, pattern)
    ]


def _kind(files: fs.FileSystem, path: str, source: str) -> fs.FileType:
    if isinstance(files, fs.LocalFileSystem) and os.path.isdir(path):
        return fs.FileType.Directory
    try:
        return files.get_file_info(path).type
    except (OSError, ValueError, pa.ArrowException) as error:
        raise CatalogueError(f"{shown(source)} can't be read: {shown(str(error))}") from error
