"""Tables and timing."""

from __future__ import annotations

from functools import partial

from benchmarks.tables import cpu_ms, table


def test_a_table_for_a_terminal_and_one_in_markdown() -> None:
    cells = [["a", 1.25, 3], ["bcd", 12_345.6, None]]
    assert table("T", ["x", "y", "z"], cells).splitlines() == ["T", "x        y  z", "a      1.2  3", "bcd  12346"]
    assert table("T", ["x", "y", "z"], cells, markdown=True).splitlines() == [
        "**T**", "", "| x | y | z |", "| :-- | --: | --: |", "| a | 1.2 | 3 |", "| bcd | 12346 |  |",
    ]  # fmt: skip


def test_jobs_take_turns_and_the_first_turn_does_not_count() -> None:
    ran: list[str] = []
    took = cpu_ms({name: partial(ran.append, name) for name in "ab"}, runs=2)
    assert ran == ["a", "b"] * 3
    assert set(took) == {"a", "b"}
