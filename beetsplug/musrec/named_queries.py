"""Queries that beets takes by name: ``similar:SEEDS|COUNT|DISTANCE|QUERY``, the songs nearest to some, and
``sounds:WORDS|COUNT|DISTANCE|QUERY``, those that sound like some words.

beets needs the classes when it starts; `similar.query_results` is imported when one is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from beets.dbcore.query import FieldQuery, MatchQuery
from beets.library import Album, Item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beets.dbcore import Model, Query
    from beets.library import Library

    from .similar.query_results import CachedResult, QueryResults


class RankedQuery(FieldQuery[str]):
    """Matches the best songs for its pattern. The result is computed when needed, and again if the library changed.

    What can't be answered (no such seed, nothing embedded) matches nothing and is one line in the log: a smart playlist
    must not stop an import.
    """

    results: ClassVar[Callable[[], QueryResults]]

    def __init__(self, field_name: str, pattern: str, fast: bool = True) -> None:
        super().__init__(field_name, pattern, fast)
        self._parsed = type(self).results().parse(pattern)
        self._result: CachedResult | None = None

    def inner(self) -> list[Query]:
        """The queries in its pattern: of its seeds, of the songs to choose from."""
        return self._parsed.inner()

    def clause(self) -> tuple[str | None, Sequence[Any]]:
        results = type(self).results()
        lib = results.library()
        if lib is None:  # not opened by beets' program: `match` knows it from the song
            return None, ()
        self._result = results.result(lib, self._parsed, self._result)
        results.show_distances(self._result)
        return self._where(",".join(map(str, self._result.distances))), ()

    def _where(self, ids: str) -> str:
        return f"items.id IN ({ids})"

    def match(self, obj: Model) -> bool:
        """Whether a song is one of the best, or an album holds one of them.

        Plugins match songs with an album's query (ihate), and songs that are not in the library yet.
        """
        lib = obj._db or type(self).results().library()
        if lib is None:
            return False
        if isinstance(obj, Album):
            songs = lib.items(MatchQuery("album_id", obj.id)) if obj.id else ()
            return any(self._matches(lib, item) for item in songs)
        return isinstance(obj, Item) and self._matches(lib, obj)

    def _matches(self, lib: Library, item: Item) -> bool:
        is_match, self._result = type(self).results().matches(lib, item, self._parsed, self._result)
        return is_match


class RankedAlbumQuery(RankedQuery):
    """Matches the albums that hold one of the best songs."""

    def _where(self, ids: str) -> str:
        return f"albums.id IN (SELECT album_id FROM items WHERE id IN ({ids}))"


Results = Mapping[str, "Callable[[], QueryResults]"]  # a query's name -> what answers it


def item_queries(results: Results) -> dict[str, type[RankedQuery]]:
    """What `BeetsPlugin.item_queries` wants."""
    return {name: _query(RankedQuery, name, each) for name, each in results.items()}


def album_queries(results: Results) -> dict[str, type[RankedQuery]]:
    """What `BeetsPlugin.album_queries` wants."""
    return {name: _query(RankedAlbumQuery, name, each) for name, each in results.items()}


def _query(base: type[RankedQuery], name: str, results: Callable[[], QueryResults]) -> type[RankedQuery]:
    return type(f"{name.title()}{base.__name__.removeprefix('Ranked')}", (base,), {"results": staticmethod(results)})
