"""What a long job tells: on a terminal one line that changes, in a file a line now and then."""

from __future__ import annotations

import io

import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

from musrec_core.catalogue import meter
from musrec_core.catalogue.meter import TextMeter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lance_errors(stream: io.StringIO) -> str:
    watched = TextMeter(stream)
    watched.tell("reading")
    watched.begin(4, kept=1)
    watched.update(2)
    watched.tell("a note")
    watched.update(1)
    return stream.getvalue()


def test_a_file_gets_no_line_of_a_short_job_but_its_stages() -> None:
    assert lance_errors(io.StringIO()) == "reading\n1 of 4 tracks were done before\na note\n"


def test_a_file_gets_the_last_line_of_a_long_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "EVERY_FILE", 0.0)
    lines = lance_errors(io.StringIO()).splitlines()
    assert [line.partition(",")[0] for line in lines[2:]] == ["3 of 4 tracks", "a note", "4 of 4 tracks"]
    assert lines[-1].endswith("/s, 0.0 s left")


def test_a_terminal_has_one_line_that_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "EVERY_TERMINAL", 0.0)
    text = lance_errors(Terminal())
    assert "\r\x1b[Ka note\n" in text
    assert "left\na note" not in text
    assert text.endswith("left\n")
