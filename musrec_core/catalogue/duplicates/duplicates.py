"""Near-identical recordings across a catalogue: candidates by their embeddings, judged by what else is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

from ...errors import CatalogueError
from ...search.copies import MOST_COMPARED, NAMED_DISTANCE, NEIGHBOURS, KnownColumns, Pair, Verdict, group, likeliest
from ...search.distance import paired
from ...search.recordings import COMPARED_LENGTH_DIFFERENCE, may_be_same, same_recording
from ..cluster.session import session_cpus
from ..dataset import Catalogue
from ..meter import Meter
from ..neighbours.graph import build_graph
from ..neighbours.nearest import NOBODY, Found, Shard
from ..neighbours.neighbours import EXACT_TRACKS
from ..neighbours.selection import select
from .known_columns import Member, RecordingColumns, read_known, read_members
from .sounds_alike import Judged, compare_sounds

# Without titles, and without lengths, to be near is not enough: among millions of tracks many others are.
UNTITLED, BARE = 0.01, 0.003
RECALL = 0.95  # of 50 neighbours, where not all pairs are compared; of the nearest few, which matter, more is found


@dataclass(frozen=True)
class DuplicateOptions:
    """How copies are looked for.

    Attributes
    ----------
    where : str, optional
        An SQL condition: only tracks that fulfil it are compared.
    distance : float
        The largest cosine distance of two copies.
    verify : bool
        Read the files of candidates, and compare their sound.
    columns : mapping
        Kind -> column, of `RecordingColumns`.
    exact : bool, optional
        Compare all pairs of embeddings; None: up to `EXACT_TRACKS`.
    """

    where: str | None = None
    distance: float = NAMED_DISTANCE
    verify: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    exact: bool | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.distance <= NAMED_DISTANCE:
            raise CatalogueError(
                f"the distance has to be 0 to {NAMED_DISTANCE}, and {self.distance} is not: "
                "no copy that was measured was farther off"
            )


@dataclass(frozen=True)
class DuplicateTrack:
    """A track of a group; the report's row.

    Attributes
    ----------
    id : str
    path : str or None
    distance : float
        To the group's first track.
    verdict : str
        ``same`` or ``unsure``.
    why : str
    """

    id: str
    path: str | None
    distance: float
    verdict: str
    why: str


@dataclass(frozen=True)
class DuplicateReport:
    """What was found.

    Attributes
    ----------
    groups : list of list of DuplicateTrack
        Those of one recording; the first has the least id.
    tracks : int
        That were compared.
    pairs : int
        That were judged.
    unreadable : int
        Pairs whose files could not be compared.
    """

    groups: list[list[DuplicateTrack]]
    tracks: int
    pairs: int
    unreadable: int = 0

    @property
    def sure(self) -> list[list[DuplicateTrack]]:
        """The groups all of whose tracks are copies of one recording."""
        return [tracks for tracks in self.groups if all(track.verdict == "same" for track in tracks)]


def find_duplicates(
    catalogue: Catalogue,
    options: DuplicateOptions | None = None,
    *,
    workers: int | None = None,
    meter: Meter | None = None,
) -> DuplicateReport:
    """The recordings that are there more than once. Nothing is changed.

    The rules are those of `search.copies`: of each track, the three likeliest of its 50 nearest are judged, so that the
    work grows with the number of tracks, also among thousands that are all alike. A Ray session has to be there.

    Raises
    ------
    CatalogueError
        An option does not fit, or something can't be read.
    """
    options, meter = options or DuplicateOptions(), meter or Meter()
    columns = RecordingColumns.of(catalogue, options.columns)
    selection = select(catalogue, options.where)
    width = workers or session_cpus()
    known = read_known(selection, columns)
    exact = len(selection) <= EXACT_TRACKS if options.exact is None else options.exact
    graph = build_graph(selection, NEIGHBOURS, exact=exact, recall=RECALL, width=width, meter=meter)
    meter.begin(sum(graph.sizes))
    distances: dict[tuple[int, int], float] = {}
    for tracks, found in graph.each_part(_candidates, range(len(graph.shards)), ray.put(known), options.distance):
        meter.update(tracks)
        for a, b, distance in found:
            distances[min(a, b), max(a, b)] = distance
    of_one_id = _of_one_id(known.recording)
    ranks = {rank for pair in (*distances, *of_one_id) for rank in pair}
    members = read_members(selection, columns, ranks)
    pairs = sorted(Pair(distance, a, b) for (a, b), distance in distances.items())
    judged = [_by_id(members, a, b) for a, b in of_one_id]
    judged += _compared(pairs, members, catalogue, width, meter) if options.verify else [
        _by_what_is_known(members, pair) for pair in pairs]  # fmt: skip
    unreadable = sum(each.why.startswith("the files could not") for each in judged)
    return DuplicateReport(_groups(judged, members), sum(graph.sizes), len(judged), unreadable)


def _candidates(
    number: int, shard: Shard, found: Found, ids: pa.Array, known: Any, most: float
) -> tuple[int, list[tuple[int, int, float]]]:
    """The pairs of a part that have to be judged; in a task."""
    columns: KnownColumns = ray.get(known)
    near = np.flatnonzero(found.distances[:, 0] <= most)
    seeds, rows = shard.ranks[near], found.ranks[near]
    distances = np.where(found.distances[near] <= most, found.distances[near], np.inf).astype(np.float32)
    rows = np.where(rows == NOBODY, seeds[:, None], rows)
    pairs = [*likeliest(columns, seeds, rows, distances), *_named(columns, seeds, rows, distances)]
    return len(shard.ranks), pairs


def _named(
    known: KnownColumns, seeds: NDArray[np.int64], rows: NDArray[np.int64], distances: NDArray[np.float32]
) -> Iterator[tuple[int, int, float]]:
    """The nearest of one name and about one length, also those that are not quite so near."""
    here = seeds[:, None]
    both = np.isfinite(distances) & known.same_name(here, rows) & known.comparable(here, rows)
    both &= known.length_difference(here, rows) <= COMPARED_LENGTH_DIFFERENCE
    both &= np.cumsum(both, axis=1) <= MOST_COMPARED
    for i, j in zip(*np.nonzero(both), strict=True):
        yield int(seeds[i]), int(rows[i, j]), float(distances[i, j])


def _of_one_id(recording: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Each track with the first of its recording id."""
    _, first, inverse = np.unique(recording, return_index=True, return_inverse=True)
    firsts = first[inverse]
    again = np.flatnonzero((recording >= 0) & (firsts != np.arange(len(recording))))
    return list(zip(firsts[again].tolist(), again.tolist(), strict=True))


def _by_id(members: Mapping[int, Member], a: int, b: int) -> Judged:
    """Two tracks of one recording id: unsure where embeddings or lengths say otherwise."""
    one, other = members[a].copy, members[b].copy
    distance = float(paired(members[a].vector, members[b].vector))
    if distance > NAMED_DISTANCE:
        return Judged(a, b, distance, Verdict.UNSURE, f"one recording id, but a distance of {distance:.2f}")
    if one.length and other.length and abs(one.length - other.length) > COMPARED_LENGTH_DIFFERENCE:
        return Judged(a, b, distance, Verdict.UNSURE, f"one recording id, but {_apart(one.length, other.length)}")
    return Judged(a, b, distance, Verdict.SAME, "one recording id")


def _by_what_is_known(members: Mapping[int, Member], pair: Pair) -> Judged:
    """Without reading the files: the same by name, length and embedding, or unsure where a name is missing."""
    one, other = members[pair.a].copy, members[pair.b].copy
    lengths = bool(one.length and other.length)
    told = _apart(one.length, other.length) if lengths else "a length is not known"
    if not lengths:  # one that is known is not compared with none
        one, other = replace(one, length=0.0), replace(other, length=0.0)
    if same_recording(one, other, pair.distance):
        said = Verdict.SAME if lengths else Verdict.UNSURE
        return Judged(pair.a, pair.b, pair.distance, said, f"one title and artist, {told}")
    if may_be_same(one, other, pair.distance) and pair.distance <= (UNTITLED if lengths else BARE):
        return Judged(pair.a, pair.b, pair.distance, Verdict.UNSURE, f"a title is not known, {told}")
    return Judged(pair.a, pair.b, pair.distance, Verdict.OTHER, "other names or lengths")


def _apart(a: float, b: float) -> str:
    return f"{abs(a - b):.1f} s apart in length"


def _compared(
    pairs: Sequence[Pair], members: Mapping[int, Member], catalogue: Catalogue, width: int, meter: Meter
) -> list[Judged]:
    copies = {rank: member.copy for rank, member in members.items()}
    paths = {rank: member.path for rank, member in members.items() if member.path}
    meter.tell(f"comparing the sound of {len({r for p in pairs for r in (p.a, p.b)}):,} files")
    meter.begin(len(pairs), "pairs of files")
    judged: list[Judged] = []
    for some in compare_sounds(pairs, copies, paths, catalogue.storage_options, width):
        judged += some
        meter.update(len(some))
    return sorted(judged, key=lambda each: (each.distance, each.a, each.b))


def _groups(judged: Sequence[Judged], members: Mapping[int, Member]) -> list[list[DuplicateTrack]]:
    """The groups, in the order of their first tracks."""
    reasons: dict[int, list[Judged]] = {}
    for each in judged:
        if each.verdict is not Verdict.OTHER:
            reasons.setdefault(each.a, []).append(each)
            reasons.setdefault(each.b, []).append(each)
    return [
        [_track(rank, found.ids, min(found.ids), reasons[rank], members) for rank in sorted(found.ids)]
        for found in group((each.a, each.b, each.verdict) for each in judged)
    ]


def _track(
    rank: int, ids: frozenset[int], first: int, reasons: Sequence[Judged], members: Mapping[int, Member]
) -> DuplicateTrack:
    """A row, with the surest reason why the track is in its group; of sure ones, that which names the first track."""
    inside = [each for each in reasons if each.a in ids and each.b in ids]
    best = min(
        inside, key=lambda each: (each.verdict is not Verdict.SAME, first not in (each.a, each.b), each.distance)
    )
    other = best.b if best.a == rank else best.a
    return DuplicateTrack(
        id=members[rank].id,
        path=members[rank].path,
        distance=float(paired(members[rank].vector, members[first].vector)),
        verdict="same" if best.verdict is Verdict.SAME else "unsure",
        why=f"{best.why} ({members[other].id})",
    )
