"""Which song of the media server is which item of the library.

A pair is possible if the two have one MusicBrainz recording id, one file, or one artist, title, album and length, and
if what else is known of them does not speak against it. A song is an item if no other pair of the song is as good, and
none of the item: a song that may be several items is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from .evidence import Evidence, Pair, Words, words_of
from .paths import LibraryPaths, plain
from .songs import LibrarySong, ServerSong

MAX_PAIRS = 10_000  # of one recording id or name: more are a tag that says nothing
MAX_NAMED = 3  # counterparts that are kept for the user

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Reason(Enum):
    """Why a song has no match."""

    SEVERAL = "several"  # are as good
    DOUBTFUL = "doubtful"  # one recording id or file, but other tags
    DIFFERENT = "different"  # one artist and title, but another album or length
    MISSING = "missing"


@dataclass(frozen=True)
class Unmatched:
    """Why a song has no match, and with what it was compared."""

    reason: Reason
    songs: tuple[str, ...] = ()  # of the server
    items: tuple[int, ...] = ()


@dataclass
class Matching:
    """Which songs are which.

    Attributes
    ----------
    items : dict of str to int
        A song's id on the server -> the item's. Two songs are one item only where the server lists one file twice.
    songs_left, items_left : dict
        The others, by their ids.
    """

    items: dict[str, int] = field(default_factory=dict)
    songs_left: dict[str, Unmatched] = field(default_factory=dict)
    items_left: dict[int, Unmatched] = field(default_factory=dict)


def match(
    songs: Sequence[ServerSong], items: Sequence[LibrarySong], folders: Mapping[str, str], directory: str
) -> Matching:
    """Match the songs of a server to the library's items.

    Parameters
    ----------
    folders : mapping of str to str
        `musrec.serve.subsonic.paths`.
    directory : str
        The library's folder.
    """
    return _Matcher(songs, items, LibraryPaths(items, folders, directory)).result()


class _Matcher:
    def __init__(self, songs: Sequence[ServerSong], items: Sequence[LibrarySong], paths: LibraryPaths) -> None:
        self._songs = {song.id: song for song in songs}
        self._items = {item.id: item for item in items}
        self._song_words = {song.id: words_of(song.tags) for song in songs}
        self._item_words = {item.id: words_of(item.tags) for item in items}
        self._same_file = {song.id: paths.same(song.tags.path) for song in songs if song.tags.path}
        self._same_folders = {song.id: paths.alike(song.tags.path) for song in songs if song.tags.path}
        self._of_song: dict[str, dict[int, Evidence]] = defaultdict(dict)
        self._of_item: dict[int, dict[str, Evidence]] = defaultdict(dict)
        self._doubts: list[tuple[str, int]] = []
        self._best_songs: dict[int, str | None] = {}
        self._listed_twice: dict[int, bool] = {}
        self._crowd_songs: set[str] = set()  # of tags that say nothing
        self._crowd_items: set[int] = set()
        self._blocked: set[str] = set()  # whose files are items with other tags: no other item is they

    # Possible pairs.

    def _find_pairs(self) -> None:
        recordings = self._pairs_of(lambda song: song.tags.recording, lambda item: item.tags.recording)
        named = self._pairs_of(
            lambda song: _key(self._song_words[song.id]), lambda item: _key(self._item_words[item.id])
        )
        doubts = self._add(recordings, Pair.may_be_one_recording)
        files = self._add(_flat(self._same_file), Pair.may_be_one_file)
        self._blocked = {song for song, item in files if self._pair(song, item).same_length}
        self._add(_flat(self._same_folders), Pair.has_one_name)
        self._add(named, Pair.has_one_title)
        self._doubts = doubts + files

    def _pairs_of(
        self, song_key: Callable[[ServerSong], KeyT], item_key: Callable[[LibrarySong], KeyT]
    ) -> Iterable[tuple[str, int]]:
        """Those that share a key that is not empty."""
        items, songs = _grouped(self._items.values(), item_key), _grouped(self._songs.values(), song_key)
        for key, some in songs.items():
            others = items.get(key, [])
            if not key or not others:
                continue
            if len(some) * len(others) > MAX_PAIRS:
                self._crowd_songs.update(song.id for song in some)
                self._crowd_items.update(item.id for item in others)
                continue
            yield from ((song.id, item.id) for song in some for item in others)

    def _pair(self, song: str, item: int) -> Pair:
        tags = self._songs[song].tags, self._items[item].tags
        return Pair(*tags, self._song_words[song], self._item_words[item])

    def _add(self, pairs: Iterable[tuple[str, int]], is_possible: Callable[[Pair], bool]) -> list[tuple[str, int]]:
        """Keep the pairs that are possible; returns the others."""
        impossible = []
        for song, item in pairs:
            if item in self._of_song.get(song, ()):
                continue
            pair = self._pair(song, item)
            if not is_possible(pair):
                impossible.append((song, item))
                continue
            found = pair.evidence(item in self._same_file.get(song, ()), item in self._same_folders.get(song, ()))
            self._of_song[song][item] = self._of_item[item][song] = found
        return impossible

    # The best ones.

    def result(self) -> Matching:
        self._find_pairs()
        matching = Matching()
        for song, found in self._of_song.items():
            if song not in self._blocked and (item := self._only(song, found)) is not None:
                matching.items[song] = item
        self._explain(matching)
        return matching

    def _only(self, song: str, found: Mapping[int, Evidence]) -> int | None:
        """The item that a song is; None where it may be another, or another song may be it."""
        item = _best(found)
        if item is None:
            return None
        if len(found) == len(self._of_item[item]) == 1:
            return item
        if self._best_song(item) == song:
            return item if found[item].tells_apart else None
        return item if self._is_listed_twice(item) else None

    def _best_song(self, item: int) -> str | None:
        if item not in self._best_songs:
            self._best_songs[item] = _best(self._of_item[item])
        return self._best_songs[item]

    def _is_listed_twice(self, item: int) -> bool:
        """Whether all songs that may be an item are one file, which the server lists several times, and no other."""
        if item not in self._listed_twice:
            others = self._of_item[item]
            files = {plain(self._songs[other].tags.path) for other in others}
            lone = all(len(self._of_song[other]) == 1 and found.same_file for other, found in others.items())
            self._listed_twice[item] = lone and len(files) == 1
        return self._listed_twice[item]

    # The others.

    def _explain(self, matching: Matching) -> None:
        """Say of each song and item that is left why."""
        taken = set(matching.items.values())
        doubted_items, doubting_songs = defaultdict(list), defaultdict(list)
        for song, item in self._doubts:
            doubted_items[song].append(item)
            doubting_songs[item].append(song)
        items_named = _grouped(self._items.values(), lambda item: self._item_words[item.id].name)
        songs_named = _grouped(self._songs.values(), lambda song: self._song_words[song.id].name)
        for song in self._songs.keys() - matching.items.keys():
            several = self._of_song.get(song) if song not in self._blocked else None
            reason, items = _reason(
                several or {},
                song in self._crowd_songs,
                doubted_items.get(song, []),
                [item.id for item in items_named.get(self._song_words[song].name, [])],
            )
            matching.songs_left[song] = Unmatched(reason, items=tuple(sorted(items)[:MAX_NAMED]))
        for item in self._items.keys() - taken:
            reason, songs = _reason(
                self._of_item.get(item) or {},
                item in self._crowd_items,
                doubting_songs.get(item, []),
                [song.id for song in songs_named.get(self._item_words[item].name, [])],
            )
            matching.items_left[item] = Unmatched(reason, songs=tuple(sorted(songs)[:MAX_NAMED]))


def _reason(
    possible: Iterable[KeyT], is_in_crowd: bool, doubtful: Sequence[KeyT], named: Sequence[KeyT]
) -> tuple[Reason, list[KeyT]]:
    """Why there is no match, and the ids of what was compared."""
    if (several := list(possible)) or is_in_crowd:
        return Reason.SEVERAL, several
    if doubtful:
        return Reason.DOUBTFUL, list(doubtful)
    return (Reason.DIFFERENT, list(named)) if named else (Reason.MISSING, [])


def _key(words: Words) -> tuple[str, str, str] | None:
    """Artist, title and album; nothing for a song without a title."""
    return (words.first_artist, words.title, words.album) if words.title else None


def _grouped(values: Iterable[ValueT], key: Callable[[ValueT], KeyT]) -> dict[KeyT, list[ValueT]]:
    found: dict[KeyT, list[ValueT]] = {}
    for value in values:
        found.setdefault(key(value), []).append(value)
    return found


def _flat(found: Mapping[str, Sequence[int]]) -> Iterable[tuple[str, int]]:
    return ((song, item) for song, items in found.items() if len(items) <= MAX_PAIRS for item in items)


def _best(found: Mapping[KeyT, Evidence]) -> KeyT | None:
    """The one whose evidence is better than that of every other."""
    ranked = sorted(found, key=lambda key: found[key].rank, reverse=True)
    if len(ranked) > 1 and found[ranked[0]].rank == found[ranked[1]].rank:
        return None
    return ranked[0]
