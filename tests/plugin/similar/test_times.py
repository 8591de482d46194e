"""Times as they are typed."""

from __future__ import annotations

import pytest

from beetsplug.musrec.similar.times import parse_length, parse_moment, parse_period


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h30", 5400), ("1h30m", 5400), ("90m", 5400), ("90 min", 5400), ("1:30:00", 5400), ("4:30", 270), ("45s", 45),
     ("1h", 3600), ("2M5s", 125), ("130", 130), ("130.5", 130.5), (" 2:10 ", 130)],
)  # fmt: skip
def test_a_length_and_a_moment_are_written_alike(text: str, seconds: float) -> None:
    assert parse_length(text) == parse_moment(text) == seconds


@pytest.mark.parametrize("text", ["0", "", "0m", "h", "1h30m20", "1:90:00", "-5m", "five", "1:2:3:4"])
def test_no_lengths(text: str) -> None:
    with pytest.raises(ValueError, match="is not a "):
        parse_length(text)


def test_moments() -> None:
    assert [parse_moment(text) for text in ("1:02:10", "0", "0s")] == [3730, 0, 0]
    for text in ("2:99", "x", "-1", "1.5:10", ""):
        with pytest.raises(ValueError, match="is not a time"):
            parse_moment(text)


@pytest.mark.parametrize(
    ("text", "days"), [("12h", 0.5), ("30d", 30), (" 4 W ", 28), ("6m", 180), ("1y", 365), ("1.5d", 1.5)]
)
def test_periods(text: str, days: float) -> None:
    assert parse_period(text) == days * 86_400


@pytest.mark.parametrize("text", ["", "30", "0d", "d", "-3d", "3 days", "1d2h", "\u0663\u0664x", "1e3d", "30d\n30d"])
def test_no_periods(text: str) -> None:
    with pytest.raises(ValueError, match="is not a period"):
        parse_period(text)
