"""Whether the files of pairs of tracks hold one recording: their fingerprints, on Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from ...errors import UnusableAudio
from ...search.copies import Pair, Verdict, batches, verdict
from ...search.fingerprint import Fingerprint, PackedFingerprint, fingerprint_in_worker
from ...search.recordings import Copy
from ...workers.pool import WorkerPool
from ..cluster.tasks import in_parallel
from ..storage.errors import StorageError
from ..storage.local_copies import Copy as FileCopy
from ..storage.storage import Storage

FILES_PER_TASK = 64  # whose fingerprints a task keeps: 3 MB; a file is read once in each task that needs it
TIMEOUT = 120.0  # seconds that one file may take

Sound = PackedFingerprint | UnusableAudio


@dataclass(frozen=True)
class Judged:
    """What is said of a pair, and why."""

    a: int
    b: int
    distance: float
    verdict: Verdict
    why: str


def compare_sounds(
    pairs: Sequence[Pair],
    copies: Mapping[int, Copy],
    paths: Mapping[int, str],
    options: Mapping[str, str],
    width: int,
) -> Iterator[list[Judged]]:
    """Each batch of pairs as it is judged. Worker processes read the files: one that hangs or kills costs itself.

    Raises
    ------
    CatalogueError
        A storage as a whole can't be reached.
    """
    with Storage(options) as storage:
        storage.check(paths.values())
    task = ray.remote(_compare)

    def submit(part: list[Pair]) -> Any:
        ranks = sorted({rank for pair in part for rank in (pair.a, pair.b)})
        return task.remote(part, {r: copies[r] for r in ranks}, {r: paths[r] for r in ranks if r in paths}, options)

    for _, judged in in_parallel(batches(pairs, FILES_PER_TASK), submit, width):
        yield judged


def _compare(
    pairs: Sequence[Pair], copies: Mapping[int, Copy], paths: Mapping[int, str], options: Mapping[str, str]
) -> list[Judged]:
    """Judge some pairs; a task."""
    with Storage(options) as storage:
        same = {(p.a, p.b) for p in pairs if p.a in paths and p.b in paths and _one_file(paths[p.a], paths[p.b])}
        needed = {rank for pair in pairs if (pair.a, pair.b) not in same for rank in (pair.a, pair.b)}
        ranks: dict[str, list[int]] = {}
        for rank in sorted(needed & paths.keys()):
            ranks.setdefault(paths[rank], []).append(rank)
        sounds: dict[int, Sound] = {rank: UnusableAudio("", "missing", "no path") for rank in needed - paths.keys()}
        for path, sound in _sounds(storage, list(ranks)):
            sounds.update(dict.fromkeys(ranks[path], sound))
    return [_judged(pair, copies, sounds) if (pair.a, pair.b) not in same else
            Judged(pair.a, pair.b, pair.distance, Verdict.SAME, "one file") for pair in pairs]  # fmt: skip


def _one_file(a: str, b: str) -> bool:
    if a == b:
        return True
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):
        return False


def _sounds(storage: Storage, paths: Sequence[str]) -> Iterator[tuple[str, Sound]]:
    """The fingerprint of each file, or why there is none."""
    failed: list[tuple[str, Sound]] = []
    waiting: dict[str, list[FileCopy]] = {}

    def fetched() -> Iterator[str]:
        for path, copy in zip(paths, storage.fetch_ahead(paths, threads=2), strict=True):
            if isinstance(copy, StorageError):
                reason = "unreadable" if copy.status == "storage" else copy.status
                failed.append((path, UnusableAudio(path, reason, copy.detail)))
            else:
                waiting.setdefault(copy.local, []).append(copy)
                yield copy.local

    with WorkerPool(None, workers=1, timeout=TIMEOUT, job=fingerprint_in_worker) as pool:
        for local, sound in pool.map(fetched()):
            copy = waiting[local].pop()
            copy.release()
            yield copy.path, PackedFingerprint.of(sound) if isinstance(sound, Fingerprint) else sound
    yield from failed


def _judged(pair: Pair, copies: Mapping[int, Copy], sounds: Mapping[int, Sound]) -> Judged:
    one, other = (_unpacked(sounds[rank]) for rank in (pair.a, pair.b))
    said = verdict(copies[pair.a], copies[pair.b], pair.distance, one, other)
    failed = next((sound for sound in (one, other) if isinstance(sound, UnusableAudio)), None)
    why = "the sound is the same" if failed is None else f"the files could not be compared: {failed}"
    return Judged(pair.a, pair.b, pair.distance, said, why)


def _unpacked(sound: Sound) -> Fingerprint | UnusableAudio:
    return sound.unpack() if isinstance(sound, PackedFingerprint) else sound
