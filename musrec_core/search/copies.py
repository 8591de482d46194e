"""Copies of recordings in a whole library: which pairs of files to compare, and the groups that are one recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from ..errors import UnusableAudio
from .distance import paired
from .fingerprint import Fingerprint, is_copy
from .index import VectorIndex, positions
from .knn import Progress, neighbourhoods
from .recordings import (
    COMPARED_LENGTH_DIFFERENCE,
    MAX_DISTANCE,
    Copy,
    may_be_same,
    plain_artist,
    plain_title,
)

NEIGHBOURS = 50  # of each song: the nearest may be other songs, or of the same album
MOST_COMPARED = 3  # of them whose files are compared: each takes half a second to a second
EQUAL_LENGTH = 1.0  # seconds: what encoders pad
EQUAL_LENGTH_DISTANCE = 0.1  # within which songs of equal length are compared, too
NAMED_DISTANCE = 0.2  # within which songs of one name and length are compared, too: no copy measured was farther off


class Verdict(Enum):
    """Whether two files hold one recording."""

    SAME = auto()
    UNSURE = auto()  # the files can't be compared, and nothing that is known speaks against it
    OTHER = auto()


def verdict(
    a: Copy, b: Copy, distance: float, sound_a: Fingerprint | UnusableAudio, sound_b: Fingerprint | UnusableAudio
) -> Verdict:
    """Compare two files: their recording ids, then their sound, and where that can't be done what else is known."""
    if a.recording and a.recording == b.recording:
        return Verdict.SAME
    if isinstance(sound_a, Fingerprint) and isinstance(sound_b, Fingerprint):
        return Verdict.SAME if is_copy(sound_a, sound_b) else Verdict.OTHER
    return Verdict.UNSURE if may_be_same(a, b, distance) else Verdict.OTHER


# Which pairs.


@dataclass(frozen=True, order=True)
class Pair:
    """Two songs, ``a`` < ``b``, and the distance of their embeddings."""

    distance: float
    a: int
    b: int


def candidate_pairs(
    index: VectorIndex,
    copies: Mapping[int, Copy],
    *,
    seeds: Collection[int] | None = None,
    progress: Progress | None = None,
) -> list[Pair]:
    """The pairs of songs whose files have to be compared, nearest first.

    For each song, the three likeliest of its 50 nearest: within a distance, which is larger for songs of equal length,
    and about equally long or of one title; those of one artist and title first. And songs of one artist, title and
    length that are not quite so near. Left out are tracks at different places of one album, and songs that MusicBrainz
    knows to be different and names differently; one recording id needs no comparison.

    Parameters
    ----------
    index : VectorIndex
        Of embeddings.
    copies : mapping of int to Copy
        What is known of each id of the index.
    seeds : collection of int, optional
        Ids; only pairs with one of these.
    progress : callable, optional
        Called with the number of songs done since the last call.
    """
    known = KnownColumns.of([copies[id_] for id_ in index.ids.tolist()])
    rows = np.arange(len(index)) if seeds is None else np.flatnonzero(np.isin(index.ids, [*seeds]))
    if len(index) < 2 or not len(rows):
        return []
    found = neighbourhoods(index, NEIGHBOURS, seeds=None if seeds is None else rows, progress=progress)
    pairs: dict[tuple[int, int], float] = {}
    wanted = set(rows.tolist())
    for i, j, distance in [*likeliest(known, found.seeds, found.rows, found.distances), *_named(known, index)]:
        if i in wanted or j in wanted:
            a, b = sorted((int(index.ids[i]), int(index.ids[j])))
            pairs[a, b] = distance
    return sorted(Pair(distance, a, b) for (a, b), distance in pairs.items())


@dataclass(frozen=True, eq=False)
class KnownColumns:
    """What is known of n songs, as columns [shape=(n,) each]; equal numbers are equal values, -1 is none.

    Attributes
    ----------
    length : np.ndarray, float64
        Seconds; 0 where it is not known.
    name, title : np.ndarray, int64
        Of the plain title with the plain artist, and of it alone.
    recording : np.ndarray, int64
        Of the recording's id.
    album, place : np.ndarray, int64
        Of the album, 0 for none, and of the place on it.
    """

    length: NDArray[np.float64]
    name: NDArray[np.int64]
    title: NDArray[np.int64]
    recording: NDArray[np.int64]
    album: NDArray[np.int64]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, copies: Sequence[Copy]) -> KnownColumns:
        """Those of some songs."""
        names = [(plain_artist(copy.artist), plain_title(copy.title)) if copy.title else None for copy in copies]
        return cls(
            length=np.array([copy.length for copy in copies], np.float64),
            name=_codes(names),
            title=_codes([plain_title(copy.title) if copy.title else None for copy in copies]),
            recording=_codes([copy.recording or None for copy in copies]),
            album=np.array([copy.album for copy in copies], np.int64),
            place=_codes([copy.place for copy in copies]),
        )

    def same_name(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether songs have one name, by their positions, which broadcast."""
        return np.asarray((self.name[a] == self.name[b]) & (self.name[a] >= 0))

    def comparable(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether no tag says that they are different, or the same."""
        one_album = (self.album[a] > 0) & (self.album[a] == self.album[b]) & (self.place[a] != self.place[b])
        both = (self.recording[a] >= 0) & (self.recording[b] >= 0)
        told = both & ((self.recording[a] == self.recording[b]) | ~self.same_name(a, b))
        return np.asarray(~one_album & ~told)

    def same_title(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether songs have one title, whoever the artist is."""
        return np.asarray((self.title[a] == self.title[b]) & (self.title[a] >= 0))

    def length_difference(self, a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.float64]:
        """Seconds between their lengths, `COMPARED_LENGTH_DIFFERENCE` where one is not known."""
        known = (self.length[a] > 0) & (self.length[b] > 0)
        return np.where(known, np.abs(self.length[a] - self.length[b]), COMPARED_LENGTH_DIFFERENCE)


def _codes(values: Sequence[object]) -> NDArray[np.int64]:
    """A number for each value, -1 for None."""
    numbers: dict[object, int] = {None: -1}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)


def likeliest(
    known: KnownColumns, seeds: NDArray[np.int64], rows: NDArray[np.integer], distances: NDArray[np.float32]
) -> Iterator[tuple[int, int, float]]:
    """Positions and distance of each seed and the likeliest of its neighbours, `MOST_COMPARED` at most.

    Parameters
    ----------
    known : KnownColumns
    seeds : np.ndarray [shape=(m,)]
        Positions in the columns.
    rows, distances : np.ndarray [shape=(m, `NEIGHBOURS` at most)]
        Of each seed's neighbours, nearest first; an infinite distance is no neighbour's.
    """
    here = seeds[:, None]
    named, apart = known.same_name(here, rows), known.length_difference(here, rows)
    near = distances <= np.where(apart <= EQUAL_LENGTH, EQUAL_LENGTH_DISTANCE, MAX_DISTANCE)
    possible = near & ((apart <= COMPARED_LENGTH_DIFFERENCE) | known.same_title(here, rows))
    possible &= known.comparable(here, rows)
    rank = np.where(possible, np.arange(rows.shape[1]) + NEIGHBOURS * ~named, 2 * NEIGHBOURS)
    best = np.argsort(rank, axis=1, kind="stable")[:, :MOST_COMPARED]
    for i, k in zip(*np.nonzero(np.take_along_axis(possible, best, axis=1)), strict=True):
        column = best[i, k]
        yield int(seeds[i]), int(rows[i, column]), float(distances[i, column])


def _named(known: KnownColumns, index: VectorIndex) -> Iterator[tuple[int, int, float]]:
    """Positions and distance of songs of one name and about one length."""
    order = np.lexsort((known.length, known.name))
    for step in range(1, MOST_COMPARED + 1):
        a, b = order[:-step], order[step:]
        both = known.same_name(a, b) & known.comparable(a, b)
        both &= known.length_difference(a, b) <= COMPARED_LENGTH_DIFFERENCE
        a, b = a[both], b[both]
        for i, j, distance in zip(a, b, paired(index.vectors[a], index.vectors[b]), strict=True):
            if distance <= NAMED_DISTANCE:
                yield int(i), int(j), float(distance)


def batches(pairs: Iterable[Pair], most: int) -> Iterator[list[Pair]]:
    """The pairs in parts of at most ``most`` songs (2 or more), those of one song close together.

    So that what is kept of each song's file is bounded, and few files are read twice.
    """
    by_song: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_song.setdefault(pair.a, []).append(pair)
        by_song.setdefault(pair.b, []).append(pair)
    part: list[Pair] = []
    songs: set[int] = set()
    for pair in _by_neighbourhood(by_song):
        if len(songs | {pair.a, pair.b}) > most:
            yield part
            part, songs = [], set()
        part.append(pair)
        songs |= {pair.a, pair.b}
    if part:
        yield part


def _by_neighbourhood(by_song: Mapping[int, Sequence[Pair]]) -> Iterator[Pair]:
    """Each pair once, breadth first."""
    seen: set[int] = set()
    done: set[Pair] = set()
    for first in by_song:
        waiting = [first]
        for song in waiting:
            if song in seen:
                continue
            seen.add(song)
            for pair in by_song[song]:
                if pair not in done:
                    done.add(pair)
                    waiting.append(pair.b if pair.a == song else pair.a)
                    yield pair


# Groups.


@dataclass(frozen=True)
class Group:
    """Songs that are one recording; ``unsure`` where that is not certain of all of them."""

    ids: frozenset[int]
    unsure: bool


def group(verdicts: Iterable[tuple[int, int, Verdict]]) -> list[Group]:
    """Join the pairs that are one recording, in the order of their least ids.

    Pairs that are the same are joined in the given order, surest first, then those that are unsure. Two groups are not
    joined where a song of one was told apart from a song of the other: that A is B and B is C then proves nothing.
    """
    pairs = list(verdicts)
    apart: dict[int, set[int]] = {}
    for a, b, said in pairs:
        if said is Verdict.OTHER:
            apart.setdefault(a, set()).add(b)
            apart.setdefault(b, set()).add(a)
    groups: dict[int, set[int]] = {}
    unsure: set[int] = set()  # songs that were joined without certainty
    for wanted in (Verdict.SAME, Verdict.UNSURE):
        for a, b, said in pairs:
            one, other = groups.setdefault(a, {a}), groups.setdefault(b, {b})
            if said is not wanted or one is other:
                continue
            smaller, larger = sorted((one, other), key=len)
            if any(not apart.get(x, set()).isdisjoint(larger) for x in smaller):
                continue
            larger |= smaller
            groups.update(dict.fromkeys(smaller, larger))
            if wanted is Verdict.UNSURE:
                unsure |= {a, b}
    found = {id(each): each for each in groups.values() if len(each) > 1}
    return sorted((Group(frozenset(each), bool(each & unsure)) for each in found.values()), key=lambda x: min(x.ids))


def of_one_recording_id(copies: Mapping[int, Copy], index: VectorIndex | None = None) -> list[tuple[int, int, Verdict]]:
    """The pairs that MusicBrainz knows to be the same: each song with the first of its recording id.

    A pair is unsure whose embeddings or lengths differ too much for one recording: an id may be wrong, or a file cut.

    Parameters
    ----------
    index : VectorIndex, optional
        The embeddings, as far as there are any.
    """
    first: dict[str, int] = {}
    pairs = [
        (first[copy.recording], id_)
        for id_, copy in copies.items()
        if copy.recording and first.setdefault(copy.recording, id_) != id_
    ]
    known = set() if index is None else set(index.ids.tolist())
    heard = [pair for pair in pairs if known.issuperset(pair)]
    distances: dict[tuple[int, int], float] = {}
    if index is not None and heard:
        a, b = (index.vectors[positions(index, side)] for side in zip(*heard, strict=True))
        distances = dict(zip(heard, paired(a, b, "cosine").tolist(), strict=True))

    def fits(a: int, b: int) -> bool:
        lengths = copies[a].length, copies[b].length
        differ = all(lengths) and abs(lengths[0] - lengths[1]) > COMPARED_LENGTH_DIFFERENCE
        return not differ and distances.get((a, b), 0.0) <= NAMED_DISTANCE

    return [(a, b, Verdict.SAME if fits(a, b) else Verdict.UNSURE) for a, b in pairs]
