"""On import, if configured: reports songs of other albums that are the same recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets.util import displayable_path

from musrec_core._text import one_line
from musrec_core.errors import UnusableAudio, WorkersError
from musrec_core.search.copies import MOST_COMPARED, NEIGHBOURS, Verdict, verdict
from musrec_core.search.index import VectorIndex
from musrec_core.search.recordings import same_name, worth_comparing

from ..console import formatted
from ..library import sql
from ..library.recordings import COLUMNS, copy_of
from .fingerprints import FileFingerprints

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from beets.library import Item, Library
    from beets.logging import BeetsLogger
    from numpy.typing import NDArray

    from musrec_core.search.fingerprint import Fingerprint
    from musrec_core.search.recordings import Copy

    from ..config import EmbeddingSettings
    from ..library.vectors import VectorStore

REBUILD_AFTER = 1000  # new songs that are looked through apart from the others
NAME = "$artist - $title"


@dataclass(frozen=True)
class _Near:
    """A song that may be the same recording: the distance of its embedding, and its tags."""

    id: int
    distance: float
    copy: Copy


class ImportSimilar:
    """The songs that were there when an import began, and those that it brought.

    Parameters
    ----------
    vectors : VectorStore
        Only songs with an embedding of its configured model, with which imports are embedded, are compared.
    settings : EmbeddingSettings
        ``import_similar`` is the distance within which songs are compared.
    log : BeetsLogger
    """

    def __init__(self, vectors: VectorStore, settings: EmbeddingSettings, log: BeetsLogger) -> None:
        self._vectors, self._settings, self._log = vectors, settings, log
        self._known: VectorIndex | None = None
        self._new: dict[int, NDArray[np.float32]] = {}
        self._fingerprinter = FileFingerprints(settings.timeout, workers=1)

    def report_copies(self, lib: Library, item: Item, vector: NDArray[np.float32]) -> None:
        """Log one line if a song of another album is the same recording."""
        if self._known is None:
            self._known = self._read(lib)
        found = {
            near.id: near.distance
            for index in (self._known, _index(self._new))
            if index
            for near in index.query([vector], NEIGHBOURS)[0]
            if near.distance <= self._settings.import_similar and near.id != item.id
        }
        self._new[sql.id_of(item)] = vector
        if len(self._new) >= REBUILD_AFTER:
            self._known, self._new = _index(_vectors(self._known) | self._new), {}
        if found:
            self._report_nearest(lib, item, found)

    def _read(self, lib: Library) -> VectorIndex:
        configured = self._vectors.models.configured
        found = self._vectors.get(lib, "embedding", configured)
        if others := found.counts.embedded - found.counts.current:
            self._log.warning(
                "copies of {} songs are not recognised, because these are embedded with another model than {}: run "
                "`beet embed`",
                others,
                configured.model_id,
            )
        return found.index

    def close(self) -> None:
        """Stop the worker."""
        self._fingerprinter.close()

    def _report_nearest(self, lib: Library, item: Item, found: dict[int, float]) -> None:
        new, near = copy_of([item[name] for name in COLUMNS]), _others(lib, item, found)
        by_id = next((other for other in near if new.recording and other.copy.recording == new.recording), None)
        if by_id is not None:  # MusicBrainz says so
            self._report(lib, item, by_id)
            return
        near.sort(key=lambda other: not same_name(new, other.copy))  # the nearest of one name first
        if likely := [other for other in near if worth_comparing(new, other.copy)][:MOST_COMPARED]:
            self._report_first_copy(lib, item, new, likely)

    def _report_first_copy(self, lib: Library, item: Item, new: Copy, likely: Sequence[_Near]) -> None:
        """Compare the sound of the files; where that can't be done, what is known decides, and is said with a "may"."""
        heard, *others = self._fingerprints([item.path, *_paths(lib, likely)])
        unsure: tuple[_Near, str] | None = None
        for near, other in zip(likely, others, strict=True):
            said = verdict(new, near.copy, near.distance, heard, other)
            if said is Verdict.SAME:
                self._report(lib, item, near)
                return
            if said is Verdict.UNSURE and unsure is None:
                unsure = near, str(heard if isinstance(heard, UnusableAudio) else other)
        if unsure is not None:
            self._report(lib, item, *unsure)

    def _fingerprints(self, paths: list[bytes]) -> list[Fingerprint | UnusableAudio]:
        """The fingerprint of each file, or why there is none; no failure may stop an import."""
        found: dict[bytes, Fingerprint | UnusableAudio] = {}
        try:
            found.update(self._fingerprinter.of(paths))
        except WorkersError as error:
            failed = UnusableAudio(displayable_path(paths[0]), "crashed", str(error))
            found = {path: found.get(path, failed) for path in paths}
        return [found[path] for path in paths]

    def _report(self, lib: Library, item: Item, near: _Near, why_not: str = "") -> None:
        other = lib.get_item(near.id)
        if other is None:  # gone meanwhile
            return
        self._log.warning(
            "{} {} a track that you have: {} (distance {:.3f}, {}{})",
            _name(item),
            "may be" if why_not else "sounds like",
            _name(other),
            near.distance,
            f"album {one_line(other.album)}" if other.album else "no album",
            f"; the files could not be compared: {one_line(why_not)}" if why_not else "",
        )


def _others(lib: Library, item: Item, found: dict[int, float]) -> list[_Near]:
    """The songs that are still there and of another album, nearest first."""
    copies = {id_: copy_of(row) for id_, row in sql.columns(lib, found, COLUMNS).items()}
    near = [
        _Near(id_, found[id_], copy) for id_, copy in copies.items() if not copy.album or copy.album != item.album_id
    ]
    return sorted(near, key=lambda other: other.distance)


def _paths(lib: Library, near: Sequence[_Near]) -> list[bytes]:
    paths = {item.id: item.path for item in sql.items_of(lib, [other.id for other in near])}
    return [paths.get(other.id, b"") for other in near]


def _name(item: Item) -> str:
    """Artist and title; a song without a title is known by its file."""
    return formatted(item, NAME) if item.title else one_line(displayable_path(item.path))


def _vectors(index: VectorIndex) -> dict[int, NDArray[np.float32]]:
    return dict(zip(index.ids.tolist(), index.vectors, strict=True))


def _index(vectors: dict[int, NDArray[np.float32]]) -> VectorIndex | None:
    return VectorIndex(list(vectors), list(vectors.values())) if vectors else None
