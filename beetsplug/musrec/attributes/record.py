"""Storing an embedding in an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from musrec_core.attribute_text import encode_vector, file_properties, format_genres, format_pairs
from musrec_core.errors import UnusableAudio

from . import fields

if TYPE_CHECKING:
    from beets.library import Item

    from musrec_core.encoder import TrackEmbedding


def record(item: Item, outcome: TrackEmbedding | UnusableAudio, excerpts: int | None = None) -> None:
    """Store an embedding, or the reason why there is none, in an item's attributes.

    A failure keeps an older embedding: it is still the song's.

    Parameters
    ----------
    excerpts : int, optional
        How many of the file were embedded, where it is another number than the model's.
    """
    if isinstance(outcome, UnusableAudio):
        item[fields.STATUS] = f"{outcome.reason} @ {fields.mtime_of(item)}"
    else:
        item[fields.EMBEDDING] = encode_vector(outcome.vector)
        item[fields.GENRES] = format_genres(outcome.genres)
        item[fields.MODEL] = outcome.model
        item[fields.HEARD] = _properties_of(item, excerpts)
        if outcome.mood:
            item[fields.MOOD] = format_pairs(outcome.mood)
        for outdated in ({fields.STATUS} if outcome.mood else {fields.STATUS, fields.MOOD}) & set(item.keys()):
            del item[outdated]
    item.store()


def _properties_of(item: Item, excerpts: int | None) -> str:
    return file_properties(item.format, item.length, item.bitrate, item.samplerate, excerpts=excerpts)
