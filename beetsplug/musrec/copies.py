"""Which songs of the library are copies of one recording."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from beets.library import Item, ReadError

from . import fields, lookup

if TYPE_CHECKING:
    from beets.library import Library

    from musrec_core.duplicates import Copy
    from musrec_core.encoder import TrackEmbedding
    from musrec_core.index import Neighbour
    from musrec_core.recommend import Filter

    from . import MusrecPlugin

LOSSLESS = {"FLAC", "ALAC", "WAV", "AIFF", "APE", "WavPack", "DSD Stream File"}  # as beets names formats
_COLUMNS = ("title", "artist", "length", "mb_trackid", "format", "bitrate")


def one_a_recording(
    plugin: MusrecPlugin, lib: Library, own: Collection[int], files: list[tuple[bytes, TrackEmbedding]]
) -> Filter:
    """Ranked songs -> one a recording, the best copy, and none of the seeds' recordings."""
    from musrec_core.duplicates import Recordings

    outside = [(-1 - n, _copy_of_file(path), track.vector) for n, (path, track) in enumerate(files)]

    def keep(ranked: list[Neighbour]) -> list[Neighbour]:
        ids = [*own, *(neighbour.id for neighbour in ranked)]
        copies = {id_: _copy(*row) for id_, row in lookup.columns(lib, ids, _COLUMNS).items()}
        texts = lookup.attributes(lib, ids, fields.EMBEDDING)
        vectors = dict(zip(texts, fields.decode_vectors([*texts.values()], plugin.card.dimensions), strict=True))
        copies.update({id_: copy for id_, copy, _ in outside if copy})
        vectors.update({id_: vector for id_, _, vector in outside})
        return Recordings(copies, vectors).collapse(ranked, [*own, *(id_ for id_, _, _ in outside)])

    return keep


def _copy(title: Any, artist: Any, length: Any, recording: Any, format_: Any, bit_rate: Any) -> Copy:
    from musrec_core.duplicates import Copy

    return Copy(title or "", artist or "", length or 0.0, recording or "", format_ in LOSSLESS, bit_rate or 0)


def _copy_of_file(path: bytes) -> Copy | None:
    """What the tags of a file outside the library say; nothing where they can't be read."""
    try:
        item = Item.from_path(path)
    except ReadError:
        return None
    return _copy(item.title, item.artist, item.length, item.mb_trackid, item.format, item.bitrate)
