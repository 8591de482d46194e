"""How `beet similar --copies` lists its groups: a song a line, and the command that leaves only the best of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from musrec_core._text import number_of, one_line

from ..console import formatted

if TYPE_CHECKING:
    from beets.logging import BeetsLogger

    from .copies import Copies

FORMAT = "$artist - $album - $title  ($format, $bitrate, $length)"


def lines(found: Iterable[Copies], format_: str | None, log: BeetsLogger) -> Iterator[str]:
    """The lines of all groups, an empty one between two; with a format of the user's, only what that prints."""
    groups = surplus = 0
    for copies in found:
        if groups:
            yield ""
        groups += 1
        surplus += len(copies.items) - 1
        if format_ is None:
            if copies.unsure:
                yield f"# may be copies; {one_line(copies.unsure)}"
            yield from (formatted(item, FORMAT) for item in copies.items)
            yield from (f"# {command}" for command in copies.commands())
        else:
            yield from (formatted(item, format_) for item in copies.items)
    if groups:
        log.info("{} more than once: {} beside the best", number_of(groups, "recording"), number_of(surplus, "song"))
    else:
        log.info("no recording is in the library more than once")
