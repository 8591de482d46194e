"""Queries that beets takes by name: ``similar:SEEDS|COUNT|DISTANCE|QUERY``, the nearest songs.

beets needs the classes when it starts; `similar.query_results` is imported when one is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from beets.dbcore.query import FieldQuery, MatchQuery
from beets.library import Album, Item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beets.dbcore import Model
    from beets.library import Library

    from .similar.query_results import CachedResult, QueryResults


class SimilarQuery(FieldQuery[str]):
    """Matches the songs nearest to its seeds. The result is computed when needed, and again if the library changed.

    What can't be answered (no such seed, nothing embedded) matches nothing and is one line in the log: a smart playlist
    must not stop an import.
    """

    results: ClassVar[Callable[[], QueryResults]]

    def __init__(self, field_name: str, pattern: str, fast: bool = True) -> None:
        super().__init__(field_name, pattern, fast)
        self._parsed = type(self).results().parse(pattern)
        self._result: CachedResult | None = None

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
        """Whether a song is one of the nearest, or an album holds one of them.

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


class SimilarAlbumQuery(SimilarQuery):
    """Matches the albums that hold one of the nearest songs."""

    def _where(self, ids: str) -> str:
        return f"albums.id IN (SELECT album_id FROM items WHERE id IN ({ids}))"


def item_queries(results: Callable[[], QueryResults]) -> dict[str, type[SimilarQuery]]:
    """What `BeetsPlugin.item_queries` wants."""
    return {"similar": type("SimilarQuery", (SimilarQuery,), {"results": staticmethod(results)})}


def album_queries(results: Callable[[], QueryResults]) -> dict[str, type[SimilarQuery]]:
    """What `BeetsPlugin.album_queries` wants."""
    return {"similar": type("SimilarAlbumQuery", (SimilarAlbumQuery,), {"results": staticmethod(results)})}
