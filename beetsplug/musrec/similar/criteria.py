"""Which songs a request may find: what the options, the settings and a playlist's history say."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from beets.ui import UserError

from ..library import sql
from ..library.song_keys import RemovedSongs
from .steering import Steering, parse_steering

if TYPE_CHECKING:
    from beets.dbcore.query import Query
    from beets.library import Library

    from musrec_core.card import Card
    from musrec_core.search.index import Metric

    from ..config import Space
    from .options import SimilarOptions
    from .qualities import Qualities


@dataclass(frozen=True)
class Criteria:
    """Which songs are wanted, apart from what they should be near to."""

    space: Space = "embedding"
    metric: Metric = "cosine"
    candidates: Collection[int] | None = None  # ids to choose from; None: all
    exclude: Query | None = None  # what `musrec.exclude` keeps out
    removed: RemovedSongs = field(default_factory=RemovedSongs)  # what was removed from the playlist by hand
    max_per_artist: int = 0  # 0: no limit
    max_per_album: int = 0
    duplicates: bool = False  # every copy of a recording
    steering: Steering = field(default_factory=Steering)
    variety: float = 0.0  # 0 to 1: how much the songs should differ from each other
    hub_correction: bool = False
    with_seeds: bool = False  # the seeds may be results
    unwanted: Collection[int] = ()  # ids that may not be results, nor other copies of their recordings

    def among(self, ids: Collection[int] | None) -> Criteria:
        """The same, choosing from these ids only; None: from all that these criteria allow."""
        if ids is None:
            return self
        return replace(self, candidates=ids if self.candidates is None else {*self.candidates} & {*ids})

    def by_distance_alone(self) -> Criteria:
        """The same, but nothing leans the ranking away from the distance; `--unlike` keeps no songs out then."""
        return replace(self, steering=Steering(), variety=0.0, hub_correction=False)


def criteria_from(
    card: Card,
    lib: Library,
    options: SimilarOptions,
    qualities: Qualities,
    *,
    exclude: str = "",
    removed: RemovedSongs | None = None,
) -> Criteria:
    """The criteria of some options, into which the settings have been resolved; raises `UserError`.

    Parameters
    ----------
    exclude : str
        The setting `musrec.exclude`.
    removed : RemovedSongs, optional
        What was removed from the playlist by hand.
    """
    space = options.space or "embedding"
    return Criteria(
        space=space,
        metric=options.metric or default_metric(space),
        candidates=None if options.candidates is None else sql.matching_option(lib, options.candidates, "--in"),
        exclude=parse_exclude(exclude),
        removed=removed or RemovedSongs(),
        max_per_artist=options.max_per_artist or 0,
        max_per_album=options.max_per_album or 0,
        duplicates=bool(options.duplicates),
        steering=parse_steering(card, lib, options, qualities),
        variety=options.variety or 0.0,
        hub_correction=bool(options.hub_correction),
        with_seeds=options.with_seeds,
    )


def default_metric(space: Space) -> Metric:
    """The distance of the system that a space comes from."""
    return "euclidean" if space == "genre" else "cosine"


def parse_exclude(text: str) -> Query | None:
    """The query of `musrec.exclude`: audiobooks, hour-long mixes; None without one."""
    if not text:
        return None
    for name in ("similar", "sounds"):
        if re.search(rf"(?<!\w){name}:", text):  # its answer would depend on itself
            raise UserError(f"musrec.exclude can't contain a `{name}:` query")
    return sql.parse_option(text, "musrec.exclude")
