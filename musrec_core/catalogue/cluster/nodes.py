"""Whether the nodes of a cluster can do our work, asked before they get any: Ray tries a failing actor for ever."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ...errors import CatalogueError
from .errors import ray_sentence

START_SECONDS = 120.0  # until a node has started a process and imported our package


def require_nodes(*modules: str, seconds: float = START_SECONDS) -> None:
    """Raise `CatalogueError` where a node starts no process in time, or can't import what the job does.

    Parameters
    ----------
    modules : str
        What the job's tasks and actors import.
    """

    def why_not() -> str:  # it stands in a function, so that Ray sends its code and not its name
        from importlib import import_module

        try:
            for module in modules:
                import_module(module)
        except BaseException as error:  # what a broken package raises, and SystemExit
            return f"{type(error).__name__}: {error}"
        return ""

    probe = ray.remote(num_cpus=0, max_retries=0)(why_not)
    waiting = {
        probe.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(): node
        for node in _alive()
    }
    until = time.monotonic() + seconds
    while waiting:
        done, _ = ray.wait(list(waiting), timeout=max(0.0, until - time.monotonic()))
        if not done:
            raise _useless(next(iter(waiting.values())), f"no process has started there within {seconds:.0f} s")
        node = waiting.pop(done[0])
        if why := _outcome(done[0], node):
            raise _useless(node, why)


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _outcome(task: Any, node: dict[str, Any]) -> str:
    """Why a node can't; empty where it can, or is lost."""
    try:
        return " ".join(str(ray.get(task)).split())
    except RayError as error:
        is_there = any(other["NodeID"] == node["NodeID"] for other in _alive())
        return ray_sentence(error) if is_there else ""


def _useless(node: dict[str, Any], why: str) -> CatalogueError:
    return CatalogueError(
        f"the node {node['NodeManagerAddress']} can't work: {why.rstrip('.')}: it needs the same Python and packages "
        "as this machine"
    )
