"""Copies in a library: which pairs of songs are compared, what decides, and the groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.errors import UnusableAudio
from musrec_core.search.copies import (
    Group,
    Pair,
    Verdict,
    batches,
    candidate_pairs,
    group,
    of_one_recording_id,
    verdict,
)
from musrec_core.search.distance import unit
from musrec_core.search.fingerprint import Fingerprint, PackedFingerprint, fingerprint
from musrec_core.search.index import VectorIndex
from musrec_core.search.recordings import Copy

SAME, UNSURE, OTHER = Verdict.SAME, Verdict.UNSURE, Verdict.OTHER
GONE = UnusableAudio("x.mp3", "missing", "")


def vector(distance: float) -> NDArray[np.float32]:
    """A unit vector so far from (1, 0, 0)."""
    cosine = 1 - distance
    return np.array([cosine, np.sqrt(1 - cosine**2), 0], np.float32)


def library(*songs: tuple[float, Copy]) -> tuple[VectorIndex, dict[int, Copy]]:
    """Songs 1, 2 ... at a distance from the first, and far ones beside them."""
    far = [unit(np.array([-1, 0, 1 + n], np.float32)) for n in range(3)]
    vectors = [*(vector(distance) for distance, _ in songs), *far]
    copies = [*(copy for _, copy in songs), *(Copy(f"far {n}", "x", 1000.0 + 100 * n) for n in range(3))]
    return VectorIndex(range(1, len(vectors) + 1), vectors), dict(enumerate(copies, 1))


def compared(*songs: tuple[float, Copy]) -> list[tuple[int, int]]:
    return [(pair.a, pair.b) for pair in candidate_pairs(*library(*songs))]


ALBUM = Copy("Yellow", "Coldplay", 270.0, lossless=True, album=1, place=(1, 5))
BEST_OF = Copy("05 track", "Various", 270.4, album=2, place=(1, 7))


@pytest.mark.parametrize(
    ("distance", "other", "is_compared"),
    [
        (0.01, BEST_OF, True),
        (0.04, replace(BEST_OF, length=274.0), True),
        (0.06, replace(BEST_OF, length=274.0), False),  # too far off for another length
        (0.09, BEST_OF, True),  # but not for the same
        (0.11, BEST_OF, False),
        (0.04, replace(BEST_OF, length=290.0), False),
        (0.04, replace(BEST_OF, title="yellow (Live)", length=290.0), True),  # silence may explain it
        (0.04, replace(BEST_OF, length=0.0), True),  # not known
        (0.15, replace(BEST_OF, title="Yellow", artist="coldplay"), True),
        (0.15, replace(BEST_OF, title="Yellow", artist="coldplay", length=290.0), False),
        (0.25, replace(BEST_OF, title="Yellow", artist="coldplay"), False),
        (0.01, replace(BEST_OF, album=1), False),  # another track of the album
        (0.01, replace(BEST_OF, album=1, place=(1, 5)), True),  # the same one in another format
    ],
)
def test_what_is_worth_comparing(distance: float, other: Copy, is_compared: bool) -> None:
    assert compared((0, ALBUM), (distance, other)) == [(1, 2)] * is_compared
    assert compared((0, other), (distance, ALBUM)) == [(1, 2)] * is_compared


def test_recording_ids_spare_a_comparison() -> None:
    known = replace(ALBUM, recording="r1")
    assert compared((0, known), (0.01, replace(BEST_OF, recording="r1"))) == []  # it is the same
    assert compared((0, known), (0.01, replace(BEST_OF, recording="r2"))) == []  # another id, and another name
    assert compared((0, known), (0.01, BEST_OF)) == [(1, 2)]
    remaster = replace(ALBUM, title="Yellow - 2011 Remaster", album=3, recording="r2")
    assert compared((0, known), (0.01, remaster)) == [(1, 2)]
    copies = {5: known, 2: remaster, 9: replace(BEST_OF, recording="r1"), 7: BEST_OF, 8: BEST_OF}
    assert list(of_one_recording_id(copies)) == [(5, 9, SAME)]


def test_the_likeliest_three_those_of_one_name_first() -> None:
    others = [(0.01 + 0.001 * n, replace(BEST_OF, title=f"t{n}", album=0, length=270.0 + n / 9)) for n in range(6)]
    named = (0.04, replace(BEST_OF, title="Yellow", artist="Coldplay"))
    index, copies = library((0, ALBUM), *others, named)
    pairs = [(pair.a, pair.b) for pair in candidate_pairs(index, copies, seeds=[1])]
    assert pairs == [(1, 2), (1, 3), (1, 8)]
    assert candidate_pairs(index, copies, seeds=[]) == []
    assert all(pair.a < pair.b for pair in candidate_pairs(index, copies))


def test_few_songs_and_none() -> None:
    assert candidate_pairs(VectorIndex([], np.empty((0, 3), np.float32)), {}) == []
    assert candidate_pairs(VectorIndex([4], [[1.0, 0, 0]]), {4: ALBUM}) == []
    pair = candidate_pairs(VectorIndex([4, 3], [[1.0, 0, 0], [1.0, 0, 0]]), {4: ALBUM, 3: BEST_OF})
    assert pair == [Pair(0.0, 3, 4)]


# What decides.


def sound(seed: int) -> Fingerprint:
    return fingerprint(np.random.default_rng(seed).standard_normal(5_000 * 20).astype(np.float32))


def test_the_sound_decides_and_without_it_what_is_known() -> None:
    one, other = sound(0), sound(1)
    assert verdict(ALBUM, BEST_OF, 0.01, one, one) is SAME
    assert verdict(ALBUM, ALBUM, 0.0, one, other) is OTHER
    for heard in ((one, GONE), (GONE, one), (GONE, GONE)):
        assert verdict(ALBUM, ALBUM, 0.01, *heard) is UNSURE
        assert verdict(ALBUM, replace(BEST_OF, title=""), 0.01, *heard) is UNSURE
        assert verdict(ALBUM, BEST_OF, 0.01, *heard) is OTHER
        assert verdict(ALBUM, ALBUM, 0.2, *heard) is OTHER
    known = replace(ALBUM, recording="r")
    assert verdict(known, replace(BEST_OF, recording="r"), 0.9, GONE, one) is SAME


def test_a_packed_fingerprint_is_the_same() -> None:
    for seconds in (20, 1, 0.1):
        whole = fingerprint(np.random.default_rng(2).standard_normal(int(5_000 * seconds)).astype(np.float32))
        again = PackedFingerprint.of(whole).unpack()
        assert np.array_equal(again.bits, whole.bits)
        assert np.array_equal(again.sounding, whole.sounding)


# Groups.


@pytest.mark.parametrize(
    ("verdicts", "groups"),
    [
        ([], []),
        ([(1, 2, OTHER)], []),
        ([(1, 2, SAME), (3, 4, SAME)], [({1, 2}, False), ({3, 4}, False)]),
        ([(1, 2, SAME), (2, 3, SAME), (5, 3, SAME)], [({1, 2, 3, 5}, False)]),
        ([(1, 2, SAME), (2, 3, SAME), (1, 3, OTHER)], [({1, 2}, False)]),  # the surer pair stands first
        ([(2, 3, SAME), (1, 2, SAME), (1, 3, OTHER)], [({2, 3}, False)]),
        ([(1, 2, SAME), (3, 4, SAME), (2, 3, SAME), (1, 4, OTHER)], [({1, 2}, False), ({3, 4}, False)]),
        ([(1, 2, UNSURE), (2, 3, SAME)], [({1, 2, 3}, True)]),
        ([(1, 2, UNSURE), (2, 3, SAME), (1, 3, OTHER)], [({2, 3}, False)]),
        ([(1, 2, SAME), (1, 2, UNSURE)], [({1, 2}, False)]),
    ],
)
def test_groups(verdicts: list[tuple[int, int, Verdict]], groups: list[tuple[set[int], bool]]) -> None:
    assert group(verdicts) == [Group(frozenset(ids), unsure) for ids, unsure in groups]


def test_batches_hold_each_pair_once_and_few_songs() -> None:
    rng = np.random.default_rng(0)
    made = {tuple(sorted(rng.choice(300, 2, replace=False).tolist())) for _ in range(400)}
    pairs = [Pair(0.0, a, b) for a, b in made]
    parts = list(batches(pairs, 20))
    assert sorted(pair for part in parts for pair in part) == sorted(pairs)
    assert all(len({id_ for pair in part for id_ in (pair.a, pair.b)}) <= 20 for part in parts)
    chain = [Pair(0.0, n, n + 1) for n in range(100)]
    assert len(list(batches(chain, 11))) == 10
    assert list(batches(chain, 500)) == [chain]
