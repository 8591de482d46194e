"""Which songs are by one artist, or on one album; and which of these a query means."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import beets
from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import number_of, one_line
from musrec_core.search.recordings import leading_artist, plain_name

from ..library import sql

if TYPE_CHECKING:
    from beets.library import Library
    from beets.logging import BeetsLogger

NO_ARTISTS = ("Various Artists", "Various", "VA", "Unknown", "Unknown Artist", "No Artist")
MAX_NAMED = 5  # seeds in one line
UNTITLED = (  # albums, and the path of a song of each
    "SELECT albums.id, min(items.path) FROM albums JOIN items ON items.album_id = albums.id "
    "WHERE trim(coalesce(albums.album, '')) = '' GROUP BY albums.id"
)


@dataclass(frozen=True)
class Groups:
    """Songs by artist or by album.

    Attributes
    ----------
    what : str
        ``artist`` or ``album``.
    of_song : dict of int to int
        An item's id -> its group's number; a song of none is left out.
    names : list of str
        What each group is called, by its number.
    labels : list of str
        Its artist, in plain words, as far as one is known.
    album_ids : list of int
        The ids of the albums, where the groups are albums.
    """

    what: str
    of_song: dict[int, int]
    names: list[str]
    labels: list[str]
    album_ids: list[int]

    @cached_property
    def songs(self) -> dict[int, list[int]]:
        """The ids of each group's songs."""
        found: dict[int, list[int]] = {}
        for id_, number in self.of_song.items():
            found.setdefault(number, []).append(id_)
        return found


# Artists.


def by_artist(lib: Library) -> Groups:
    """The library's songs by artist, spelt as on most songs; case, accents, punctuation and "The" do not matter.

    The artist is the song's, without guests, or else the album's. "Various Artists" is none.
    """
    with lib.transaction() as tx:
        rows = tx.query("SELECT id, artist, albumartist FROM items ORDER BY id")
    nobody = _nobody()
    tagged: dict[tuple[str | None, str | None], list[int]] = {}  # by the tags of artist and album artist
    for id_, artist, album_artist in rows:
        tagged.setdefault((artist, album_artist), []).append(id_)
    plain = cache(plain_name)
    songs: dict[str, list[int]] = {}  # by the name in plain words
    spellings: dict[str, Counter[str]] = {}
    for (artist, album_artist), ids in tagged.items():
        spelling = _artist(artist or "", album_artist or "", plain, nobody)
        if name := plain(spelling):
            songs.setdefault(name, []).extend(ids)
            spellings.setdefault(name, Counter())[spelling] += len(ids)
    of_song = {id_: number for number, ids in enumerate(songs.values()) for id_ in ids}
    names = [counter.most_common(1)[0][0] for counter in spellings.values()]
    return Groups("artist", of_song, names, list(songs), [])


def _nobody() -> set[str]:
    """Names that stand for no artist, in plain words."""
    return {plain_name(name) for name in (*NO_ARTISTS, beets.config["va_name"].as_str())}


def _artist(artist: str, album_artist: str, plain: Callable[[str], str], nobody: set[str]) -> str:
    """The artist of a song as it is spelt; empty where there is none."""
    found = (leading_artist(artist, album_artist), " ".join(album_artist.split()))
    return next((name for name in found if name and plain(name) not in nobody), "")


# Albums.


def by_album(lib: Library) -> Groups:
    """The songs of beets' albums; singletons are on none. An album without a title is called by its folder."""
    with lib.transaction() as tx:
        folders = {row[0]: row[1] for row in tx.query(UNTITLED)}
        albums = tx.query("SELECT id, album, albumartist FROM albums ORDER BY id")
        rows = tx.query("SELECT id, album_id FROM items WHERE album_id IS NOT NULL")
    numbers = {row[0]: number for number, row in enumerate(albums)}
    nobody = _nobody()
    artists = [plain_name(row[2] or "") for row in albums]
    return Groups(
        "album",
        {id_: numbers[album] for id_, album in rows if album in numbers},
        [
            " - ".join(filter(None, [artist, _folder(folders[id_]) if id_ in folders else title]))
            for id_, title, artist in albums
        ],
        ["" if artist in nobody else artist for artist in artists],
        list(numbers),
    )


def _folder(path: bytes | None) -> str:
    """The name of the folder of a song, in brackets, as it is no title."""
    return f"[{displayable_path(os.path.basename(os.path.dirname(path or b'')))}]"


def _titled(lib: Library, title: str) -> list[int]:
    """The ids of the albums of this title, in plain words; or, without a title, of this folder."""
    with lib.transaction() as tx:
        folders = {row[0]: row[1] for row in tx.query(UNTITLED)}
        rows = tx.query("SELECT id, album FROM albums ORDER BY id")
    wanted = plain_name(title)
    names = ((id_, _folder(folders[id_]) if id_ in folders else album) for id_, album in rows)
    return [id_ for id_, name in names if name and plain_name(name) == wanted]


# What a query means.


def meant(lib: Library, groups: Groups, args: list[str], log: BeetsLogger, *, first: bool = False) -> list[int]:
    """The numbers of the groups that a query names; raises `UserError` where there are none.

    The one whose name the words are, in plain words; or else those of the songs (or albums) that they match.
    """
    text = " ".join(args)
    if not text.strip():
        raise UserError(f"name an {groups.what}, as in: {EXAMPLES[groups.what]}")
    named = _of_albums(lib, groups, args) if groups.what == "album" else _named(groups, text)
    found = named or _of_songs(groups, sql.matching(lib, args))
    if not found:
        lacks = "has an artist" if groups.what == "artist" else "is on one of beets' albums"
        raise UserError(f"no song that {one_line(text)} matches {lacks}")
    if first or len(found) == 1:
        songs = number_of(len(groups.songs.get(found[0], ())), "song")
        log.info("the seed is {} ({})", one_line(groups.names[found[0]]), songs)
        return found[:1]
    log.info("{} {}s match, and are the seeds: {}", len(found), groups.what, listed(groups, found))
    return found


EXAMPLES = {"artist": "beet similar --artists Coldplay", "album": "beet similar --albums Parachutes"}


def listed(groups: Groups, numbers: list[int]) -> str:
    """The names of some groups, the first few of them, for one line."""
    more = f"; and {len(numbers) - MAX_NAMED} more" if len(numbers) > MAX_NAMED else ""
    return "; ".join(one_line(groups.names[number]) for number in numbers[:MAX_NAMED]) + more


def _named(groups: Groups, text: str) -> list[int]:
    wanted = plain_name(text)
    return [groups.labels.index(wanted)] if wanted in groups.labels else []


def _of_albums(lib: Library, groups: Groups, args: list[str]) -> list[int]:
    numbers = {album: number for number, album in enumerate(groups.album_ids)}
    ids = _titled(lib, " ".join(args)) or [album.id or 0 for album in lib.albums(args)]
    return [numbers[id_] for id_ in ids if id_ in numbers]


def _of_songs(groups: Groups, ids: Iterable[int]) -> list[int]:
    return list(dict.fromkeys(groups.of_song[id_] for id_ in ids if id_ in groups.of_song))
