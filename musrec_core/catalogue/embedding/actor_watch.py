"""Looks whether the actors get on: says that they wait for a CPU, and ends a job whose actors die and die."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray._private import state  # the public one, `ray.util.state`, needs the dashboard
from ray.exceptions import RayError

LOOK_SECONDS = 5.0
SAID_AFTER, SAID_AGAIN = 10.0, 300.0  # seconds without any track done
RESTARTS = 100  # of each actor, without any track done between them: a deadly track takes nine at most


class ActorWatch:
    """Watches the embedding actors of this job.

    Parameters
    ----------
    note : callable
        Is told, in one sentence, that the job waits.
    actors : int
        How many there are to be.
    """

    def __init__(self, note: Callable[[str], None], actors: int) -> None:
        self._note, self._most = note, RESTARTS * actors
        self._restarts = 0  # when the last tracks were done
        self._next_word = time.monotonic() + SAID_AFTER
        self._was_done = False

    def done(self) -> None:
        """Some tracks are done."""
        self._was_done = True

    def look(self) -> str | None:
        """A sentence where the job is to end."""
        now = time.monotonic()
        try:
            ours = _embedding_actors()
        except (RayError, RuntimeError, OSError):  # the head node does not answer: that is told elsewhere
            return None
        restarts = sum(actor["NumRestarts"] for actor in ours)
        if self._was_done:
            self._was_done, self._restarts, self._next_word = False, restarts, now + SAID_AFTER
        if restarts - self._restarts >= self._most:
            return (
                f"Ray started the actors {restarts - self._restarts} times, and each ended before any track was done: "
                "the logs of Ray on the nodes say why; what is done is kept"
            )
        if now >= self._next_word and not any(actor["State"] == "ALIVE" for actor in ours):
            self._next_word = now + SAID_AGAIN
            self._note(_what_for())
        return None


def _embedding_actors() -> list[dict[str, Any]]:
    """Those of this job that live, start or are started again."""
    job = ray.JobID.from_hex(ray.get_runtime_context().get_job_id())
    actors = state.actors(job_id=job).values()
    return [actor for actor in actors if "EmbeddingActor" in actor["ActorClassName"] and actor["State"] != "DEAD"]


def _what_for() -> str:
    there = ray.cluster_resources().get("CPU", 0)
    free = ray.available_resources().get("CPU", 0)
    if not there:
        return "waiting: the cluster has no CPU"
    if free < 1:
        return f"waiting for a CPU: other jobs have all {there:.0f} of the cluster"
    return "waiting for an actor to start"
