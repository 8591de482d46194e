"""On import, where asked: which song of another album sounds the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets.util import displayable_path

from musrec_core.text import one_line

from . import snapshot
from .output import formatted

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Item, Library
    from numpy.typing import NDArray

    from musrec_core.index import VectorIndex

    from . import MusrecPlugin

LOOKED_AT = 20  # neighbours: the nearest may be of the same album, or gone
PART = 1000  # new songs that are looked through apart from the others
NAME = "$artist - $title"


class Resemblance:
    """The songs that were there when an import began, and those that it brought."""

    def __init__(self, plugin: MusrecPlugin, nearest: float) -> None:
        self._plugin = plugin
        self._nearest = nearest
        self._known: VectorIndex | None = None
        self._new: dict[int, NDArray[np.float32]] = {}

    def tell(self, lib: Library, item: Item, vector: NDArray[np.float32]) -> None:
        """Log one line if a song of another album lies as near as that."""
        if self._known is None:
            self._known = snapshot.load(self._plugin, lib, "embedding").index
        found = [
            near for index in (self._known, _index(self._new)) if index for near in index.query([vector], LOOKED_AT)[0]
        ]
        self._new[item.id] = vector
        if len(self._new) >= PART:
            self._known, self._new = _index(_vectors(self._known) | self._new), {}
        for near in sorted(found, key=lambda near: near.distance):
            if near.distance > self._nearest:
                return
            other = lib.get_item(near.id) if near.id != item.id else None
            if other is not None and (other.album_id is None or other.album_id != item.album_id):
                self._plugin._log.warning(
                    "{} sounds like a track that you have: {} (distance {:.3f}, {})",
                    _name(item),
                    _name(other),
                    near.distance,
                    f"album {one_line(other.album)}" if other.album else "no album",
                )
                return


def _name(item: Item) -> str:
    """Who it is; a song without a title is known by its file."""
    return formatted(item, NAME) if item.title else one_line(displayable_path(item.path))


def _vectors(index: VectorIndex) -> dict[int, NDArray[np.float32]]:
    return dict(zip(index.ids.tolist(), index.vectors, strict=True))


def _index(vectors: dict[int, NDArray[np.float32]]) -> VectorIndex | None:
    from musrec_core.index import VectorIndex

    return VectorIndex(list(vectors), list(vectors.values())) if vectors else None
