"""Songs as AudioMuse-AI writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..answers import Song
    from ..ids import SongIds

UNKNOWN = "unknown"  # an album without a name


def tracks(songs: Iterable[Song], ids: SongIds, *, with_distance: bool = False) -> list[dict[str, Any]]:
    """Those of some songs that the client has, in that order."""
    return [track(song, id_, with_distance=with_distance) for song, id_ in of_client(songs, ids)]


def of_client(songs: Iterable[Song], ids: SongIds) -> Iterator[tuple[Song, str]]:
    """Those of some songs that the client has, each with the client's id."""
    for song in songs:
        if (id_ := ids.song(song.id)) is not None:
            yield song, id_


def track(song: Song, id_: str, *, with_distance: bool = False) -> dict[str, Any]:
    row: dict[str, Any] = {
        "item_id": id_,
        "title": song.title,
        "author": song.artist,
        "album": song.album.strip() or UNKNOWN,
    }
    if with_distance and song.distance is not None:
        row["distance"] = max(float(song.distance), 0.0)  # clients take what is below 0 by rounding as unknown
    return row
