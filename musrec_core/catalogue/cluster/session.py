"""A Ray session: a local one, or a connection to a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import ray.data

from ...errors import CatalogueError
from ...workers.pool import default_workers
from .errors import ray_sentence
from .watch import watched

ADDRESS_VARIABLE = "RAY_ADDRESS"  # Ray's own name for it; `ray job submit` sets it
PORT_TIMEOUT = 10.0  # seconds until a cluster's port has to answer
LOOK_SECONDS, VAIN_LOOKS = 4.0, 4  # how often the head node is looked for, and when it counts as lost
OBJECT_STORE = 2 << 30  # bytes that a local session takes of shared memory at most; it takes them as they are needed
LEAST_OBJECT_STORE = 100 << 20  # bytes; Ray refuses less than 75 MB
_log = logging.getLogger(__name__)
SHARED_MEMORY = Path("/dev/shm")
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing leaves the machine
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # what Ray's own processes print on the terminal; its log files have the rest
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray warns of unless it is set
}


@contextmanager
def ray_session(address: str | None = None, *, cpus: int | None = None) -> Iterator[None]:
    """Start Ray on this machine, or connect to a cluster; at the end, what was started here is stopped.

    A session that this process already has is used, and left as it is.

    Parameters
    ----------
    address : str, optional
        ``HOST:PORT`` of a cluster's head node, ``auto`` for the one that runs on this machine, or ``ray://HOST:PORT``.
        By default that in ``RAY_ADDRESS``; without it, a local session starts.
    cpus : int, optional
        What a local session counts as its CPUs; by default those that this process may use.

    Raises
    ------
    CatalogueError
        No cluster answers there, it runs another version of Ray or Python, or no session can be started.
    """
    _be_quiet()
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get(ADDRESS_VARIABLE) or "local"
    handler = signal.getsignal(signal.SIGTERM)  # Ray replaces it
    with _prints_logged(), contextlib.ExitStack() as at_end:
        at_end.callback(ray.shutdown)
        at_end.callback(_restore, handler)
        empty = at_end.enter_context(tempfile.TemporaryDirectory(prefix="musrec-ray-", ignore_cleanup_errors=True))
        with _silent_start(), _in_folder(empty):
            if address == "local":
                _start(max(1, cpus or default_workers()))
            else:
                _connect(address)
        _restore(handler)
        with contextlib.nullcontext() if address == "local" else _head_watched(address):
            yield


@contextmanager
def _in_folder(folder: str) -> Iterator[None]:
    """Be in an empty folder while Ray starts: its workers import from where it did, and no code of music may run.

    From a folder that can't be entered again nothing can be imported either: there it starts.
    """
    try:
        here = os.open(os.curdir, getattr(os, "O_PATH", os.O_RDONLY)) if os.chdir in os.supports_fd else os.getcwd()
        os.chdir(here)
    except OSError:
        yield
        return
    try:
        os.chdir(folder)
        yield
    finally:
        os.chdir(here)
        if isinstance(here, int):
            os.close(here)


@contextmanager
def _prints_logged() -> Iterator[None]:
    """Log what Ray prints on standard output, such as that an actor died: no setting does it.

    The function that prints is private to Ray; a version that has none of this name prints as it likes.
    """
    worker: Any = getattr(getattr(ray, "_private", None), "worker", None)
    printing = getattr(worker, "print_to_stdstream", None)
    if printing is None:
        yield
        return
    worker.print_to_stdstream = _log_lines
    try:
        yield
    finally:
        worker.print_to_stdstream = printing


def _log_lines(data: Mapping[str, Any], *_: object, **__: object) -> None:
    for line in data["lines"]:
        _log.info("%s", line)


def session_cpus() -> int:
    """The CPUs of all nodes of the session."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _start(cpus: int) -> None:
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            num_gpus=0,
            include_dashboard=False,
            object_store_memory=_object_store(),
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (RuntimeError, OSError, ValueError, SystemExit) as error:
        raise CatalogueError(f"Ray can't be started: {ray_sentence(error)}") from error


def _object_store() -> int:
    """Bytes for Ray's shared memory; raises `CatalogueError` where there are too few."""
    if not SHARED_MEMORY.is_dir():  # macOS, Windows: Ray maps files of the temporary folder
        return OBJECT_STORE // 4
    free = shutil.disk_usage(SHARED_MEMORY).free
    if free < LEAST_OBJECT_STORE * 1.2:
        raise CatalogueError(
            f"Ray needs {LEAST_OBJECT_STORE >> 20} MB of shared memory, and {SHARED_MEMORY} has {free >> 20} MB: "
            "give the container more (docker run --shm-size=1g)"
        )
    return int(min(OBJECT_STORE, free * 0.5 if free > 2 * LEAST_OBJECT_STORE else LEAST_OBJECT_STORE))


def _connect(address: str) -> None:
    _require_port(address)
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (RuntimeError, OSError, ValueError, ImportError, SystemExit) as error:  # SystemExit: Ray's way to say no
        if isinstance(error, SystemExit):
            raise CatalogueError(f"no Ray cluster answers at {address}") from None
        raise CatalogueError(f"the Ray cluster at {address} can't be used: {ray_sentence(error)}") from error


def _require_port(address: str) -> None:
    """Raise `CatalogueError` unless something listens: Ray itself would try for two minutes, and end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal() or "/" in host:
        raise CatalogueError(f"{address} is no address of a Ray cluster: HOST:PORT, ray://HOST:PORT or auto is")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PORT_TIMEOUT).close()
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CatalogueError(f"no Ray cluster answers at {address}: {why}") from None


def _be_quiet() -> None:
    """Let Ray print nothing on the user's terminal: what fails is told by us."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.CRITICAL)


@contextmanager
def _head_watched(address: str) -> Iterator[None]:
    """Say that a cluster's head node is lost: Ray itself ends the process a minute later, without a word."""
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    vain = 0

    def look() -> str | None:
        nonlocal vain
        vain = 0 if _listens(host, int(port)) else vain + 1
        if vain < VAIN_LOOKS:
            return None
        return f"the head node of the Ray cluster at {address} is lost: what is done is kept, and the next run goes on"

    with watched(look, LOOK_SECONDS):
        yield


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host.strip("[]"), port), LOOK_SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def _silent_start() -> Iterator[None]:
    """Keep what Ray's native code prints as it starts, such as its log level, from standard error."""
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.filterwarnings("ignore", message="lance is not fork-safe")  # Ray's processes use no Lance
        try:
            kept = os.dup(2)
        except OSError:  # it is closed
            kept = None
        if kept is not None:
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, 2)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 2)
            os.close(nothing)
        yield


def _restore(handler: signal.Handlers | object) -> None:
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)  # type: ignore[arg-type]  # what getsignal gave
