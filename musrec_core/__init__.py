"""Music similarity without beets: decoding, embedding, search, ordering, playlists.

>>> from musrec_core import Encoder, VectorIndex, recommend
>>> encoder = Encoder.load()
>>> track = encoder.embed_file("song.mp3")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which ``-m`` would look for in the working folder first
if TYPE_CHECKING:
    from typing import Any

    from . import playlist
    from .card import Card
    from .encoder import Encoder, TrackEmbedding
    from .errors import ModelError, UnusableAudio
    from .search import ranking as recommend
    from .search.index import VectorIndex

__version__ = "0.1.0"
__all__ = ["Card", "Encoder", "ModelError", "TrackEmbedding", "UnusableAudio", "VectorIndex", "playlist", "recommend"]

_CLASSES = {
    "Card": "card",
    "Encoder": "encoder",
    "TrackEmbedding": "encoder",
    "ModelError": "errors",
    "UnusableAudio": "errors",
    "VectorIndex": "search.index",
}
_MODULES = {"playlist": "playlist", "recommend": "search.ranking"}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import musrec_core`` costs nothing (PEP 562)."""
    if name in _CLASSES:
        return getattr(import_module(f".{_CLASSES[name]}", __name__), name)
    if name in _MODULES:
        return import_module(f".{_MODULES[name]}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
