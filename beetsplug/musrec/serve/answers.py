"""What a library answers to a server's requests: read only, for many threads at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..library import sql
from ..similar.request import Request
from .errors import ServeError

if TYPE_CHECKING:
    from beets.library import Item, Library

    from ..similar.find import SimilarSearch
    from ..similar.options import SimilarOptions


@dataclass(frozen=True)
class Song:
    """A song of an answer."""

    id: int  # of the item
    title: str
    artist: str
    album: str
    length: float  # [s]
    distance: float | None = None  # from the seeds; None where it is not one of those that were found


@dataclass(frozen=True)
class ArtistAnswer:
    """An artist that sounds like another."""

    name: str
    distance: float
    songs: list[Song]  # some that are nearest to the artist asked for
    seed_songs: list[Song]  # those of the artist asked for that they are near to


class Answers:
    """Answers from a library.

    Parameters
    ----------
    lib : Library
    search : SimilarSearch
    options : SimilarOptions
        Of `musrec.serve.options`: what every answer keeps to.
    """

    def __init__(self, lib: Library, search: SimilarSearch, options: SimilarOptions) -> None:
        self._lib, self._search, self._options = lib, search, options

    def similar(
        self,
        seeds: Sequence[int],
        count: int,
        *,
        among: Collection[int] | None = None,
        options: SimilarOptions | None = None,
    ) -> list[Song]:
        """The songs nearest to some items, nearest first.

        Parameters
        ----------
        among : collection of int, optional
            The items that may be found; None: all.
        options : SimilarOptions, optional
            What a request wants beside `musrec.serve.options`.

        Raises
        ------
        ServeError
            A seed is no item, or has no embedding: nothing is embedded here.
        """
        items = list(sql.items_of(self._lib, seeds))
        if not items:
            raise ServeError(404, "there is no such song")
        result = self._search.find(self._lib, Request(replace(options or self._options, count=count), items=items))
        return [self._song(item) for item in result.songs if among is None or item.id in among]

    def _song(self, item: Item) -> Song:
        return Song(sql.id_of(item), item.title, item.artist, item.album, item.length)
