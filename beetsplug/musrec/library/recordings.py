"""Which songs of the library are copies of one recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from beets.library import Item, ReadError

from musrec_core import attribute_text
from musrec_core.search.index import Neighbour
from musrec_core.search.recordings import Copy, Recordings

from . import sql

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.encoder import TrackEmbedding
    from musrec_core.search.ranking import Filter

LOSSLESS = {"FLAC", "ALAC", "WAV", "AIFF", "APE", "WavPack", "DSD Stream File"}  # as beets names formats
COLUMNS = ("title", "artist", "length", "mb_trackid", "format", "bitrate", "album_id", "disc", "track")


def one_a_recording(
    lib: Library,
    card: Card,
    own: Collection[int],
    files: list[tuple[bytes, TrackEmbedding]],
    heard: Mapping[int, TrackEmbedding] | None = None,
) -> Filter:
    """Ranked songs -> one for each recording, the best copy, and none of the recordings of ``own`` and ``files``.

    ``card`` is that of the model in use; ``heard`` are embeddings that are not stored.
    """
    known = RecordingLookup(lib, card, heard)
    outside = [-1 - n for n, (path, track) in enumerate(files) if known.add_file(-1 - n, path, track)]
    return lambda ranked: known.collapse(ranked, [*own, *outside])


class RecordingLookup:
    """What is known of songs' recordings, looked up once: embeddings are those of one model."""

    def __init__(self, lib: Library, card: Card, heard: Mapping[int, TrackEmbedding] | None = None) -> None:
        self._lib, self._card, self._heard = lib, card, heard or {}
        self._asked: set[int] = set()
        self._copies: dict[int, Copy] = {}
        self._vectors: dict[int, NDArray[np.float32]] = {}
        self._recordings = Recordings(self._copies, self._vectors)

    def add_file(self, id_: int, path: bytes, track: TrackEmbedding) -> bool:
        """Note a file outside the library under an id of no song; False where its tags can't be read."""
        copy = _copy_of_file(path)
        if copy is not None:
            self._copies[id_], self._vectors[id_] = copy, track.vector
        return copy is not None

    def collapse(self, ranked: Sequence[Neighbour], others: Iterable[int]) -> list[Neighbour]:
        """One song a recording, the best copy, and none of the recordings of others."""
        others = list(others)
        self._look_up({*others, *(neighbour.id for neighbour in ranked)} - self._asked)
        return self._recordings.collapse(ranked, others)

    def same(self, a: int, b: int) -> bool:
        """Whether two songs of the library are one recording."""
        self._look_up({a, b} - self._asked)
        return self._recordings.same(a, b)

    def one_each(self, ids: Sequence[int], others: Collection[int]) -> list[int]:
        """The same for songs without distances, as a journey asks."""
        return [neighbour.id for neighbour in self.collapse([Neighbour(id_, 0.0) for id_ in ids], others)]

    def _look_up(self, ids: set[int]) -> None:
        self._asked |= ids
        rows = sql.columns(self._lib, ids, COLUMNS)
        self._copies.update((id_, copy_of(row)) for id_, row in rows.items())
        texts = sql.embeddings(self._lib, ids, self._card.model_id)
        self._vectors.update(
            zip(texts, attribute_text.decode_vectors([*texts.values()], self._card.dimensions), strict=True)
        )
        self._vectors.update((id_, self._heard[id_].vector) for id_ in ids & self._heard.keys())


def copy_of(row: Sequence[Any]) -> Copy:
    """What `COLUMNS` of a song say of its recording."""
    title, artist, length, recording, format_, bit_rate, album, disc, track = row
    return Copy(
        title or "", artist or "", length or 0.0, recording or "", format_ in LOSSLESS, bit_rate or 0,
        album=album or 0, place=(disc or 0, track or 0),
    )  # fmt: skip


def _copy_of_file(path: bytes) -> Copy | None:
    """What the tags of a file outside the library say; nothing where they can't be read."""
    try:
        item = Item.from_path(path)
    except ReadError:
        return None
    return copy_of([item[name] for name in COLUMNS])
