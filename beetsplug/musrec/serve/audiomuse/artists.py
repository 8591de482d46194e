"""Artists that sound alike, and where they do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from musrec_core._text import one_line

from ..artist_matches import ArtistMatch, matches
from ..errors import ServeError
from .arguments import Arguments
from .refusals import nothing_for, refused_as
from .rows import of_client, tracks
from .search_query import exactly, words

if TYPE_CHECKING:
    from ..answers import Answers
    from ..ids import SongIds

Row = dict[str, Any]

ARTISTS = 10  # where a client does not say how many
MOST_ARTISTS = 100  # as the Navidrome plugin's settings allow
LISTED = 20  # of a search
SEARCHED = 2000  # songs, among which artists are looked for
SPARE = 2  # times as many artists are looked for: two of the library may be one of the client's


class ArtistRequests:
    """Answers to requests that name artists.

    Parameters
    ----------
    most : int
        The largest count.
    """

    def __init__(self, answers: Answers, ids: SongIds, most: int) -> None:
        self._answers, self._ids, self._most = answers, ids, most

    def similar(self) -> list[Row]:
        """`GET similar_artists`: by the `artist`'s id or name."""
        arguments = Arguments.of_url(self._most)
        seeds = self._items(arguments)
        count = arguments.count("n", default=ARTISTS, most=MOST_ARTISTS)
        own = {id_ for item in seeds if (id_ := self._id_of(item))}
        rows: dict[str, Row] = {}
        with refused_as(404):
            # with matches, since an artist's id is known by the songs
            for answer in self._answers.artists(seeds, SPARE * count, among=self._ids.known, with_matches=True):
                artist = next((known for song in answer.songs if (known := self._ids.artist_of(song.id))), None)
                if artist is None or artist[0] in own or artist[0] in rows:
                    continue
                id_, name = artist
                rows[id_] = {"artist": name, "artist_id": id_, "divergence": float(answer.distance)}
                if len(rows) == count:
                    break
        if not rows:
            raise ServeError(404, "there is no other artist to choose from")
        if arguments.flag("include_component_matches", default=False):
            for id_, found in self._matches(seeds, list(rows)).items():
                rows[id_]["component_matches"] = found
        return list(rows.values())

    def _matches(self, seeds: list[int], artists: list[str]) -> dict[str, list[Row]]:
        """The matches of one artist with each of some others."""
        items = {artist: self._ids.items_of_artist(artist) or [] for artist in artists}
        index = self._answers.vectors([*seeds, *chain.from_iterable(items.values())])
        own = index.among(seeds)
        found = {artist: matches(own, index.among(some)) for artist, some in items.items()}
        listed = {id_ for some in found.values() for match in some for id_ in (*match.own, *match.others)}
        songs = {
            song.id: {"item_id": id_, "title": song.title}
            for song, id_ in of_client(self._answers.songs(sorted(listed)), self._ids)
        }
        return {
            artist: [_match(number, match, songs) for number, match in enumerate(some)]
            for artist, some in found.items()
        }

    def tracks(self) -> list[Row]:
        """`GET artist_tracks`."""
        items = self._items(Arguments.of_url(self._most))
        return tracks(self._answers.songs(items[: self._most]), self._ids)

    def search(self) -> list[Row]:
        """`GET search_artists`: those with all words of a `query` in their names."""
        arguments = Arguments.of_url(self._most)
        query, part = words(arguments.text("query"), "artist"), arguments.part(LISTED)
        if not query:
            return []
        found: dict[str, str] = {}
        with nothing_for(404):
            for song in self._answers.matching(query, SEARCHED):
                if artist := self._ids.artist_of(song.id):
                    found.setdefault(*artist)
        return [
            {"artist": name, "artist_id": id_, "track_count": len(self._ids.items_of_artist(id_) or ())}
            for id_, name in sorted(found.items(), key=lambda artist: artist[1].casefold())[part]
        ]

    def _items(self, arguments: Arguments) -> list[int]:
        """The ids of the items of the artist that a request names."""
        artist = arguments.text("artist") or arguments.text("artist_id")
        if not artist:
            raise ServeError(400, "artist is missing")
        items = items_of(artist, self._ids, self._answers)
        if not items:
            raise ServeError(404, f"there is no artist with the id or name {one_line(artist)}")
        return items

    def _id_of(self, item: int) -> str | None:
        artist = self._ids.artist_of(item)
        return artist[0] if artist else None


def items_of(artist: str, ids: SongIds, answers: Answers) -> list[int]:
    """The ids of the items of an artist of the client's, or of exactly this name; empty where there is none."""
    if (items := ids.items_of_artist(artist)) is not None:
        return items
    with nothing_for(404):
        return [song.id for song in answers.matching(exactly(artist=artist), SEARCHED)]
    return []


def _match(number: int, match: ArtistMatch, songs: Mapping[int, Row]) -> Row:
    """A match, with those of its songs that the client has."""
    return {
        "component1_index": number,
        "component2_index": number,
        "distance": match.distance,
        "artist1_representative_songs": [songs[id_] for id_ in match.own if id_ in songs],
        "artist2_representative_songs": [songs[id_] for id_ in match.others if id_ in songs],
    }
