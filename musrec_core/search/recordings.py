"""Copies of one recording (album and best-of, MP3 and FLAC): how they are recognised, and reduced to one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .distance import paired
from .index import Neighbour

MAX_DISTANCE = 0.05  # cosine distance of two copies; docs/recommend.md says how it was chosen
MAX_LENGTH_DIFFERENCE = 3.0  # seconds between copies: encoders pad, rippers trim silence
COMPARED_LENGTH_DIFFERENCE = 5.0  # seconds: files that differ by more are compared only if their titles agree

_VERSION = re.compile(
    r"\b(live|remaster(ed)?|re-?master(ed)?|mono|stereo|(single|album|radio|original|full) (version|edit|mix)"
    r"|version|bonus( track)?|deluxe|anniversary|explicit|clean|hq|hd|digital|f(ea)?t\.?|featuring|with)\b",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")
_AFTER_DASH = re.compile(r"\s[-\u2013\u2014]\s+(?P<what>[^-\u2013\u2014]*)$")
_GUEST = re.compile(r"\s(f(ea)?t\.?|featuring)\s.*$", re.IGNORECASE)
_ARTIST_END = re.compile(r"\s(f(ea)?t\.?|featuring|with|vs\.?|&|and|x)\s.*$|[,;/].*$", re.IGNORECASE)
_FEATURED = re.compile(r"\s+[(\[]?(f(ea)?t\.|f(ea)?t|featuring)\s.*$", re.IGNORECASE)
_OTHERS = re.compile(r"\s*([,;/&+]|(and|with|vs\.?|x|und|et|y|e|och|en)\s)", re.IGNORECASE)
_THE = re.compile(r"^the (?=.)")
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Copy:
    """The metadata of a file by which copies of a recording are recognised and ranked.

    Attributes
    ----------
    title, artist : str
        As they are tagged.
    length : float
        Seconds; 0 where it is not known.
    recording : str
        MusicBrainz' recording id, or empty.
    lossless : bool
    bit_rate : int
        Bits a second.
    album : int
        A number that its songs share; 0 for a song on no album.
    place : tuple of int and int
        Disc and track on the album; 0 where they are not known.
    """

    title: str
    artist: str
    length: float
    recording: str = ""
    lossless: bool = False
    bit_rate: int = 0
    album: int = 0
    place: tuple[int, int] = (0, 0)

    @property
    def quality(self) -> tuple[bool, int]:
        """A key that sorts from the worst to the best: lossless or not, then the bit rate."""
        return self.lossless, self.bit_rate


def plain_title(title: str) -> str:
    """A title without what tells editions apart: case, accents, ``(live)``, ``- 2011 Remaster``, ``feat. X``.

    Words that promise other sounds (``remix``, ``demo``, ``acoustic``, ``instrumental``, ``Part 2``) stay.
    """
    text = _BRACKETS.sub(lambda found: "" if _VERSION.search(found[0]) else found[0], title)
    if (last := _AFTER_DASH.search(text)) and _VERSION.search(last["what"]):
        text = text[: last.start()]
    return _plain(_GUEST.sub("", text)) or _plain(title)


def plain_artist(artist: str) -> str:
    """The first artist's name without case, accents, punctuation and ``The``."""
    folded = " ".join(artist.split())
    return _THE.sub("", _plain(_ARTIST_END.sub("", folded)) or _plain(folded))


def plain_name(name: str) -> str:
    """A name without case, accents, punctuation and ``The``; one of nothing but punctuation as it is."""
    folded = " ".join(name.split())
    return _THE.sub("", _plain(folded)) or folded.casefold()


def leading_artist(artist: str, album_artist: str) -> str:
    """The artist whose song it is, as it is spelt: without guests (``feat. X``).

    ``A & B`` is an artist of its own, unless the album is by ``A``.
    """
    name = _FEATURED.sub("", " ".join(artist.split()))
    leader = " ".join(album_artist.split())
    if leader and name.casefold().startswith(leader.casefold()) and _OTHERS.match(name[len(leader) :]):
        return leader
    return name


def _plain(text: str) -> str:
    if text.isascii():
        return _NOT_WORD.sub(" ", text.casefold()).strip()
    folded = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in folded if not unicodedata.combining(character))
    return _NOT_WORD.sub(" ", bare).strip()


def same_recording(a: Copy, b: Copy, distance: float) -> bool:
    """Whether two files hold one recording.

    They do if MusicBrainz says so; else if title and first artist are the same in plain words, the lengths differ by
    3 s at most, and the vectors by a cosine distance of 0.05 at most. A concert has another sound and another length,
    so that ``(live)`` may go from the title. Without a title nothing is known. Two tracks of one album are two
    recordings, though each be called ``Allegro``.
    """
    if a.recording and a.recording == b.recording:
        return True
    if a.album and a.album == b.album and a.place != b.place:
        return False
    if abs(a.length - b.length) > MAX_LENGTH_DIFFERENCE or not distance <= MAX_DISTANCE:
        return False
    return same_name(a, b)


def same_name(a: Copy, b: Copy) -> bool:
    """Whether title and first artist are the same in plain words; without a title nothing is known."""
    title, artist = plain_title(a.title), plain_artist(a.artist)
    return bool(title) and title == plain_title(b.title) and artist == plain_artist(b.artist)


def worth_comparing(a: Copy, b: Copy) -> bool:
    """Whether two files may hold one recording, so that it pays to compare their sound.

    Their lengths differ by 5 s at most, or one is not known, or the names are the same: then silence may explain it.
    """
    return not (a.length and b.length) or abs(a.length - b.length) <= COMPARED_LENGTH_DIFFERENCE or same_name(a, b)


def may_be_same(a: Copy, b: Copy, distance: float) -> bool:
    """Whether nothing that is known speaks against one recording, where the files can't be compared.

    The lengths differ by 3 s at most, the vectors by a cosine distance of 0.05 at most, and the names are the same or
    one file has no title.
    """
    if abs(a.length - b.length) > MAX_LENGTH_DIFFERENCE or not distance <= MAX_DISTANCE:
        return False
    return same_name(a, b) or not (a.title and b.title)


class Recordings:
    """Finds out which files hold the same recording.

    Parameters
    ----------
    copies : mapping of int to Copy
        What is known of each id.
    vectors : mapping of int to np.ndarray [shape=(d,)]
        Their embeddings. An id without one is compared by its recording id alone.

    Both mappings may grow; what they say of an id must not change.
    """

    def __init__(self, copies: Mapping[int, Copy], vectors: Mapping[int, NDArray[np.float32]]) -> None:
        self._copies = copies
        self._vectors = vectors
        self._known_keys: dict[int, list[str]] = {}

    def same(self, a: int, b: int) -> bool:
        """Whether two ids are one recording; an id of which nothing is known is like no other."""
        one, other = self._copies.get(a), self._copies.get(b)
        return one is not None and other is not None and same_recording(one, other, self._distance(a, b))

    def collapse(self, ranked: Sequence[Neighbour], known: Iterable[int] = ()) -> list[Neighbour]:
        """One answer a recording: the best copy, in its own rank.

        Parameters
        ----------
        ranked : sequence of Neighbour
            Nearest first.
        known : iterable of int
            Ids whose recordings are no answer: the seeds'.
        """
        groups: list[list[Neighbour]] = [[]]  # the first one is the seeds'
        seen: dict[str, list[tuple[int, int]]] = {}  # key -> ids and their groups
        for id_ in known:
            self._note(seen, id_, 0)
        for neighbour in ranked:
            near = (entry for key in self._keys(neighbour.id) for entry in seen.get(key, ()))
            group = next((group for id_, group in near if self.same(neighbour.id, id_)), len(groups))
            if group == len(groups):
                groups.append([])
            groups[group].append(neighbour)
            self._note(seen, neighbour.id, group)
        best = {max(group, key=self._quality).id for group in groups[1:]}
        return [neighbour for neighbour in ranked if neighbour.id in best]

    def _note(self, seen: dict[str, list[tuple[int, int]]], id_: int, group: int) -> None:
        for key in self._keys(id_):
            seen.setdefault(key, []).append((id_, group))

    def _keys(self, id_: int) -> list[str]:
        """Two copies of one recording share one of these: so that not every pair need be compared."""
        if id_ not in self._known_keys:
            copy = self._copies.get(id_)
            if copy is None:
                return []
            title = plain_title(copy.title)
            keys = [f"title {title}"] * bool(title) + [f"recording {copy.recording}"] * bool(copy.recording)
            self._known_keys[id_] = keys
        return self._known_keys[id_]

    def _quality(self, neighbour: Neighbour) -> tuple[bool, int]:
        copy = self._copies.get(neighbour.id)
        return copy.quality if copy else (False, 0)

    def _distance(self, a: int, b: int) -> float:
        if a not in self._vectors or b not in self._vectors:
            return float("inf")
        return float(paired(self._vectors[a], self._vectors[b]))
