"""What `beet musrec-serve --match` prints: how many songs are matched, and which are not and why."""

from __future__ import annotations

import os
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeVar

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import number_of, one_line

from . import song_map
from .client import Client
from .matching import Matching, Reason, Unmatched
from .paths import LibraryPaths, folders_of
from .protocol import SubsonicError
from .song_map import ServerList
from .songs import LibrarySong, ServerSong, Tags, library_songs

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

    from ...config import SubsonicSettings

WIDTH = 80  # columns
SHOWN = 10  # songs of each reason

IdT = TypeVar("IdT", str, int)

_SAME = {
    Reason.DOUBTFUL: "with the MusicBrainz id or the file of one with other tags",
    Reason.DIFFERENT: "that differ from their namesakes in album, place or length",
}
OF_SERVER = {
    Reason.SEVERAL: "that may be several of the library's, or share one",
    **_SAME,
    Reason.MISSING: "without a namesake in the library",
}
OF_LIBRARY = {
    Reason.SEVERAL: "that may be several of the server's, or share one",
    **_SAME,
    Reason.MISSING: "without a namesake on the server",
}


def report(lib: Library, settings: SubsonicSettings, log: BeetsLogger) -> tuple[list[str], bool]:
    """Match the songs of the server, read anew, and keep the result.

    Returns
    -------
    lines : list of str
    is_complete : bool
        Whether each song of the server has its item.

    Raises
    ------
    UserError
        The settings can't be right, or the server can't be read.
    """
    client, folders = Client(settings, log), folders_of(settings.paths)
    try:
        mark = client.scan_state().mark
        songs = list(client.songs())
    except SubsonicError as error:
        raise UserError(str(error)) from None
    found, matching = song_map.make(lib, ServerList.of(client.name, mark, songs), folders)
    try:
        song_map.save(lib, found)
    except OSError as error:
        path = displayable_path(song_map.path_of(lib))
        log.warning("{} can't be written ({}): the server will match them anew", path, error.strerror)
    items = list(library_songs(lib))
    paths = LibraryPaths(items, folders, os.fsdecode(lib.directory))
    return [*_lines(client.host, songs, items, matching, paths)], not matching.songs_left


def _lines(
    host: str, songs: Sequence[ServerSong], items: Sequence[LibrarySong], matching: Matching, paths: LibraryPaths
) -> Iterator[str]:
    tags_of_song = {song.id: song.tags for song in songs}
    tags_of_item = {item.id: item.tags for item in items}
    matched_items = len(set(matching.items.values()))
    yield f"{one_line(host)}: {number_of(len(songs), 'song')}, {len(matching.items)} matched"
    yield f"the library: {number_of(len(items), 'song')}, {matched_items} matched"
    of_server = _Side(matching.songs_left, tags_of_song, OF_SERVER)
    of_library = _Side(matching.items_left, tags_of_item, OF_LIBRARY)
    yield from of_server.counts("of the server")
    yield from of_library.counts("of the library")
    if (matching.songs_left or matching.items_left) and (line := _hint(songs, paths)):
        yield from ("", *line)
    for reason in Reason:
        yield from of_server.list("the server", reason, lambda left: [tags_of_item[id_] for id_ in left.items])
        yield from of_library.list("the library", reason, lambda left: [tags_of_song[id_] for id_ in left.songs])


class _Side(Generic[IdT]):
    """The songs of one side that are not matched."""

    def __init__(
        self, left: Mapping[IdT, Unmatched], tags: Mapping[IdT, Tags], sentences: Mapping[Reason, str]
    ) -> None:
        self._left: Mapping[IdT, Unmatched] = left
        self._tags: Mapping[IdT, Tags] = tags
        self._sentences = sentences

    def _of(self, reason: Reason) -> list[IdT]:
        """In the order of the names."""
        ids = [id_ for id_, left in self._left.items() if left.reason is reason]
        return sorted(ids, key=lambda id_: (_shown(self._tags[id_]).casefold(), id_))

    def counts(self, what: str) -> Iterator[str]:
        """How many there are for each reason."""
        if not self._left:
            return
        yield ""
        yield f"Not matched {what}:"
        for reason, sentence in self._sentences.items():
            if ids := self._of(reason):
                yield f"{len(ids):6} {sentence}"

    def list(self, where: str, reason: Reason, compared: Callable[[Unmatched], Sequence[Tags]]) -> Iterator[str]:
        """The first of those with one reason, and under each what it was compared with."""
        ids = self._of(reason)
        if not ids:
            return
        yield ""
        yield f"Songs of {where} {self._sentences[reason]}:"
        for id_ in ids[:SHOWN]:
            yield _cut(f"  {_shown(self._tags[id_])}")
            for tags in compared(self._left[id_]):
                yield _cut(f"    ? {_shown(tags)}")
        if len(ids) > SHOWN:
            yield f"  and {len(ids) - SHOWN} more"


def _hint(songs: Sequence[ServerSong], paths: LibraryPaths) -> list[str]:
    """What to do where the server's paths lead nowhere."""
    named = [song.tags.path for song in songs if song.tags.path]
    if not named or any(map(paths.same, named)):
        return []
    return [
        "No path of the server is a file of the library: see musrec.serve.subsonic.paths",
        _cut(f"  the server: {one_line(named[0])}"),
    ]


def _shown(tags: Tags) -> str:
    minutes, seconds = divmod(round(tags.length), 60)
    place = f"{tags.disc or 1}-{tags.track:02}, " if tags.track else ""
    name = " - ".join(filter(None, [tags.artist, tags.title])) or os.path.basename(tags.path)
    album = f"{tags.album}, " if tags.album else ""
    return one_line(f"{name} ({album}{place}{minutes}:{seconds:02})")


def _cut(line: str) -> str:
    """A line that a terminal shows in one; characters of East Asia take two columns."""
    columns = [*accumulate(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)]
    if not columns or columns[-1] <= WIDTH:
        return line
    return line[: bisect_right(columns, WIDTH - 1)] + "\N{HORIZONTAL ELLIPSIS}"
