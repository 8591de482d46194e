"""The program of a worker process: paths come in through one pipe, outcomes go out through another.

A message is a pickle after its length. The worker says ``ready`` once and then, of each path, ``begin`` and ``done``
(or ``raised``); a worker that can't start says ``failed``.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ..errors import UnusableAudio

if TYPE_CHECKING:
    from ..encoder import Encoder, TrackEmbedding

Job = Callable[[str], Any]
MAX_FILE_MEMORY = 1 << 30  # bytes; a song takes some 60 MB
LENGTH_BYTES = 8  # of a message's length
STATUS = Path("/proc/self/status")

_encoder: Encoder | None = None  # one a worker process


class Setup(NamedTuple):
    """The first message to a worker."""

    job: bytes  # pickled
    model: str | None  # the weights to load
    folder: str | None  # what relative paths start from


def send(stream: BinaryIO, message: object) -> None:
    """Write a message; raises `OSError` where the other side has gone, and writes nothing that can't be pickled."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Read a message, still pickled; raises `EOFError` where the other side has gone, even in the middle of it."""
    header = stream.read(LENGTH_BYTES)
    size = int.from_bytes(header, "little")
    data = stream.read(size) if len(header) == LENGTH_BYTES else b""
    if len(header) < LENGTH_BYTES or len(data) < size:
        raise EOFError
    return data


def main() -> None:
    """Serve until the parent closes the pipe or dies; never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's affair
    commands, results = _take_pipes()
    with contextlib.suppress(OSError):  # nobody reads any more
        _serve(commands, results)
    os._exit(1)  # at once: the listening thread holds a pipe, which an orderly end would wait for


def _serve(commands: BinaryIO, results: BinaryIO) -> None:
    waiting: SimpleQueue[bytes] = SimpleQueue()
    try:
        setup: Setup = pickle.loads(receive(commands))
        threading.Thread(target=_listen, args=(commands, waiting), daemon=True).start()
        job = _prepare(setup)
    except Exception as error:
        send(results, ("failed", _portable(error)))
        return
    send(results, ("ready", None))
    while True:
        path = os.fsdecode(waiting.get())
        send(results, ("begin", None))
        _answer(results, job, path)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent; standard output is redirected to standard error, because libraries print to it."""
    try:
        os.fstat(2)
    except OSError:  # it is closed, and the next file to be opened would get its number
        os.open(os.devnull, os.O_WRONLY)
    commands, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return commands, results


def _listen(commands: BinaryIO, waiting: SimpleQueue[bytes]) -> None:
    """Take paths while the job runs, so that the end of the parent is noticed even in the middle of a file."""
    try:
        while True:
            waiting.put(pickle.loads(receive(commands)))
    finally:
        os._exit(0)


def _prepare(setup: Setup) -> Job:
    if setup.model is not None:
        load_encoder(setup.model)
        _limit_memory()
    job: Job = pickle.loads(setup.job)
    if setup.folder is not None:
        with contextlib.suppress(OSError):  # nobody needs it who gives absolute paths
            os.chdir(setup.folder)
    return job


def _answer(results: BinaryIO, job: Job, path: str) -> None:
    try:
        outcome = job(path)
    except Exception as error:
        send(results, ("raised", (_portable(error), traceback.format_exc())))
        return
    try:
        send(results, ("done", outcome))
    except OSError:
        raise
    except Exception as error:  # it can't be pickled
        send(results, ("raised", (_portable(error), traceback.format_exc())))


def _portable(error: Exception) -> Exception:
    """The error, or where it can't travel between processes, one that says the same."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def load_encoder(model: str) -> None:
    """Load what `embed_in_worker` uses; raises `ModelError`."""
    import av  # noqa: F401 - now: no file is to blame where it can't be loaded

    from ..encoder import Encoder

    global _encoder
    _encoder = Encoder.load(model, threads=1)


def _limit_memory() -> None:
    """Let no file take more than a gigabyte: it is unreadable then, and the machine does not swap."""
    if sys.platform != "linux":  # elsewhere nobody enforces it
        return
    import resource

    used = _data_bytes()
    if used is None:
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = used + MAX_FILE_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _data_bytes() -> int | None:
    """What this process has allocated; None where the system does not say, as without ``/proc``."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmData:")), None)


def embed_in_worker(
    path: str, start: float | None = None, excerpts: int | None = None
) -> TrackEmbedding | UnusableAudio:
    """The usual job; a partial of it has the options of `Encoder.embed_file`."""
    assert _encoder is not None, "the worker loads it as it starts"
    try:
        return _encoder.embed_file(path, start=start, excerpts=excerpts)
    except UnusableAudio as error:
        return error
    except Exception as error:  # a bug that this file found: it costs this file, not those after it
        return UnusableAudio(path, "crashed", _where(error))


def _where(error: Exception) -> str:
    """What went wrong and in which line of ours, for a bug report."""
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__} in {os.path.basename(innermost.filename)}, line {innermost.lineno}: {text}"
