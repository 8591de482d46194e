"""Times as they are typed."""

from __future__ import annotations

import pytest

from beetsplug.musrec.similar.times import parse_length, parse_moment


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
