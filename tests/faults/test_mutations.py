"""A thousand damaged files by default, as many as MUSREC_STORM says: none hangs, kills or swells anything."""

from __future__ import annotations

import os

import pytest

from . import mutation_run
from .mutate import DAMAGES, mutated

FILES = int(os.environ.get("MUSREC_STORM", "1000"))


@pytest.mark.slow
def test_a_storm_of_damaged_files(kinds: dict[str, bytes]) -> None:
    toll = mutation_run.run(kinds, FILES, workers=2, timeout=60)
    assert toll.outcomes.total() == FILES
    assert not toll.not_allowed
    assert not toll.crashed  # `python -m tests.faults.mutation_run --only N` writes number N
    assert toll.outcomes["embedded"] > FILES / 4  # else the damage is so coarse that nothing deep is reached
    assert toll.outcomes["unreadable"] > FILES / 20
    assert all(growth < 1.15 for growth in toll.growth().values()), (toll.parent, toll.worker)


def test_the_same_number_is_the_same_file(kinds: dict[str, bytes]) -> None:
    assert [mutated(kinds, number) for number in range(20)] == [mutated(kinds, number) for number in range(20)]
    assert mutated(kinds, 3) != mutated(kinds, 3, seed=1)
    names = " ".join(mutated(kinds, number)[0] for number in range(400))
    assert all(damage.__name__ in names for damage in DAMAGES)
