"""What the tests of faults share: sample files, and an encoder in worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from musrec_core import Encoder, UnusableAudio
from musrec_core.errors import REASONS
from musrec_core.workers.pool import WorkerPool

EmbedAll = Callable[[Iterable[Path | bytes]], dict[str, str]]
EmbedBytes = Callable[[dict[str, bytes]], dict[str, str]]


@pytest.fixture(scope="session")
def encoder(quick: Path) -> Encoder:
    """One that hears what the shipped one does: the files are in question."""
    return Encoder.load(quick, threads=1)


@pytest.fixture(scope="session")
def pool(encoder: Encoder) -> Iterator[WorkerPool]:
    """Two workers for all tests."""
    with WorkerPool(encoder.card, workers=2) as started:
        yield started


@pytest.fixture(scope="session")
def embed_all(pool: WorkerPool) -> EmbedAll:
    """Files -> name -> ``embedded`` or the reason, each checked; in workers, so that a crash is an outcome too."""

    def embed(paths: Iterable[Path | bytes]) -> dict[str, str]:
        found: dict[str, str] = {}
        for path, outcome in pool.map(paths):
            name = os.path.basename(os.fsdecode(path))
            if isinstance(outcome, UnusableAudio):
                assert outcome.reason in REASONS, name
                assert outcome.reason not in ("crashed", "timeout"), f"{name}: {outcome}"
                assert len(str(outcome).splitlines()) == 1, name
                found[name] = outcome.reason
            else:
                assert np.isfinite(outcome.vector).all(), name
                assert np.linalg.norm(outcome.vector) == pytest.approx(1, abs=1e-4), name
                found[name] = "embedded"
        return found

    return embed


@pytest.fixture
def embed_bytes(embed_all: EmbedAll, tmp_path: Path) -> EmbedBytes:
    """The same for files that are made here: name -> content."""

    def embed(files: dict[str, bytes]) -> dict[str, str]:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        found = embed_all(tmp_path / name for name in files)
        assert set(found) == set(files)
        return found

    return embed
