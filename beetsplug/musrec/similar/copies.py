"""What the library holds twice: the same recording in other files, found by embeddings, tags and the files' sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets.dbcore.query import TrueQuery
from beets.ui import UserError
from beets.util import displayable_path

from musrec_core import attribute_text
from musrec_core.errors import UnusableAudio, WorkersError
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
from musrec_core.search.fingerprint import PackedFingerprint

from .. import progress
from ..attributes import fields
from ..embedding.fingerprints import FileFingerprints
from ..library import coverage, sql
from ..library.recordings import COLUMNS, copy_of
from .criteria import parse_exclude

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from beets.library import Item, Library
    from beets.logging import BeetsLogger

    from musrec_core.search.fingerprint import Fingerprint
    from musrec_core.search.index import VectorIndex
    from musrec_core.search.recordings import Copy

    from ..config import EmbeddingSettings
    from ..library.vectors import VectorStore

FILES_AT_ONCE = 2_000  # whose fingerprints are kept: 100 MB
SECONDS_PER_FILE = 0.5  # about, of one worker
TOLD_FROM = 60.0  # seconds that the files will take, from which on the user is told beforehand

FileId = tuple[int, int]


@dataclass(frozen=True)
class Copies:
    """One recording in several files.

    Attributes
    ----------
    items : list of Item
        The best first.
    unsure : str
        Why it is not certain; empty where it is.
    same_file : frozenset of int
        Ids of those whose file is that of another one before it.
    gone : frozenset of int
        Ids of those whose file can't be read.
    """

    items: list[Item]
    unsure: str
    same_file: frozenset[int]
    gone: frozenset[int]

    def commands(self) -> list[str]:
        """The commands that leave only the best; a file that is gone, or is the best's own, goes as an entry alone.

        Where it is not certain that they are copies, no file goes.
        """
        others = [sql.id_of(item) for item in self.items[1:]]
        entries = [id_ for id_ in others if id_ in self.same_file | self.gone]
        files = [id_ for id_ in others if id_ not in entries and not self.unsure]
        return [
            f"beet remove {delete}{' , '.join(f'id:{id_}' for id_ in ids)}"
            for delete, ids in (("-d ", files), ("", entries))
            if ids
        ]


class CopyFinder:
    """Finds copies.

    Parameters
    ----------
    settings : EmbeddingSettings
        Of the worker processes.
    exclude : str
        The setting `musrec.exclude`.
    vectors : VectorStore
    log : BeetsLogger
    """

    def __init__(self, settings: EmbeddingSettings, exclude: str, vectors: VectorStore, log: BeetsLogger) -> None:
        self._settings, self._exclude, self._vectors, self._log = settings, exclude, vectors, log

    def find(self, lib: Library, args: list[str]) -> list[Copies]:
        """The recordings that are there more than once; with a query, those of which a song matches.

        Ctrl-C ends the comparison, and what was found until then is returned. Raises `UserError`.
        """
        wanted = set(sql.matching(lib, args)) if args else None
        exclude = parse_exclude(self._exclude)
        unwanted = set() if exclude is None else set(sql.matching_ids(lib, exclude))
        ids = [id_ for id_ in sql.matching_ids(lib, TrueQuery()) if id_ not in unwanted]
        copies = {id_: copy_of(row) for id_, row in sql.columns(lib, ids, COLUMNS).items()}
        comparison = _Comparison(lib, copies, self._settings)
        try:
            self._compare(lib, comparison, copies, wanted)
        except KeyboardInterrupt:
            self._log.warning("stopped: these are the copies that were found so far")
        return [comparison.described(each) for each in comparison.groups(wanted)]

    def _compare(
        self, lib: Library, comparison: _Comparison, copies: dict[int, Copy], wanted: Collection[int] | None
    ) -> None:
        """Compare all songs; or those wanted and their copies, with what is near them."""
        index = self._index(lib).among(copies)
        comparison.compare_ids(index)
        asked: set[int] = set()
        seeds = None if wanted is None else set(wanted)
        while seeds is None or seeds:
            with progress.bar(len(index) if seeds is None else len(seeds), unit=" songs") as bar:
                pairs = candidate_pairs(index, copies, seeds=seeds, progress=bar.update)
            pairs = [pair for pair in pairs if not asked & {pair.a, pair.b}]
            self._tell(pairs)
            comparison.run(pairs)
            if seeds is None:
                return
            asked |= seeds
            seeds = {id_ for each in comparison.groups(wanted) for id_ in each.ids} - asked

    def _index(self, lib: Library) -> VectorIndex:
        snapshot = self._vectors.get(lib, "embedding")
        configured = self._vectors.models.configured.model_id
        coverage.require_current(snapshot.counts, snapshot.card.model_id, configured, self._log)
        return snapshot.index

    def _tell(self, pairs: list[Pair]) -> None:
        """Say how long it takes, if it does."""
        files = len({id_ for pair in pairs for id_ in (pair.a, pair.b)})
        workers = self._settings.workers or os.cpu_count() or 1
        if (seconds := files * SECONDS_PER_FILE / workers) >= TOLD_FROM:
            minutes = round(seconds / 60)
            self._log.info("comparing the sound of {} files: about {} min; Ctrl-C lists what was found", files, minutes)


class _Comparison:
    """Compares files, and keeps what that said."""

    def __init__(self, lib: Library, copies: dict[int, Copy], settings: EmbeddingSettings) -> None:
        self._lib, self._copies, self._settings = lib, copies, settings
        self.verdicts: list[tuple[int, int, Verdict]] = []
        self._failures: dict[int, str] = {}
        self._of_one_id = of_one_recording_id(copies)

    def compare_ids(self, index: VectorIndex) -> None:
        """Doubt those that share a recording id and have other embeddings."""
        self._of_one_id = of_one_recording_id(self._copies, index)

    def groups(self, wanted: Collection[int] | None) -> list[Group]:
        """The groups that are known now; of those, the ones that hold a song that is wanted."""
        found = group([*self._of_one_id, *self.verdicts])
        return [each for each in found if wanted is None or not each.ids.isdisjoint(wanted)]

    def run(self, pairs: list[Pair]) -> None:
        """Compare all pairs; raises `UserError` where no worker can do its work."""
        sounds = FileFingerprints(self._settings.timeout, self._settings.workers)
        parts = list(batches(pairs, FILES_AT_ONCE))
        total = sum(len(_songs(part)) for part in parts)
        try:
            with progress.bar(total, unit=" files") as bar:
                for part in parts:
                    for a, b, said in self._compared(part, sounds, bar.update):
                        self.verdicts.append((a, b, said))
        except WorkersError as error:
            raise UserError(f"{error}; if memory is short, set `musrec.workers: 1`") from None
        finally:
            sounds.close()

    def _compared(
        self, part: Sequence[Pair], sounds: FileFingerprints, update: Callable[[int], object]
    ) -> Iterator[tuple[int, int, Verdict]]:
        """What is said of each pair, as soon as both files were read."""
        paths = self._paths(_songs(part))
        files = {id_: _file_id(path) for id_, path in paths.items()}
        waiting: dict[int, list[Pair]] = {}
        for pair in part:
            if files[pair.a] is not None and files[pair.a] == files[pair.b]:
                yield pair.a, pair.b, Verdict.SAME
            else:
                waiting.setdefault(pair.a, []).append(pair)
                waiting.setdefault(pair.b, []).append(pair)
        ids: dict[bytes, list[int]] = {}
        for id_ in waiting:
            ids.setdefault(paths[id_], []).append(id_)
        heard: dict[int, PackedFingerprint | UnusableAudio] = {}
        for path, sound in sounds.of(list(ids)):
            for id_ in ids[path]:
                if isinstance(sound, UnusableAudio):
                    self._failures[id_] = str(sound)
                heard[id_] = sound if isinstance(sound, UnusableAudio) else PackedFingerprint.of(sound)
            for id_ in ids[path]:
                ready = [pair for pair in waiting[id_] if pair.a in heard and pair.b in heard]
                yield from ((pair.a, pair.b, self._verdict(pair, heard)) for pair in ready)
            update(len(ids[path]))

    def _verdict(self, pair: Pair, heard: dict[int, PackedFingerprint | UnusableAudio]) -> Verdict:
        a, b = self._copies[pair.a], self._copies[pair.b]
        return verdict(a, b, pair.distance, _unpacked(heard[pair.a]), _unpacked(heard[pair.b]))

    def _paths(self, ids: Iterable[int]) -> dict[int, bytes]:
        paths = {sql.id_of(item): item.path for item in sql.items_of(self._lib, sorted(ids))}
        return {id_: paths.get(id_) or b"" for id_ in ids}

    def described(self, found: Group) -> Copies:
        """The songs of a group, the best first: a file that can be read, then a lossless one, then the bit rate.

        Where only an id was compared, a file can be read as far as it was embedded. A link comes after its file.
        """
        items = {sql.id_of(item): item for item in sql.items_of(self._lib, sorted(found.ids))}
        files = {id_: _file_id(item.path) for id_, item in items.items()}
        gone = frozenset(id_ for id_ in items if files[id_] is None)
        broken = gone | self._failures.keys() | {id_ for id_, item in items.items() if not _was_heard(item)}
        links = {id_ for id_, item in items.items() if os.path.islink(item.path or b"")}
        ranked = sorted(
            items, key=lambda id_: (id_ in broken, [-int(x) for x in self._copies[id_].quality], id_ in links, id_)
        )
        seen: set[FileId] = set()
        same_file = set()
        for id_ in ranked:
            if (file := files[id_]) is not None:
                if file in seen:
                    same_file.add(id_)
                seen.add(file)
        why = ""
        if found.unsure:
            failed = next((id_ for id_ in ranked if id_ in self._failures), None)
            why = "their MusicBrainz recording is the same, but their sound or length is not"
            if failed is not None:
                path = displayable_path(items[failed].path)
                why = f"the files could not be compared: {path}: {self._failures[failed]}"
        return Copies([items[id_] for id_ in ranked], why, frozenset(same_file), gone)


def _unpacked(sound: PackedFingerprint | UnusableAudio) -> Fingerprint | UnusableAudio:
    return sound if isinstance(sound, UnusableAudio) else sound.unpack()


def _was_heard(item: Item) -> bool:
    """Whether the file was read when it was embedded, and not found to be damaged since."""
    return bool(item.get(fields.EMBEDDING)) and not attribute_text.failure_of(item.get(fields.STATUS))


def _songs(pairs: Iterable[Pair]) -> set[int]:
    return {id_ for pair in pairs for id_ in (pair.a, pair.b)}


def _file_id(path: bytes | None) -> FileId | None:
    """What two entries of one file share, whatever its names; None where the file can't be read."""
    try:
        found = os.stat(path or b"")
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
