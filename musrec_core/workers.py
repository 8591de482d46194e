"""Many files at once: worker processes, a time limit a file, and crashes that cost one file (pebble)."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .card import Card
from .errors import UnusableAudio

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

    from .encoder import Encoder, TrackEmbedding

PathT = TypeVar("PathT", bound="str | bytes | os.PathLike[Any]")
Job = Callable[[str], Any]
AHEAD = 4  # files handed out per worker: enough that none waits, few enough that an endless list is fine

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
        from pebble import ProcessPool

        self._job = job or embed_in_worker

        self.workers = max(1, workers or default_workers())
        self._timeout = timeout
        model = os.fspath(card.folder / card.weights) if card else None
        self._pool = ProcessPool(self.workers, initializer=_start_worker, initargs=(model,), context=_context())

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers at once; files in hand are dropped."""
        self._pool.stop()
        self._pool.join()

    def submit(self, path: str | bytes | os.PathLike[Any]) -> Future[Any]:
        """Queue a file; give the future to `outcome`."""
        future: Future[Any] = self._pool.schedule(self._job, args=(os.fsdecode(path),), timeout=self._timeout)
        return future

    def map(self, paths: Iterable[PathT]) -> Iterator[tuple[PathT, Any]]:
        """Embed files, yielding each with its outcome (`TrackEmbedding` or `UnusableAudio`) as it finishes."""
        waiting = iter(paths)
        running: dict[Future[Any], PathT] = {}
        try:
            while True:
                while len(running) < AHEAD * self.workers and (path := next(waiting, None)) is not None:
                    running[self.submit(path)] = path
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    path = running.pop(future)
                    yield path, outcome(path, future)
        finally:
            for future in running:
                future.cancel()


def outcome(path: str | bytes | os.PathLike[Any], future: Future[Any]) -> Any:
    """Wait for a submitted file: what the job gives (its embedding), or an `UnusableAudio` that says why not."""
    from concurrent.futures import TimeoutError as FutureTimeout

    from pebble import ProcessExpired

    name = os.fsdecode(path)
    try:
        return future.result()
    except (FutureTimeout, TimeoutError):
        return UnusableAudio(name, "timeout")
    except ProcessExpired as error:
        return UnusableAudio(name, "crashed", f"the worker ended with status {error.exitcode}")


def _context() -> BaseContext:
    """Never a plain fork: beets imports in threads, and a fork copies their locks as they happen to be."""
    if sys.platform == "linux":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["musrec_core.encoder", "av", "onnxruntime", "soxr"])
        return context
    return multiprocessing.get_context("spawn")


def _start_worker(model: str | None) -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if model is None:
        return
    from .encoder import Encoder

    global _encoder
    _encoder = Encoder.load(model, threads=1)


def embed_in_worker(path: str) -> TrackEmbedding | UnusableAudio:
    """The usual job."""
    assert _encoder is not None, "the pool's initializer loads it"
    try:
        return _encoder.embed_file(path)
    except UnusableAudio as error:
        return error
