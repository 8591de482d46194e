"""What is known of a song, on the media server and in the library."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beets.library import Library

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_TEXT = 2000  # characters of a field that are kept


@dataclass(frozen=True, slots=True)
class Tags:
    """What tells songs apart.

    Attributes
    ----------
    length : float
        Seconds; 0 where it is not known.
    recording : str
        MusicBrainz' recording id, or empty.
    disc, track : int
        0 where they are not known.
    path : str
        The library's, absolute; the server's, as it names it: absolute, below its music folder, or invented from tags.
    """

    title: str
    artist: str
    album_artist: str
    album: str
    length: float
    recording: str
    disc: int
    track: int
    path: str


@dataclass(frozen=True, slots=True)
class ServerSong:
    """A song of the media server."""

    id: str
    artist_id: str  # empty where the server gives none
    tags: Tags


@dataclass(frozen=True, slots=True)
class LibrarySong:
    """An item of the library."""

    id: int
    tags: Tags


def library_songs(lib: Library) -> Iterator[LibrarySong]:
    """The library's items, read with one statement."""
    with lib.transaction() as tx:
        rows = tx.query(
            "SELECT id, title, artist, albumartist, album, length, mb_trackid, disc, track, path FROM items ORDER BY id"
        )
    for id_, title, artist, album_artist, album, length, recording, disc, track, path in rows:
        file = os.fsdecode(os.path.join(lib.directory, bytes(path))) if path else ""
        yield LibrarySong(
            id_,
            Tags(
                title or "",
                artist or "",
                album_artist or "",
                album or "",
                _number(length),
                _recording(recording or ""),
                int(_number(disc)),
                int(_number(track)),
                file,
            ),
        )


def from_server(entry: Any) -> ServerSong | None:
    """A song as the API gives it; None for a folder, a video, or what has no id."""
    if not isinstance(entry, Mapping) or entry.get("isDir") is True or entry.get("isVideo") is True:
        return None
    id_ = text_of(entry.get("id"))
    if not id_:
        return None
    tags = Tags(
        text_of(entry.get("title")),
        text_of(entry.get("artist")),
        text_of(entry.get("displayAlbumArtist")),
        text_of(entry.get("album")),
        _number(entry.get("duration")),
        _recording(text_of(entry.get("musicBrainzId"))),
        int(_number(entry.get("discNumber"))),
        int(_number(entry.get("track"))),
        text_of(entry.get("path")),
    )
    return ServerSong(id_, text_of(entry.get("artistId")), tags)


def text_of(value: Any) -> str:
    """A text that can be sent and stored; ids are numbers on some servers."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value[:MAX_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _recording(text: str) -> str:
    """MusicBrainz' id; beets' field may hold that of another source, and tags anything."""
    return text if _UUID.fullmatch(text := text.strip().lower()) else ""


def _number(value: Any) -> float:
    """A number from 0 on; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return value if 0 <= value < 1e9 and math.isfinite(value) else 0
