"""Songs near others: similar ones, paths, blends, what fits what was played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import request

from .. import parameters
from ..errors import ServeError
from .arguments import Arguments, as_text
from .artists import items_of
from .refusals import nothing_for, refused_as
from .rows import track, tracks
from .search_query import exactly
from .walk import walk

if TYPE_CHECKING:
    from ..answers import Answers, Song
    from ..ids import SongIds

Row = dict[str, Any]

OF_AN_ARTIST = 3  # songs, with `eliminate_duplicates`: AudioMuse-AI's MAX_SONGS_PER_ARTIST
SIMILAR, PATH, BLEND, PLAYED = 10, 25, 100, 50  # songs, where a client does not say how many
ENDS, MOST_STEPS = 2, 200  # of a path: AudioMuse-AI's PATH_MAX_LENGTH
NOT_ENOUGH = (404, 409)  # how `Answers` refuses a path for which there are too few songs
NAMESAKES = 20  # songs of one title and artist, of which one is looked for that the client has
LATELY, SEEDS = "30d", 50  # what was played within this time, the last so many


class SongRequests:
    """Answers to requests that name songs.

    Parameters
    ----------
    most : int
        The largest count.
    """

    def __init__(self, answers: Answers, ids: SongIds, most: int) -> None:
        self._answers, self._ids, self._most = answers, ids, most

    def similar(self) -> list[Row]:
        """`GET similar_tracks`: by `item_id`, or by `title` and `artist`."""
        arguments = Arguments.of_url(self._most)
        seed = self._seed(arguments)
        count = arguments.count("n", default=SIMILAR)
        found = self._near(seed, count, arguments.flag("eliminate_duplicates", default=True))
        if arguments.flag("radius_similarity", default=False):
            found = walk(found, seed, self._answers.vectors([seed, *(song.id for song in found)]))
        return self._rows(found)

    def hyperbolic(self) -> Row:
        """`POST hyperbolic/similar`: the same songs, since there is one embedding here."""
        arguments = Arguments.of_body(self._most)
        seed = self._item(arguments.required("item_id"))
        rows = self._rows(self._near(seed, arguments.count("limit", "n", default=SIMILAR), capped=True))
        return {"results": rows, "count": len(rows)}

    def by_lyrics(self) -> Row:
        """`POST sem_grove/search`: refused, whereupon clients ask for `similar_tracks`."""
        raise ServeError(404, "lyrics are not known here: ask for similar_tracks")

    def path(self) -> Row:
        """`GET find_path`."""
        arguments = Arguments.of_url(self._most)
        start, end = arguments.text("start_song_id"), arguments.text("end_song_id")
        if not start or not end:
            raise ServeError(400, "start_song_id and end_song_id are needed, both ids of songs")
        first, last = self._item(start), self._item(end)
        if first == last:
            raise ServeError(400, "start_song_id and end_song_id are the same song")
        count = max(arguments.count("max_steps", "count", default=PATH, most=MOST_STEPS), ENDS)
        songs = self._journey(first, last, count, exact=arguments.flag("path_fix_size", default=False))
        return {
            "path": tracks(songs, self._ids),
            "total_distance": float(sum(song.distance or 0.0 for song in songs[1:])),
        }

    def _journey(self, first: int, last: int, count: int, *, exact: bool) -> list[Song]:
        """A path of so many songs; of fewer where there are not as many, unless an exact number is wanted."""
        with refused_as(404):
            while True:
                try:
                    return self._answers.journey(first, last, count, among=self._ids.known)
                except ServeError as error:
                    if exact or count == ENDS or error.status not in NOT_ENOUGH:
                        raise
                    count = max(count // 2, ENDS)

    def track(self) -> Row:
        """`GET track`: what a song is called."""
        id_ = Arguments.of_url(self._most).required("item_id")
        songs = self._answers.songs([self._item(id_)])
        if not songs:
            raise parameters.unknown(id_)
        return track(songs[0], id_)

    def alchemy(self) -> Row:
        """`POST alchemy`: near to the songs and artists to add, away from those to subtract."""
        arguments = Arguments.of_body(self._most)
        items = arguments.objects("items")
        add, subtract = (self._items(items, op) for op in ("ADD", "SUBTRACT"))
        if not add:
            raise ServeError(404, "items names no song or artist to add that there is")
        with refused_as(404):
            count = arguments.count("n", default=BLEND)
            found = self._answers.blend(add, subtract, count, among=self._ids.known)
        return {"results": self._rows(found)}

    def _items(self, entries: list[Mapping[str, Any]], op: str) -> list[int]:
        """The ids of the items to add or to subtract; those that are unknown are left out."""
        found: list[int] = []
        for entry in entries:
            if as_text("op", entry.get("op")).upper() != op:
                continue
            kind, id_ = entry.get("type", "song"), as_text("id", entry.get("id"))
            if kind == "song":
                item = self._ids.item(id_)
                found += [] if item is None else [item]
            elif kind == "artist":
                found += items_of(id_, self._ids, self._answers)
            else:
                raise ServeError(400, "type has to be song or artist")
        return list(dict.fromkeys(found))

    def fingerprint(self) -> list[Row]:
        """`sonic_fingerprint/generate`: near to what the library says was played lately."""
        is_post = request.method == "POST"
        arguments = Arguments.of_body(self._most) if is_post else Arguments.of_url(self._most)
        count = arguments.count("n", default=PLAYED)
        with refused_as(404):
            played = self._answers.recently_played(LATELY)[:SEEDS]
            return self._rows(self._answers.similar(played, count, among=self._ids.known))

    def _near(self, seed: int, count: int, capped: bool) -> list[Song]:
        cap = (self._answers.max_per_artist or OF_AN_ARTIST) if capped else 0
        options = replace(self._answers.options, max_per_artist=cap)
        with refused_as(404):
            found = self._answers.similar([seed], count, among=self._ids.known, options=options)
        if not found:
            raise ServeError(404, "there is no song like this one to choose from")
        return found

    def _rows(self, songs: list[Song]) -> list[Row]:
        return tracks(songs, self._ids, with_distance=True)

    def _seed(self, arguments: Arguments) -> int:
        if id_ := arguments.text("item_id"):
            return self._item(id_)
        title, artist = arguments.text("title"), arguments.text("artist")
        if not title or not artist:
            raise ServeError(400, "item_id is missing, or title and artist")
        with nothing_for(404):
            for song in self._answers.matching(exactly(artist=artist, title=title), NAMESAKES):
                if self._ids.song(song.id) is not None:
                    return song.id
        raise ServeError(404, "there is no song of this title and artist")

    def _item(self, id_: str) -> int:
        item = self._ids.item(id_)
        if item is None:
            raise parameters.unknown(id_)
        return item
