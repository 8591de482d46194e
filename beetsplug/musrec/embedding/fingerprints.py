"""Fingerprints of files, made in worker processes, by which copies are recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musrec_core.search.fingerprint import fingerprint_in_worker
from musrec_core.workers.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from musrec_core.errors import UnusableAudio
    from musrec_core.search.fingerprint import Fingerprint


class FileFingerprints:
    """The workers, which start with the first file.

    Parameters
    ----------
    timeout : float
        Seconds that one file may take.
    workers : int
        Processes; 0: one a core.
    """

    def __init__(self, timeout: float, workers: int) -> None:
        self._timeout, self._workers = timeout, workers
        self._pool: WorkerPool | None = None

    def of(self, paths: Iterable[bytes]) -> Iterator[tuple[bytes, Fingerprint | UnusableAudio]]:
        """Each file with its fingerprint, or why there is none, as it finishes; raises `WorkersError`."""
        if self._pool is None:
            self._pool = WorkerPool(
                None, workers=self._workers or None, timeout=self._timeout, job=fingerprint_in_worker
            )
        yield from self._pool.map(paths)

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
