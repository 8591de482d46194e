"""The file system of a path or a URL, as pyarrow sees it: local, S3, Google's, and whatever fsspec knows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import fsspec
import fsspec.core
import pyarrow as pa
from fsspec.registry import known_implementations
from pyarrow import fs

from ..._text import one_line
from ...errors import CatalogueError

HTTP, S3 = ("http", "https"), ("s3", "s3a")
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0  # after which a server that says nothing counts as gone
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://", re.ASCII)  # two letters or more: C:// is a drive
_SECRET = re.compile(r"(?<=://)[^/@\s?#]*@|\?[^\s'\"]*")  # a user with a password, a signed query
_WRAPPERS = {
    "data", "memory", "local", "reference", "generic", "dir", "cached", "blockcache", "filecache", "simplecache",
    "zip", "tar", "libarchive", "dask", "pyscript", "async_wrapper", "asyncwrapper", "asynclocal",
}  # fmt: skip
_S3_NAMES = {  # what Lance, fsspec and pyarrow call them -> pyarrow's
    "access_key_id": "access_key",
    "key": "access_key",
    "secret_access_key": "secret_key",
    "secret": "secret_key",
    "token": "session_token",
    "endpoint": "endpoint_override",
    "endpoint_url": "endpoint_override",
    "skip_signature": "anonymous",
    "anon": "anonymous",
    "virtual_hosted_style_request": "force_virtual_addressing",
    "default_region": "region",
}
_S3_OPTIONS = {"access_key", "secret_key", "session_token", "endpoint_override", "anonymous", "region", "scheme",
               "force_virtual_addressing", "tls_ca_file_path", "role_arn", "session_name", "external_id"}  # fmt: skip
_FLAGS = {"anonymous", "force_virtual_addressing"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def scheme_of(path: str) -> str | None:
    """``s3`` of ``s3://...``; None for a local path. In lower case."""
    match = _URL.match(path)
    return match[1].lower() if match else None


def shown(text: str) -> str:
    """A path, URL or message for people: in one line, without passwords and signed queries."""
    return one_line(_SECRET.sub(lambda match: "?..." if match[0].startswith("?") else "", text)
                    if "://" in text else text)  # fmt: skip


def local_path(path: str) -> str | None:
    """The local path of a path or a ``file://`` URL, ``os.fsdecode``d; None for what lies elsewhere."""
    scheme = scheme_of(path)
    if scheme is None:
        return path
    if scheme != "file":
        return None
    there = os.fsdecode(unquote_to_bytes(path[len("file://") :]))
    there = there.removeprefix("localhost") if there.startswith("localhost/") else there
    return there[1:] if os.name == "nt" and re.match(r"/[A-Za-z]:", there) else there


def place_of(path: str) -> str:
    """Where a path's file is kept: ``s3://bucket``, ``https://host``, or ``""`` for local ones. What fails as one."""
    scheme = scheme_of(path)
    if scheme in (None, "file"):
        return ""
    return f"{scheme}://{path.split('://', 1)[1].split('/', 1)[0].split('?', 1)[0].rpartition('@')[2]}"


def open_filesystem(
    url: str,
    options: Mapping[str, str] | None = None,
    *,
    connect_seconds: float = CONNECT_SECONDS,
    read_seconds: float = READ_SECONDS,
    attempts: int = 3,
) -> tuple[fs.FileSystem, str]:
    """The file system and the path in it; raises `CatalogueError` where it can't be reached at all.

    Parameters
    ----------
    options : mapping, optional
        For S3: ``endpoint_override``, ``access_key``, ``secret_key``, ``region`` ..., or Lance's names for them
        (``aws_endpoint`` ...); else what the file system's class in fsspec takes. Without it: the environment.
    connect_seconds, read_seconds, attempts : optional
        Time limits and tries of one request to S3.
    """
    scheme = scheme_of(url)
    local = local_path(url)
    if local is not None:
        return fs.LocalFileSystem(), local
    if scheme in S3:
        retries = fs.AwsStandardS3RetryStrategy(max_attempts=attempts)
        limits = {"connect_timeout": connect_seconds, "request_timeout": read_seconds, "retry_strategy": retries}
        bucket = url.split("://", 1)[1].split("/", 1)[0]
        files: fs.FileSystem = fs.S3FileSystem(**_s3_settings(bucket, options or {}), **limits)
    else:
        files = fs.PyFileSystem(fs.FSSpecHandler(fsspec_filesystem(url, options)))
    return files, path_in(files, url)


def path_in(files: fs.FileSystem, url: str) -> str:
    """A URL's path as its file system takes it; raises `CatalogueError` where it holds what it must not."""
    if isinstance(files, fs.PyFileSystem):
        return str(files.handler.fs._strip_protocol(url))
    path = url.split("://", 1)[1]
    if "@" in path.split("/", 1)[0]:
        raise CatalogueError("credentials are not read from URLs of S3: use its options, or AWS_ACCESS_KEY_ID")
    return path


def fsspec_filesystem(url: str, options: Mapping[str, str] | None = None) -> fsspec.AbstractFileSystem:
    """fsspec's; raises `CatalogueError` where it knows none of this name, or a package is missing."""
    scheme = str(scheme_of(url))
    if scheme not in known_implementations or scheme in _WRAPPERS or "::" in url:
        raise CatalogueError(f"{scheme}:// is no storage that can be read: s3, http, https, or what fsspec knows")
    try:
        return fsspec.core.url_to_fs(url, **(options or {}))[0]
    except ImportError:
        why = known_implementations[scheme].get("err") or "its package is missing"
        raise CatalogueError(f"{scheme}:// needs more than is installed here: {one_line(why)}") from None
    except (TypeError, ValueError, OSError) as error:
        raise CatalogueError(f"{scheme}:// can't be read: {shown(str(error))}") from error


def _s3_settings(bucket: str, options: Mapping[str, str]) -> dict[str, str | bool]:
    given = s3_options(options)
    if not given.keys() & {"endpoint_override", "region"} and not _region_is_set():
        try:
            given["region"] = fs.resolve_s3_region(bucket)
        except (OSError, pa.ArrowException) as error:
            raise CatalogueError(f"the bucket s3://{bucket} can't be reached: {shown(str(error))}") from error
    return given


def s3_options(options: Mapping[str, str]) -> dict[str, str | bool]:
    """Options as pyarrow names them, with the endpoint of the environment; raises `CatalogueError` for unknown ones."""
    given: dict[str, str | bool] = {}
    for name, value in options.items():
        bare = name.lower().removeprefix("aws_")
        bare = _S3_NAMES.get(bare, bare)
        if bare in _S3_OPTIONS:
            given[bare] = str(value).lower() in ("true", "1", "yes") if bare in _FLAGS else str(value)
        elif bare != "allow_http":  # Lance's; the endpoint says it
            raise CatalogueError(f"{name} is no option of S3: {', '.join(sorted(_S3_OPTIONS))}")
    endpoint = given.get("endpoint_override") or next(
        (os.environ[key] for key in _ENDPOINTS if os.environ.get(key)), None
    )
    if isinstance(endpoint, str) and endpoint:
        scheme, _, host = endpoint.rpartition("://")
        given["endpoint_override"] = host.rstrip("/")
        if scheme:
            given["scheme"] = scheme
    return given


def _region_is_set() -> bool:
    return any(
        os.environ.get(key) for key in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_PROFILE")
    ) or (os.path.exists(os.path.expanduser("~/.aws/config")))


def url_path(url: str) -> str:
    """A URL of HTTP without its query, others as they are: what a name's ending is read from."""
    return url.partition("#")[0].partition("?")[0] if scheme_of(url) in HTTP else url
