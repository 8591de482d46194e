"""What speaks for and against a song of the media server being an item of the library."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from musrec_core.search.recordings import plain_artist, plain_name, plain_title

from .songs import Tags

SAME_LENGTH = 2.5  # seconds: servers give whole ones, rounded or cut; containers differ in padding
ONE_RECORDING = 5.0  # seconds: rips of one recording differ in silence
SAME_SECOND = 1.0
NOTHING = {"", "non album tracks", "unknown album", "unknown artist", "unknown", "no album", "no artist"}

Rank = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of a song in plain words: without case, accents and punctuation."""

    title: str
    bare_title: str  # without what tells editions apart
    artist: str
    first_artist: str
    album: str
    ending: str  # of the file

    @property
    def name(self) -> tuple[str, str]:
        """What songs of one name share; a title in its full length, as a concert is another recording."""
        return self.first_artist, self.title


@lru_cache(2**16)
def _name(text: str) -> str:
    found = plain_name(text)
    return "" if found in NOTHING else found


@lru_cache(2**16)
def _first_artist(text: str) -> str:
    found = plain_artist(text)
    return "" if found in NOTHING else found


def words_of(tags: Tags) -> Words:
    """The texts of a song in plain words; a name that stands for none is none."""
    artist = tags.artist or tags.album_artist
    return Words(
        plain_name(tags.title),
        plain_title(tags.title),
        _name(artist),
        _first_artist(artist),
        _name(tags.album),
        os.path.splitext(tags.path)[1].lower(),
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two may be the same.

    Attributes
    ----------
    rank : tuple of int
        Compares pairs: the greater, the better. It counts, in this order: same recording id and same file; same names
        of file and folders; same album; same place on it; same artist, title and ending to the letter; same second.
    tells_apart : bool
        Whether it can tell copies of a recording apart: same file, folders or album.
    same_file : bool
    """

    rank: Rank
    tells_apart: bool
    same_file: bool


class Pair:
    """A song of the server and an item, compared."""

    def __init__(self, song: Tags, item: Tags, song_words: Words, item_words: Words) -> None:
        self._song, self._item = song, item
        a, b = song_words, item_words
        self._gap = abs(song.length - item.length) if song.length and item.length else None
        self._same_recording = bool(song.recording) and song.recording == item.recording
        self._other_recording = bool(song.recording and item.recording) and not self._same_recording
        self._same_title = bool(a.bare_title) and a.bare_title == b.bare_title
        self._same_full_title = bool(a.title) and a.title == b.title
        self._same_artist = a.first_artist == b.first_artist
        self._same_album = a.album == b.album
        self._same_ending = a.ending == b.ending
        self._has_places = bool(song.track and item.track)
        self._same_place = self._has_places and (song.track, song.disc or 1) == (item.track, item.disc or 1)

    @property
    def same_length(self) -> bool:
        return self._gap is not None and self._gap <= SAME_LENGTH

    def may_be_one_recording(self) -> bool:
        """Of two with one recording id: a wrong tag shows in another title and length."""
        if self._gap is None:
            return self._same_title and self._same_artist
        return self._gap <= ONE_RECORDING and (self._same_title or (self._same_album and self._same_place))

    def may_be_one_file(self) -> bool:
        """Of two with one path: the file may be another now, or the path invented."""
        if self._gap is None:
            return self._same_title
        if self._other_recording:
            return self._same_title and self.same_length
        return self.same_length or (self._same_title and self._gap <= ONE_RECORDING)

    def has_one_name(self) -> bool:
        """Of two with files of one name in folders of one name."""
        return self._same_full_title and self.same_length and not self._other_recording

    def has_one_title(self) -> bool:
        """Of two with one artist, title and album."""
        if (self._other_recording or self._has_places) and not self._same_place:
            return False
        return self.same_length if self._gap is not None else self._same_place

    def evidence(self, same_file: bool, same_folders: bool) -> Evidence:
        """What speaks for a pair that is possible."""
        song, item = self._song, self._item
        same_folders = same_folders and not same_file  # is counted already
        rank = (
            self._same_recording + same_file,
            same_folders,
            self._same_album,
            self._same_place,
            song.artist == item.artist,
            song.title == item.title,
            self._same_ending,
            self._gap is not None and self._gap <= SAME_SECOND,
        )
        tells_apart = same_file or same_folders or self._same_album
        return Evidence(rank, tells_apart, same_file)
