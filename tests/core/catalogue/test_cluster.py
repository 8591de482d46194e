"""A cluster of three nodes on this machine: a killed driver and a lost node cost time, and no track."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="the extra catalogue is not installed")

from ray.cluster_utils import Cluster

from musrec_core.catalogue import Catalogue
from musrec_core.errors import CatalogueError

TRACKS = 150
HOME = Path(__file__).parents[3]
NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 100 << 20}
QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ray simulates no cluster on Windows")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    handler = signal.getsignal(signal.SIGTERM)  # Ray replaces it
    made = Cluster(
        initialize_head=True,
        head_node_args={**NODE, "include_dashboard": False, "_system_config": QUICK_TO_NOTICE},
    )
    try:
        yield made
    finally:
        made.shutdown()
        signal.signal(signal.SIGTERM, handler)


def done(out: Path) -> int:
    try:
        return len(Catalogue.open(str(out)))
    except CatalogueError:
        return 0


def wait_for(tracks: int, out: Path, driver: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while done(out) < tracks:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_killed_driver_resumes_and_a_lost_node_ends_no_job(
    cluster: Cluster, waltz: Path, quick: Path, tmp_path: Path
) -> None:
    nodes = [cluster.add_node(wait=False, **NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    manifest, out = tmp_path / "m.csv", tmp_path / "tracks.lance"
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "path"), *((n, waltz) for n in range(TRACKS))])

    def driver() -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "tests.core.catalogue.slow_driver", manifest, out, quick, cluster.address]
        return subprocess.Popen(
            list(map(str, words)), cwd=HOME, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    first = driver()
    wait_for(10, out, first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = done(out)
    assert 10 <= before < TRACKS

    second = driver()
    wait_for(before + 10, out, second)
    cluster.remove_node(nodes[0], allow_graceful=False)
    there = done(out)
    told, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors
    assert there < TRACKS
    assert told.startswith(f"embedded {TRACKS - before}, {before} unchanged, in ")
    assert "Traceback" not in errors
    ids = [id_ for batch in Catalogue.open(str(out)).batches(["id"]) for id_ in batch["id"].to_pylist()]
    assert sorted(map(int, ids)) == list(range(TRACKS))
    assert Catalogue.open(str(out)).count("status = 'ok' AND vector IS NOT NULL") == TRACKS
