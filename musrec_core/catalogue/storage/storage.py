"""The files of a manifest, wherever they lie: their state, and local copies for the time that they are needed."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, Protocol, TypeVar

import pyarrow as pa

from ...errors import CatalogueError
from .arrow_files import ArrowFiles
from .errors import NO_NUL, StorageError, of_error
from .file_state import ENDINGS, FileState, local_state
from .filesystems import HTTP, S3, local_path, open_filesystem, place_of, scheme_of, url_path
from .http_files import HttpFiles
from .local_copies import Copy, CopyFolder, Limits

T = TypeVar("T")
FAILING = 5  # failures in a row, after which a place's files are tried once each
TRIED = 3  # files of a place, before it counts as unreachable
PLACES = 8  # that are checked
LOCAL_STATES = 256  # files that one thread looks at: a thread costs more than asking a disk, and less than a server


class Files(Protocol):
    """What reads the files of one kind of storage."""

    def state(self, path: str) -> FileState:
        """The state of a file."""

    def copy(self, path: str, target: BinaryIO, max_bytes: int) -> FileState:
        """Write a file's content to another."""


class Storage:
    """Files by path or URL; may be pickled, and used from many threads.

    Parameters
    ----------
    options : mapping, optional
        As `open_filesystem` takes them.
    folder : str, optional
        Where copies lie; the system's folder of temporary files without it.
    """

    def __init__(
        self, options: Mapping[str, str] | None = None, limits: Limits | None = None, folder: str | None = None
    ) -> None:
        self._options, self._limits, self._parent = dict(options or {}), limits or Limits(), folder
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._opened: dict[str, ArrowFiles] = {}
        self._failures: Counter[str] = Counter()  # in a row, of each place
        limits = self._limits
        self._folder = CopyFolder(self._parent, limits.spare_bytes)
        self._http = HttpFiles(limits.connect_seconds, limits.read_seconds, limits.total_seconds)

    def __getstate__(self) -> dict[str, Any]:
        return {"_options": self._options, "_limits": self._limits, "_parent": self._parent}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def __enter__(self) -> Storage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and delete all copies."""
        self._http.close()
        self._folder.remove()

    # One file.

    def state(self, path: str) -> FileState:
        """Its size, time and tag, as far as the storage tells; raises `StorageError`."""
        local = local_path(path)
        if local is not None:
            return _local_state(path, local)
        return self._tried(path, lambda: self._files_of(path).state(path))

    def fetch(self, path: str) -> Copy:
        """The file, or a copy of what lies elsewhere, to be released; raises `StorageError`."""
        return self.fetch_as(path, ENDINGS)

    def fetch_as(self, path: str, endings: Collection[str]) -> Copy:
        """The same of another kind than music: a copy's name keeps one of these endings, in lower case."""
        local = local_path(path)
        if local is not None:
            return Copy(path, local, _local_state(path, local))
        return self._tried(path, lambda: self._copy(path, endings))

    # Many files.

    def fetch_ahead(self, paths: Iterable[str], *, threads: int = 8) -> Iterator[Copy | StorageError]:
        """The files of some paths, in their order; each is to be released.

        While one is worked on, ``threads`` others are fetched: so many copies lie on the disk at most, besides those
        that were not released. What was fetched and not taken is released at the end.
        """
        with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
            waiting: deque[Future[Copy | StorageError]] = deque()
            left = iter(paths)
            try:
                for path in left:
                    waiting.append(pool.submit(self._outcome, path))
                    if len(waiting) > threads:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    if not future.cancel() and isinstance(outcome := future.result(), Copy):
                        outcome.release()

    def states(self, paths: Sequence[str], *, threads: int = 32) -> list[FileState | StorageError]:
        """The states of some paths, in their order."""

        def outcome(path: str) -> FileState | StorageError:
            try:
                return self.state(path)
            except StorageError as error:
                return error

        size = LOCAL_STATES if all(local_path(path) is not None for path in paths) else 1
        with ThreadPoolExecutor(threads, thread_name_prefix="state") as pool:
            parts = pool.map(lambda at: [outcome(path) for path in paths[at : at + size]], range(0, len(paths), size))
            return [state for part in parts for state in part]

    def check(self, paths: Iterable[str]) -> None:
        """Raise `CatalogueError` where nothing of a place can be had: wrong credentials, an unknown bucket or host.

        A few files of each of the first buckets or hosts are asked for; a host that fails counts only if all do.
        """
        places: dict[str, list[str]] = {}
        for path in paths:
            place = place_of(path)
            if place and (place in places or len(places) < PLACES) and len(places.setdefault(place, [])) < TRIED:
                places[place].append(path)
        failed = {place: why for place, some in places.items() if (why := self._why_none(place, some))}
        for place, why in failed.items():
            if scheme_of(place) not in HTTP or len(failed) == len(places):
                raise CatalogueError(f"{place} can't be read: {why}")

    def _why_none(self, place: str, paths: Sequence[str]) -> str:
        """Why none of these files can be had; empty where one can, or fails for reasons of its own."""
        why = ""
        for path in paths:
            try:
                self.state(path)
            except StorageError as error:
                if not error.of_place:
                    return "" if error.status != "missing" or self._has_bucket(place) else "the bucket does not exist"
                why = error.detail
                self._failures[place] = max(FAILING, self._failures[place])  # the others are tried once each
            else:
                return ""
        return why

    def _has_bucket(self, place: str) -> bool:
        """Whether there is the bucket of a missing file; True where that is not to be known."""
        if scheme_of(place) not in S3:
            return True
        files = self._files_of(place)
        try:
            return isinstance(files, ArrowFiles) and files.has(place)
        except OSError:  # whoever may read files may still not be allowed to ask this
            return True

    # How.

    def _outcome(self, path: str) -> Copy | StorageError:
        try:
            return self.fetch(path)
        except StorageError as error:
            return error

    def _tried(self, path: str, action: Callable[[], T]) -> T:
        """An action's result, tried again where that may do; raises `StorageError`."""
        if "\0" in path:  # what comes after it would be cut off
            raise StorageError(path, "missing", NO_NUL)
        place = place_of(path)
        attempts = 1 if self._failures[place] >= FAILING else self._limits.attempts
        for attempt in range(1, attempts + 1):
            try:
                result = action()
            except CatalogueError as error:  # the place can't be reached, or a package is missing
                failure = StorageError(path, "storage", str(error))
            except (OSError, ValueError, StorageError, pa.ArrowException) as error:
                failure = of_error(path, error)
            else:
                self._failures[place] = 0
                return result
            if failure.status != "storage":
                self._failures[place] = 0
                raise failure
            if not failure.transient or attempt == attempts:
                self._failures[place] += 1
                raise failure
            time.sleep(min(max(failure.wait, self._limits.pause * 2 ** (attempt - 1)), self._limits.max_pause))
        raise AssertionError("no attempt was made")

    def _files_of(self, path: str) -> Files:
        """What reads a path's files; raises `CatalogueError` where the place as a whole can't be reached."""
        if scheme_of(path) in HTTP:
            return self._http
        place = place_of(path)
        with self._lock:
            if place not in self._opened:
                limits = self._limits
                files, _ = open_filesystem(
                    path,
                    self._options,
                    connect_seconds=limits.connect_seconds,
                    read_seconds=limits.read_seconds,
                    attempts=1,  # we try again
                )
                self._opened[place] = ArrowFiles(files, limits.total_seconds)
            return self._opened[place]

    def _copy(self, path: str, endings: Collection[str]) -> Copy:
        files = self._files_of(path)
        ending = max((each for each in endings if url_path(path).lower().endswith(each)), key=len, default="")
        with self._folder.new_file(ending) as target:
            state = files.copy(path, target, self._limits.max_bytes)
        return Copy(path, str(target.name), state, temporary=True)


def _local_state(path: str, local: str) -> FileState:
    try:
        now = os.stat(local)
    except (OSError, ValueError) as error:
        raise of_error(path, error) from error
    if stat.S_ISDIR(now.st_mode):
        raise StorageError(path, "missing", "it is a folder")
    if not stat.S_ISREG(now.st_mode):  # a pipe would be waited for, a device has no end
        raise StorageError(path, "unreadable", "it is no regular file")
    return local_state(now)
