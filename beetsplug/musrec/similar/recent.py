"""What was played lately, as seeds (`--recent`): from what plugins such as mpdstats and lastimport store."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from beets.ui import UserError

from musrec_core._text import number_of

from ..library import sql
from .times import parse_period

if TYPE_CHECKING:
    from beets.library import Item, Library
    from beets.logging import BeetsLogger

LAST_PLAYED = "last_played"  # seconds since 1970, as beets stores a date
COUNTS = ("play_count", "lastfm_play_count", "listenbrainz_play_count")  # of mpdstats, lastimport, listenbrainz
MOST_PLAYED = 50  # songs, where nothing tells when they were played
TOMORROW = 24 * 3600.0  # of clocks that are ahead


def recent(
    lib: Library, period: str, log: BeetsLogger, *, among: Collection[int] | None = None, now: float | None = None
) -> list[Item]:
    """The songs that were played within a period (`times.parse_period`), the last one first; raises `UserError`.

    Where no song has a ``last_played``, the most played ones.

    Parameters
    ----------
    among : collection of int, optional
        Ids to choose from.
    now : float, optional
        Seconds since 1970, in place of the clock's.
    """
    now = time.time() if now is None else now
    played = _chosen(lib, LAST_PLAYED, among, now + TOMORROW)
    if played:
        since = now - parse_period(period)
        found = [id_ for id_ in _largest_first(played) if played[id_] >= since]
        if not found:
            last = time.strftime("%Y-%m-%d", time.localtime(max(played.values())))
            raise UserError(f"no song{_that(among)} was played within {period.strip()}: the last one was on {last}")
        log.info("starting from {} played within {}", number_of(len(found), "song"), period.strip())
        return list(sql.items_of(lib, found))
    for key in COUNTS:
        if counts := _chosen(lib, key, among):
            found = _largest_first(counts)[:MOST_PLAYED]
            songs = number_of(len(found), "song")
            log.info("no song{} has {}: starting from {} with the highest {}", _that(among), LAST_PLAYED, songs, key)
            return list(sql.items_of(lib, found))
    if among is not None and _chosen(lib, LAST_PLAYED, None, now + TOMORROW):
        raise UserError("no song that QUERY matches was ever played")
    raise UserError(
        f"nothing tells which songs{_that(among)} were played: the plugin mpdstats stores when, "
        "and lastimport and listenbrainz store how often"
    )


def _chosen(lib: Library, key: str, among: Collection[int] | None, most: float = float("inf")) -> dict[int, float]:
    """A number above zero of some songs; what lies above ``most`` is a mistake."""
    wanted = None if among is None else set(among)
    numbers = sql.numeric_attribute(lib, key).items()
    return {id_: number for id_, number in numbers if 0 < number <= most and (wanted is None or id_ in wanted)}


def _largest_first(numbers: dict[int, float]) -> list[int]:
    return sorted(numbers, key=lambda id_: (-numbers[id_], id_))


def _that(among: Collection[int] | None) -> str:
    return "" if among is None else " that QUERY matches"
