"""A file that hangs or kills its worker costs itself and nothing else."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from musrec_core import Card, UnusableAudio
from musrec_core.encoder import TrackEmbedding
from musrec_core.workers import child
from musrec_core.workers.pool import WorkerPool, embed_in_worker


def misbehave(path: str) -> TrackEmbedding | UnusableAudio:
    """A decoder with every fault: the file's name says which."""
    name = Path(path).name
    if name.startswith("hang"):
        time.sleep(600)
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("exit"):
        os._exit(3)
    if name == "bystander.ogg" and not (killed := Path(path).with_suffix(".killed")).exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return embed_in_worker(path)


def crash_or_answer(path: str) -> str:
    if path.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def library_threads(_: str) -> int:
    """The most threads that a numeric library of this process would use."""
    import numpy  # noqa: F401
    from threadpoolctl import threadpool_info

    return max(library["num_threads"] for library in threadpool_info())


def test_a_worker_uses_one_core(quick_card: Card) -> None:
    with WorkerPool(quick_card, workers=1, job=library_threads) as pool:
        assert dict(pool.map(["a"])) == {"a": 1}


def test_hangs_and_crashes_are_outcomes(waltz: Path, quick_card: Card) -> None:
    paths = [f"{fault} {n}" for n in range(2) for fault in ("hang", "kill", "exit")]
    with WorkerPool(quick_card, workers=2, timeout=4, job=misbehave) as pool:
        started = time.monotonic()
        mixed: list[str | Path] = [*paths[:3], waltz, *paths[3:], str(waltz)]
        outcomes = dict(pool.map(mixed))
    assert time.monotonic() - started < 400  # two hangs of 4 s, not of 600
    reasons = {p: o.reason for p, o in outcomes.items() if isinstance(o, UnusableAudio)}
    assert reasons == {p: "timeout" if p.startswith("hang") else "crashed" for p in paths}
    assert isinstance(outcomes[waltz], TrackEmbedding)
    assert isinstance(outcomes[str(waltz)], TrackEmbedding)


def test_a_file_whose_worker_was_killed_for_another_reason_is_embedded_after_all(
    waltz: Path, tmp_path: Path, quick_card: Card
) -> None:
    """As the out-of-memory killer does."""
    bystander = tmp_path / "bystander.ogg"
    bystander.symlink_to(waltz)
    with WorkerPool(quick_card, workers=1, job=misbehave) as pool:
        outcomes = dict(pool.map([bystander, waltz]))
    assert all(isinstance(outcome, TrackEmbedding) for outcome in outcomes.values())
    assert bystander.with_suffix(".killed").exists()


class _Buggy:
    def embed_file(self, path: str, **options: object) -> TrackEmbedding:
        raise RuntimeError(f"no such thing\nas {path}")


def test_a_bug_that_a_file_finds_costs_that_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_encoder", _Buggy())
    outcome = embed_in_worker("odd.mp3")
    assert isinstance(outcome, UnusableAudio)
    assert outcome.reason == "crashed"
    assert re.fullmatch(rf"RuntimeError in {Path(__file__).name}, line \d+: no such thing as odd.mp3", outcome.detail)


def test_crash_after_crash_loses_no_other_file() -> None:
    paths = [f"{'kill' if n % 3 == 0 else 'fine'} {n}" for n in range(24)]
    with WorkerPool(None, workers=2, timeout=5, job=crash_or_answer) as pool:
        outcomes = dict(pool.map(paths))
    assert set(outcomes) == set(paths)
    for path, outcome in outcomes.items():
        if path.startswith("kill"):
            assert isinstance(outcome, UnusableAudio)
            assert outcome.reason == "crashed"
        else:
            assert outcome == path


def take(size: str) -> str:
    try:
        return f"{len(bytearray(int(size)))} bytes"
    except MemoryError:
        return "refused"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces it")
def test_a_worker_takes_no_gigabytes(quick_card: Card) -> None:
    with WorkerPool(quick_card, workers=1, job=take) as pool:
        assert dict(pool.map(["100000000", "3000000000"])) == {
            "100000000": "100000000 bytes",
            "3000000000": "refused",
        }


def test_results_come_as_they_finish_from_an_endless_list(waltz: Path, quick_card: Card) -> None:
    def endless() -> Iterator[Path]:
        while True:
            yield waltz

    with WorkerPool(quick_card, workers=2) as pool:
        found = [outcome for _, (_, outcome) in zip(range(5), pool.map(endless()), strict=False)]
    assert all(isinstance(outcome, TrackEmbedding) for outcome in found)


def test_an_error_survives_the_way_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(UnusableAudio("a\nb.mp3", "too-short", "1.0 s")))
    assert (error.path, error.reason, str(error)) == ("a\nb.mp3", "too-short", "too-short (1.0 s)")
