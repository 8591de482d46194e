"""Many Ray tasks, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from ...errors import CatalogueError
from .errors import ray_sentence

T = TypeVar("T")


def in_parallel(jobs: Iterable[T], submit: Callable[[T], Any], width: int) -> Iterator[tuple[T, Any]]:
    """Each job with what its task returned, as they finish; at most ``width`` run or wait at a time.

    Parameters
    ----------
    submit : callable
        Starts a job's task; gives its reference.

    Raises
    ------
    CatalogueError
        A task raised it, or its processes died again and again.
    """
    running: dict[Any, T] = {}
    try:
        for job in jobs:
            running[submit(job)] = job
            if len(running) >= width:
                yield _finished(running)
        while running:
            yield _finished(running)
    finally:
        for task in running:
            ray.cancel(task, force=True)


def _finished(running: dict[Any, T]) -> tuple[T, Any]:
    done, _ = ray.wait(list(running), num_returns=1)
    job = running.pop(done[0])
    return job, result_of(done[0])


def result_of(reference: Any) -> Any:
    """What a task returned; raises what it raised, `CatalogueError` where Ray could not run it."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None
    except RayError as error:
        raise CatalogueError(f"Ray could not finish a task: {ray_sentence(error)}") from error
