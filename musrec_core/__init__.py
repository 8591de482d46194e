"""Everything that knows music, and no beets.

>>> from musrec_core import Encoder, VectorIndex, recommend
>>> encoder = Encoder.load()
>>> track = encoder.embed_file("song.mp3")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import playlist, recommend
    from .card import Card
    from .encoder import Encoder, TrackEmbedding
    from .errors import ModelError, UnusableAudio
    from .index import VectorIndex

__all__ = ["Card", "Encoder", "ModelError", "TrackEmbedding", "UnusableAudio", "VectorIndex", "playlist", "recommend"]

_HOME = {
    "Card": "card",
    "Encoder": "encoder",
    "TrackEmbedding": "encoder",
    "ModelError": "errors",
    "UnusableAudio": "errors",
    "VectorIndex": "index",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import musrec_core`` costs nothing (PEP 562)."""
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
