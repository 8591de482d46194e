"""Many files at once: worker processes, a time limit a file, and crashes that cost one file (pebble)."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .card import Card
from .errors import UnusableAudio, WorkersError

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from pebble import ProcessPool

    from .encoder import Encoder, TrackEmbedding

PathT = TypeVar("PathT", bound="str | bytes | os.PathLike[Any]")
Job = Callable[[str], Any]
AHEAD = 3  # files handed out per worker: enough that none waits, few enough that an endless list is fine
TRIES = 2  # of a file whose worker died: it may have been killed for another reason, such as want of memory
STARTS = 10  # of a worker that ends before it takes a file
ONE_FILE_MEMORY = 1 << 30  # bytes; a song takes some 60 MB

_encoder: Encoder | None = None  # one a worker process


def default_workers() -> int:
    """One worker a core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerPool:
    """Processes that embed files.

    They start with the first file, not before; each loads the model once and uses one core.

    Parameters
    ----------
    card : Card, optional
        The model to load; None where the job needs none.
    workers : int, optional
        By default one a core.
    timeout : float
        Seconds that one file may take, the worker's start not counted.
    job : callable, optional
        What a worker does with a path instead of embedding it: a module's function, or a partial of one.
    """

    def __init__(
        self, card: Card | None, *, workers: int | None = None, timeout: float = 60.0, job: Job | None = None
    ) -> None:
        model = os.fspath(card.folder / card.weights) if card else None
        self.workers = max(1, workers or default_workers())
        self._slots = [_Slot(model, job or embed_in_worker, timeout) for _ in range(self.workers)]

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers at once; files in hand are dropped."""
        for slot in self._slots:
            slot.close()

    def map(self, paths: Iterable[PathT]) -> Iterator[tuple[PathT, Any]]:
        """Embed files, yielding each with its outcome (`TrackEmbedding` or `UnusableAudio`) as it finishes.

        Raises
        ------
        WorkersError
            The workers end as soon as they start.
        """
        waiting = iter(paths)
        try:
            while True:
                self._hand_out(waiting)
                futures = {future: slot for slot in self._slots for future in slot.running}
                if not futures:
                    return
                for future in wait(futures, return_when=FIRST_COMPLETED).done:
                    slot = futures[future]
                    if future in slot.running:  # not handed out anew meanwhile
                        yield from slot.settle(future)
        finally:
            for slot in self._slots:
                slot.drop()

    def _hand_out(self, waiting: Iterator[Any]) -> None:
        while True:
            idlest = min(self._slots, key=lambda slot: len(slot.running))
            if len(idlest.running) >= AHEAD or (path := next(waiting, None)) is None:
                return
            idlest.submit(_File(path))


class _File(Generic[PathT]):
    """A file on its way: how often a worker died of it, and in which pool it is."""

    def __init__(self, path: PathT) -> None:
        self.path = path
        self.deaths = 0
        self.pool: ProcessPool | None = None


class _Slot:
    """One worker in a pool of its own.

    Workers of one pool share locks, and one that is killed with a lock in its hand would stop them all.
    """

    def __init__(self, model: str | None, job: Job, timeout: float) -> None:
        self.running: dict[Future[Any], _File[Any]] = {}
        self._model, self._job, self._timeout = model, job, timeout
        self._pool: ProcessPool | None = None
        self._idle_deaths = 0

    def submit(self, file: _File[Any]) -> None:
        """Queue a file."""
        if self._pool is None or not self._pool.active:
            self._pool = self._new_pool()
        file.pool = self._pool
        future = self._pool.schedule(self._job, args=(os.fsdecode(file.path),), timeout=self._timeout)
        self.running[future] = file

    def settle(self, future: Future[Any]) -> Iterator[tuple[Any, Any]]:
        """Take what came of a file; nothing where it is tried anew."""
        from concurrent.futures.process import BrokenProcessPool

        from pebble import ProcessExpired

        error = future.exception()
        broken = isinstance(error, BrokenProcessPool)
        if broken and self.running[future].pool is self._pool:
            self._blame_the_first(error)
        file = self.running.pop(future)
        if isinstance(error, ProcessExpired):
            self._renew()
            file.deaths += 1
        elif not broken:
            self._idle_deaths = 0
        if (broken and file.deaths < STARTS // 2) or (isinstance(error, ProcessExpired) and file.deaths < TRIES):
            self.submit(file)
        else:
            yield file.path, outcome(file.path, future)

    def _blame_the_first(self, error: BaseException | None) -> None:
        """The worker died with no file in its hand, as far as is known; it may have just taken the first in line."""
        self._idle_deaths += 1
        if self._idle_deaths >= STARTS:
            raise WorkersError("the worker processes end as soon as they start") from error
        next(file for file in self.running.values() if file.pool is self._pool).deaths += 1
        self._renew()

    def _new_pool(self) -> ProcessPool:
        from pebble import ProcessPool

        return ProcessPool(1, initializer=_start_worker, initargs=(self._model,), context=_context())

    def _renew(self) -> None:
        """Leave a pool whose worker died, and hand its other files to a new one."""
        old, self._pool = self._pool, None
        left = [future for future, file in self.running.items() if file.pool is old and not future.done()]
        for future in left:
            file = self.running.pop(future)
            future.cancel()
            self.submit(file)
        if old is not None:  # in the background: the dead worker may have left half a message to wait for
            threading.Thread(target=_end, args=(old,), daemon=True).start()

    def drop(self) -> None:
        """Forget the files in hand."""
        for future in self.running:
            future.cancel()
        self.running.clear()

    def close(self) -> None:
        self.drop()
        if self._pool is not None:
            _end(self._pool)
            self._pool = None


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


def outcome(path: str | bytes | os.PathLike[Any], future: Future[Any]) -> Any:
    """What the job gave for a file (its embedding), or an `UnusableAudio` that says why not."""
    from concurrent.futures.process import BrokenProcessPool

    from pebble import ProcessExpired

    name = os.fsdecode(path)
    try:
        return future.result()
    except (FutureTimeout, TimeoutError):
        return UnusableAudio(name, "timeout")
    except ProcessExpired as error:
        return UnusableAudio(name, "crashed", f"the worker ended with status {error.exitcode}")
    except BrokenProcessPool:
        return UnusableAudio(name, "crashed", "the worker ended as soon as it took the file")


def _context() -> BaseContext:
    """Never a plain fork: beets imports in threads, and a fork copies their locks as they happen to be."""
    if sys.platform == "linux":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["musrec_core.encoder", "av", "onnxruntime", "soxr"])
        return context
    return multiprocessing.get_context("spawn")


def _start_worker(model: str | None) -> None:
    import numpy  # noqa: F401 - only loaded libraries can be limited, and a spawned worker has none yet
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if model is None:
        return
    from .encoder import Encoder

    global _encoder
    _encoder = Encoder.load(model, threads=1)
    _limit_memory()


def _limit_memory() -> None:
    """Let no file take more than a gigabyte: it is unreadable then, and the machine does not swap."""
    if sys.platform != "linux":  # elsewhere nobody enforces it
        return
    import resource

    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) * 1_024 for line in status.splitlines() if line.startswith("VmData:"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = used + ONE_FILE_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def embed_in_worker(path: str, start: float | None = None) -> TrackEmbedding | UnusableAudio:
    """The usual job; a partial of it with ``start`` [s] embeds from a moment on."""
    assert _encoder is not None, "the pool's initializer loads it"
    try:
        return _encoder.embed_file(path) if start is None else _encoder.embed_file(path, start=start)
    except UnusableAudio as error:
        return error
    except Exception as error:  # a bug that this file found: it costs this file, not those after it
        return UnusableAudio(path, "crashed", _where(error))


def _where(error: Exception) -> str:
    """What went wrong and in which line of ours, for a bug report."""
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__} in {os.path.basename(innermost.filename)}, line {innermost.lineno}: {text}"
