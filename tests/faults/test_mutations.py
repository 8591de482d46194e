"""A thousand damaged files by default, as many as MUSREC_MUTATIONS says: none hangs, kills or swells anything."""

from __future__ import annotations

import os

import pytest

from musrec_core import Encoder

from . import mutation_run
from .mutate import DAMAGES, mutated

FILES = int(os.environ.get("MUSREC_MUTATIONS", "1000"))


@pytest.mark.slow
def test_mutated_files(kinds: dict[str, bytes], encoder: Encoder) -> None:
    result = mutation_run.run(kinds, FILES, encoder, workers=2, timeout=60)
    assert result.outcomes.total() == FILES
    assert not result.not_allowed
    assert not result.crashed  # `python -m tests.faults.mutation_run --only N` writes number N
    assert result.outcomes["embedded"] > FILES / 4  # else the damage is so coarse that nothing deep is reached
    assert result.outcomes["unreadable"] > FILES / 20
    assert all(growth < 1.15 for growth in result.growth().values()), (result.parent, result.worker)


def test_the_same_number_is_the_same_file(kinds: dict[str, bytes]) -> None:
    assert [mutated(kinds, number) for number in range(20)] == [mutated(kinds, number) for number in range(20)]
    assert mutated(kinds, 3) != mutated(kinds, 3, seed=1)
    names = " ".join(mutated(kinds, number)[0] for number in range(400))
    assert all(damage.__name__ in names for damage in DAMAGES)
