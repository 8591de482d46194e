"""A pool of worker processes: a time limit per file, and a crash that costs one file only."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from ..card import Card
from ..errors import ModelError, Reason, UnusableAudio, WorkersError
from .child import Job, Setup, embed_in_worker, load_encoder
from .process import Messages, WorkerProcess
from .slots import TICK, QueuedFile, Slot, ticking

__all__ = ["Job", "WorkerPool", "WorkersError", "default_workers", "embed_in_worker"]

PathT = TypeVar("PathT", bound="str | bytes | os.PathLike[Any]")
FILES_PER_WORKER = 3  # handed out ahead: enough that none waits, few enough that an endless list is fine
TRIES_PER_FILE = 2  # whose worker died or took too long: the cause may be another, such as want of memory
MAX_FAILED_STARTS = 4  # one after the other, until no more is tried
FIRST_PAUSE = 0.2  # seconds after a start that failed; the next one is twice as long
LONGEST_PAUSE = 30.0  # seconds
START_TIMEOUT = 60.0  # seconds, after which a worker that is not ready is given up

_log = logging.getLogger(__name__)


def default_workers() -> int:
    """One worker a core that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorkerPool:
    """Processes that embed files.

    They start with the first file, not before; each loads the model once and uses one core. Where the system lets none
    start, this process does their work, and says so.

    Parameters
    ----------
    card : Card, optional
        The model to load; None where the job needs none.
    workers : int, optional
        By default one a core.
    timeout : float
        Seconds that one file may take; neither the worker's start nor time in which the machine or this process was
        stopped counts.
    job : callable, optional
        What a worker does with a path instead of embedding it: a module's function, or a partial of one.
    warn : callable, optional
        Is told, in one sentence, that no process can be started; by default it goes to this module's logger.
    """

    def __init__(
        self,
        card: Card | None,
        *,
        workers: int | None = None,
        timeout: float = 60.0,
        job: Job | None = None,
        warn: Callable[[str], object] = _log.warning,
    ) -> None:
        self.workers = max(1, workers or default_workers())
        self._model = os.path.abspath(card.folder / card.weights) if card else None
        self._job = job or embed_in_worker
        self._pickled = pickle.dumps(self._job)
        self._modules = ("musrec_core.workers.child", _module_of(self._job))
        self._timeout = timeout
        self._warn = warn
        self._slots = [Slot() for _ in range(self.workers)]
        self._again: deque[QueuedFile] = deque()  # to be handed out before others
        self._messages: Messages = SimpleQueue()
        self._clock = 0.0  # seconds that this process was not stopped, while files were in hand
        self._next_start = 0.0  # on that clock
        self._failed_starts = 0
        self._why, self._hopeless = "", False  # of the last one
        self._without_processes = self._prepared_here = False
        self._closed = False

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers at once; files in progress are dropped. May be called from another thread than `map`."""
        self._closed = True
        self._messages.put((None, None))  # wakes `map`
        for slot in self._slots:
            slot.end()

    def map(self, paths: Iterable[PathT]) -> Iterator[tuple[PathT, Any]]:
        """Embed files, yielding each with its outcome (`TrackEmbedding` or `UnusableAudio`) as it finishes.

        Raises
        ------
        WorkersError
            No worker can be kept alive, and to do its work in this process would be no safer.
        ModelError
            The workers can't use the model.
        """
        if self._closed:
            raise ValueError("this pool is closed")
        source = iter(paths)
        try:
            with ExitStack() as running:
                try:
                    running.enter_context(ticking(self._messages))
                except RuntimeError as error:  # no more threads
                    self._why = str(error)
                    self._give_up()
                yield from self._map(source)
            if self._without_processes and not self._closed:
                yield from self._map_here(source)
        finally:
            for slot in self._slots:
                if slot.files:
                    self._leave(slot)
            self._again.clear()

    def _map(self, source: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        while not self._closed and not self._without_processes:
            if self._hand_out(source) and not any(slot.files for slot in self._slots):
                return
            if self._failed_starts >= MAX_FAILED_STARTS and not any(slot.process for slot in self._slots):
                self._give_up()
                continue
            sender, message = self._messages.get()
            if sender is None:
                yield from self._tick()
            elif slot := next((slot for slot in self._slots if slot.process is sender), None):
                yield from self._ended(slot) if message is None else self._take(slot, message)

    def _hand_out(self, source: Iterator[Any]) -> bool:
        """Give files to the workers that have few, starting workers if needed; True if no files are left."""
        while free := [slot for slot in self._slots if self._is_free(slot)]:
            slot = min(free, key=lambda slot: (len(slot.files), slot.process is None))
            if self._again:
                file = self._again.popleft()
            elif (path := next(source, None)) is not None:
                file = QueuedFile(path)
            else:
                return True
            slot.files.append(file)
            if slot.process is None:
                self._start(slot)
            if slot.process is not None:
                slot.process.hand(file.path)
        return False

    def _is_free(self, slot: Slot) -> bool:
        return len(slot.files) < FILES_PER_WORKER and (slot.process is not None or self._clock >= self._next_start)

    def _start(self, slot: Slot) -> None:
        try:
            folder = os.getcwd()
        except OSError:
            folder = None
        setup = Setup(self._pickled, self._model, folder)
        slot.begun, slot.seconds = False, 0.0
        try:
            slot.process = WorkerProcess(setup, self._modules, self._messages)
        except OSError as error:
            self._start_failed(slot, error.strerror or str(error))
        if self._closed:  # by another thread, meanwhile
            slot.end()

    def _take(self, slot: Slot, message: bytes) -> Iterator[tuple[Any, Any]]:
        """Handle a message of a worker."""
        slot.seconds = 0.0  # and this is all that ``ready`` does
        match pickle.loads(message):
            case "begin", _:
                slot.begun = True
                self._failed_starts = 0
            case "done", outcome:
                slot.begun = False
                yield slot.files.popleft().path, outcome
            case "raised", (error, trace):
                slot.begun = False
                slot.files.popleft()
                raise error from JobTraceback(trace)
            case "failed", error:
                if isinstance(error, ModelError):
                    raise error
                why = f"{type(error).__name__}: {error}"
                self._start_failed(slot, why, hopeless=isinstance(error, MemoryError))

    def _ended(self, slot: Slot) -> Iterator[tuple[Any, Any]]:
        status = slot.end()
        if slot.begun:
            yield from self._file_failed(slot, "crashed", f"the worker ended with status {status}")
        else:
            why = f"the last one ended with status {status} before it took a file"
            self._start_failed(slot, why, hopeless=status is not None and not 0 <= status < 256)

    def _tick(self) -> Iterator[tuple[Any, Any]]:
        """Time has passed for every file in hand, and for every worker that starts."""
        self._clock += TICK
        for slot in self._slots:
            if not slot.files or slot.process is None:
                continue
            slot.seconds += TICK
            if slot.begun and slot.seconds > self._timeout + TICK:
                yield from self._file_failed(slot, "timeout")
            elif not slot.begun and slot.seconds > START_TIMEOUT:
                self._start_failed(slot, f"the last one was not ready after {START_TIMEOUT:g} s")

    def _file_failed(self, slot: Slot, reason: Reason, detail: str = "") -> Iterator[tuple[Any, Any]]:
        """Count a failure of the file that the worker had in hand; it is tried once more, in a new worker."""
        file = slot.files.popleft()
        file.failures += 1
        if file.failures < TRIES_PER_FILE:
            slot.files.appendleft(file)
        self._leave(slot)
        if file.failures >= TRIES_PER_FILE:
            yield file.path, UnusableAudio(os.fsdecode(file.path), reason, detail)

    def _start_failed(self, slot: Slot, why: str, *, hopeless: bool = False) -> None:
        """No file is to blame; wait before the next start. ``hopeless``: this process would fare no better."""
        self._leave(slot)
        self._why, self._hopeless = why, hopeless
        if self._clock >= self._next_start:  # else it is one of several that were started together
            self._next_start = self._clock + min(FIRST_PAUSE * 2**self._failed_starts, LONGEST_PAUSE)
            self._failed_starts += 1

    def _leave(self, slot: Slot) -> None:
        """End a worker, and hand its files to others."""
        slot.end()
        slot.begun = False
        self._again.extendleft(reversed(slot.files))
        slot.files.clear()

    def _give_up(self) -> None:
        if self._hopeless:
            raise WorkersError(f"no worker process can be kept alive: {self._why}")
        self._without_processes = True

    def _map_here(self, source: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
        if not self._prepared_here:
            self._prepare_here()
        again = [file.path for file in self._again]
        for path in itertools.chain(again, source):
            yield path, self._job(os.fsdecode(path))
            if self._closed:
                return

    def _prepare_here(self) -> None:
        if self._model is not None:
            try:
                load_encoder(self._model)
            except ModelError:
                raise
            except Exception as error:
                raise WorkersError(f"no worker can start: {type(error).__name__}: {error}") from error
        self._warn(
            f"no worker process can be started ({self._why}): files are embedded in this process, "
            "and one that crashes or hangs the decoder ends the run"
        )
        self._prepared_here = True


class JobTraceback(Exception):
    """Where a job raised its exception, in the worker; the cause of that exception in this process."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _module_of(job: Job) -> str:
    """The name of the module in which workers find the job."""
    while isinstance(job, functools.partial):
        job = job.func
    if job.__module__ == "__main__":
        raise ValueError("the job has to be in a module that workers can import, not in the program itself")
    return str(job.__module__)
