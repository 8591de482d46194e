"""How AudioMuse-AI refuses: clients take 404 for "nothing to be had from this song", and try the next one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ServeError

CONFLICT = 409  # of `Answers`: the library can't answer this


@contextmanager
def refused_as(status: int) -> Iterator[None]:
    """What the library can't answer is refused with this status, in the same words."""
    try:
        yield
    except ServeError as error:
        raise (ServeError(status, error.sentence) if error.status == CONFLICT else error) from None


@contextmanager
def nothing_for(status: int) -> Iterator[None]:
    """Go on after a refusal with this status: nothing is no mistake here."""
    try:
        yield
    except ServeError as error:
        if error.status != status:
            raise
