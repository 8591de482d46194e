"""Files by HTTP: their state, and copies of them. One event loop of fsspec's serves all threads of a process."""

from __future__ import annotations

import asyncio
import re
import threading
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

import aiohttp
import yarl
from fsspec.asyn import get_loop, sync
from fsspec.implementations.http import HTTPFileSystem

from .errors import StorageError, of_http_error, of_http_status
from .file_state import FileState, clean_etag

REDIRECTS = 10
CHUNK = 1 << 20
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+", re.ASCII)
_FAILURES = (aiohttp.ClientError, asyncio.TimeoutError, ValueError, OSError)


class HttpFiles:
    """Reads files by HTTP and HTTPS; may be used from many threads.

    Parameters
    ----------
    connect_seconds, read_seconds, total_seconds : float
        After which a server is given up: until it takes the connection, until it sends more, for the whole file.
    """

    def __init__(self, connect_seconds: float, read_seconds: float, total_seconds: float) -> None:
        timeout = aiohttp.ClientTimeout(
            total=total_seconds, connect=None, sock_connect=connect_seconds, sock_read=read_seconds
        )
        self._client = {"timeout": timeout, "trust_env": True}
        self._lock = threading.Lock()
        self._system: HTTPFileSystem | None = None
        self._session: aiohttp.ClientSession | None = None

    def state(self, path: str) -> FileState:
        """Size, time and tag as the server tells them; raises `StorageError`."""
        state: FileState = sync(get_loop(), self._state, self._open(), path)
        return state

    def copy(self, path: str, target: BinaryIO, max_bytes: int) -> FileState:
        """Write a file's content to another; raises `StorageError`."""
        state: FileState = sync(get_loop(), self._copy, self._open(), path, target, max_bytes)
        return state

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            session, self._session, self._system = self._session, None, None
        if session is not None:
            HTTPFileSystem.close_session(get_loop(), session)  # waits for nothing: it may be the end of the process

    def _open(self) -> aiohttp.ClientSession:
        """The session, which fsspec closes at the end of the process if nobody else does."""
        with self._lock:
            if self._session is None:
                self._system = HTTPFileSystem(client_kwargs=self._client, skip_instance_cache=True)
                self._session = sync(get_loop(), self._system.set_session)
            return self._session

    async def _state(self, session: aiohttp.ClientSession, url: str) -> FileState:
        try:
            async with _request(session, "HEAD", url) as answer:
                if answer.ok:
                    return _state_of(answer)
            async with _request(session, "GET", url) as answer:  # signed URLs and some servers refuse HEAD
                _require_ok(url, answer)
                return _state_of(answer)
        except _FAILURES as error:
            raise of_http_error(url, error) from error

    async def _copy(self, session: aiohttp.ClientSession, url: str, target: BinaryIO, max_bytes: int) -> FileState:
        written = 0
        try:
            async with _request(session, "GET", url) as answer:
                _require_ok(url, answer)
                state = _state_of(answer)
                require_size(url, state.size or 0, max_bytes)
                async for chunk in answer.content.iter_chunked(CHUNK):
                    written += len(chunk)
                    require_size(url, written, max_bytes)
                    target.write(chunk)
        except (aiohttp.ClientError, asyncio.TimeoutError, ValueError) as error:
            raise of_http_error(url, error) from error
        return state


def _request(session: aiohttp.ClientSession, method: str, url: str) -> Any:
    exact = _ENCODED.fullmatch(url) is not None  # as it stands: a signature is of these very characters
    return session.request(
        method,
        yarl.URL(url, encoded=exact),
        max_redirects=REDIRECTS,
        allow_redirects=True,
        headers={"Accept-Encoding": "identity"},
    )


def _require_ok(url: str, answer: aiohttp.ClientResponse) -> None:
    if not answer.ok:
        raise of_http_status(url, answer.status, answer.reason, answer.headers.get("Retry-After"))


def require_size(url: str, size: int, max_bytes: int) -> None:
    """Raise `StorageError` where a file is too large."""
    if size > max_bytes:
        raise StorageError(url, "unreadable", f"it is larger than {max_bytes / 2**20:.0f} MiB")


def _state_of(answer: aiohttp.ClientResponse) -> FileState:
    try:
        modified = parsedate_to_datetime(answer.headers["Last-Modified"])
        modified = modified if modified.tzinfo else modified.replace(tzinfo=timezone.utc)
    except (KeyError, ValueError, TypeError):
        modified = None
    return FileState(answer.content_length, modified, clean_etag(answer.headers.get("ETag")))
