"""The ids by which clients know songs and artists: beets' own, or those of a media server."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class SongIds(Protocol):
    """Translates ids; every method may be called by many threads at once."""

    @property
    def known(self) -> Collection[int] | None:
        """The ids of the items that clients can play, and that answers are chosen from; None: all."""

    def item(self, song: str) -> int | None:
        """The id of the item that a client's id stands for; None where it stands for none."""

    def song(self, item: int) -> str | None:
        """The client's id of an item; None where the client has no such song."""

    def items_of_artist(self, artist: str) -> list[int] | None:
        """The ids of an artist's items; None where a client's artist id stands for none."""

    def artist_of(self, item: int) -> tuple[str, str] | None:
        """The client's id and name of the artist of an item; None where it has none."""
