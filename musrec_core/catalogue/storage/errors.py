"""What goes wrong with one file of a storage, sorted into what may pass and what will not."""

from __future__ import annotations

import asyncio
import errno
import re
from typing import Literal

import aiohttp
import pyarrow as pa

from .filesystems import shown

Status = Literal["missing", "storage", "unreadable"]
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.EINVAL}
_REFUSED = re.compile(r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN|EXPIRED_TOKEN|"
                      r"MISSING_AUTHENTICATION|UNRECOGNIZED_CLIENT|HTTP status 40[13]", re.IGNORECASE)  # fmt: skip
_NO_BUCKET = re.compile(r"NO_SUCH_BUCKET|bucket does not exist", re.IGNORECASE)
_NOISE = re.compile(r"\s*\((?:Request ID|resolved host|Host ID)[^)]*\)|^When .*? in bucket '[^']*': |"
                    r"AWS Error NETWORK_CONNECTION.*(?:Details: |curlCode: \d+, )", re.IGNORECASE)  # fmt: skip
_AGAIN = {408, 425, 429, 500, 502, 503, 504, 507, 509}  # of HTTP: another try may do
_GONE = {404, 410}
_CREDENTIALS = {401, 407, 511}  # other answers may be of one file
TOO_SLOW, CUT_SHORT = "no answer in time", "the connection ended in the middle of the file"
NO_NUL = "a path can't hold the character NUL"
MAX_DETAIL = 300  # characters


class StorageError(Exception):
    """A file can't be had.

    Attributes
    ----------
    path : str
        As the manifest has it.
    status : str
        ``missing``, ``storage`` (it may be there another time) or ``unreadable`` (too large, or no file).
    detail : str
        For people: one line, without passwords.
    transient : bool
        Whether another try at once may do.
    wait : float
        Seconds that the server asks to wait before it.
    of_place : bool
        Whether other files of the bucket or host are likely to fail as this one.
    """

    def __init__(
        self,
        path: str,
        status: Status,
        detail: str,
        transient: bool = False,
        wait: float = 0.0,
        of_place: bool = True,
    ) -> None:
        detail = shown(detail)[:MAX_DETAIL]
        super().__init__(path, status, detail, transient, wait, of_place)  # all arguments: so that it survives pickling
        self.path, self.detail, self.transient, self.wait = path, detail, transient, wait
        self.of_place = of_place and status == "storage"
        self.status: Status = status

    def __str__(self) -> str:
        return f"{self.status} ({self.detail})"


def of_http_status(path: str, status: int, reason: str | None, retry_after: str | None = None) -> StorageError:
    """The error of an answer of HTTP that is none of success."""
    detail = f"HTTP {status} {reason or ''}".rstrip()
    if status in _GONE:
        return StorageError(path, "missing", detail)
    wait = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    return StorageError(path, "storage", detail, status in _AGAIN, wait, of_place=status in _CREDENTIALS)


def of_http_error(path: str, error: Exception) -> StorageError:
    """The error of what aiohttp raises."""
    if isinstance(error, aiohttp.TooManyRedirects):
        return StorageError(path, "storage", "it redirects in a circle")
    if isinstance(error, (aiohttp.NonHttpUrlRedirectClientError, aiohttp.InvalidUrlRedirectClientError)):
        return StorageError(path, "storage", "it redirects to what is no address of HTTP")
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)) or type(error) in (
        ValueError,
        UnicodeError,
    ):
        return StorageError(path, "missing", "it is no URL")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return StorageError(path, "storage", f"the host {error.host} is not known", True)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return StorageError(path, "storage", f"the certificate of {error.host} is not valid")
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return StorageError(path, "storage", TOO_SLOW, True)
    if isinstance(error, aiohttp.ClientPayloadError):
        return StorageError(path, "storage", CUT_SHORT, True)
    return StorageError(path, "storage", str(error) or type(error).__name__, True)


def of_error(path: str, error: Exception) -> StorageError:
    """The error of what the operating system, pyarrow or fsspec raises."""
    if isinstance(error, StorageError):
        return error
    text = _NOISE.sub("", str(error)).strip() or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return StorageError(path, "missing", "there is no such file")
    if isinstance(error, OSError) and error.errno in _ABSENT:
        return StorageError(path, "missing", error.strerror or text)
    if isinstance(error, ValueError) and "null" in text:  # of a path with NUL
        return StorageError(path, "missing", NO_NUL)
    if isinstance(error, pa.ArrowInvalid):  # such as a key with // in it
        return StorageError(path, "unreadable", text)
    if text.startswith("Not a regular file"):
        return StorageError(path, "missing", "it is a folder")
    if isinstance(error, PermissionError):
        return StorageError(path, "storage", error.strerror or text)
    if _NO_BUCKET.search(text):
        return StorageError(path, "storage", "the bucket does not exist")
    if _REFUSED.search(text):
        return StorageError(path, "storage", f"access denied, by wrong or missing credentials ({text})")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return StorageError(path, "storage", "no space left for a copy")
    return StorageError(path, "storage", text, transient=True)
