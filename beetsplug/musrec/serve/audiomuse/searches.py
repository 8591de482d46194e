"""Songs by what they are called, or by what they sound like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import Arguments
from .refusals import nothing_for, refused_as
from .rows import track, tracks
from .search_query import words

if TYPE_CHECKING:
    from ..answers import Answers, Song
    from ..ids import SongIds

Row = dict[str, Any]

LISTED = 20  # songs of a search
SOUNDING = 100  # songs that sound like words
MORE = 4  # times as many are read where the client does not have enough of those that match


class SearchRequests:
    """Answers to requests that name words.

    Parameters
    ----------
    most : int
        The largest count.
    """

    def __init__(self, answers: Answers, ids: SongIds, most: int) -> None:
        self._answers, self._ids, self._most = answers, ids, most

    def tracks(self) -> list[Row]:
        """`GET search_tracks`: with all words of `search_query`, or of `title` and `artist`, from `start` to `end`."""
        arguments = Arguments.of_url(self._most)
        by_field = [words(arguments.text(name), name) for name in ("artist", "title")]
        query = words(arguments.text("search_query")) or " ".join(filter(None, by_field))
        part = arguments.part(LISTED)
        if not query or part.stop <= part.start:
            return []
        return tracks(self._matching(query, part.stop)[part], self._ids)

    def _matching(self, query: str, count: int) -> list[Song]:
        """The first of the songs that match and that the client has."""
        read = count
        while True:
            songs: list[Song] = []
            with nothing_for(404):
                songs = self._answers.matching(query, read)
            known = [song for song in songs if self._ids.song(song.id) is not None]
            if len(known) >= count or len(songs) < read:
                return known[:count]
            read *= MORE

    def sounds(self) -> Row:
        """`POST clap/search`: the words of `sounds:`."""
        arguments = Arguments.of_body(self._most)
        query = arguments.required("query")
        count = arguments.count("limit", "n", default=SOUNDING)
        with refused_as(400):
            songs = self._answers.sounds(query, count, among=self._ids.known)
        rows = []
        for song in songs:
            if (id_ := self._ids.song(song.id)) is not None:
                rows.append(track(song, id_) | {"similarity": 1 - float(song.distance or 0.0)})
        return {"query": query, "results": rows, "count": len(rows)}

    def stats(self) -> Row:
        """`GET clap/stats`: whether `clap/search` answers."""
        songs = self._answers.status()["embedded"]
        return {"clap_enabled": True, "loaded": songs > 0, "song_count": songs}
