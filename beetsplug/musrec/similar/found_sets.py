"""Artists or albums that were found, as a result holds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SongSet:
    """An artist or an album that was found.

    Attributes
    ----------
    name : str
    distance : float
    typical : int
        The id of the song nearest to the mean.
    songs : list of int
        The ids of its songs: an artist's, the nearest to the seeds first; an album's, in its order.
    album_id : int, optional
    """

    name: str
    distance: float
    typical: int
    songs: list[int]
    album_id: int | None = None


@dataclass(frozen=True)
class FoundSets:
    """The sets, nearest first, and what the seeds are called."""

    sets: list[SongSet]
    seed_names: list[str]
