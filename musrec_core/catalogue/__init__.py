"""Catalogues of millions of tracks, on one machine or many: Ray embeds them, Lance stores and searches them.

The extra ``catalogue`` installs what this needs. ``python -m musrec_core.catalogue`` is its command line.

>>> from musrec_core.catalogue import Catalogue
>>> Catalogue.open("tracks.lance").count("genre = 'jazz'")  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which ``-m`` would look for in the working folder first
if TYPE_CHECKING:
    from typing import Any

    from .cluster.session import ray_session
    from .dataset import Catalogue
    from .duplicates.duplicates import DuplicateOptions, find_duplicates
    from .embedding.driver import embed
    from .embedding.progress import EmbedReport
    from .neighbours.neighbours import NeighbourOptions, write_neighbours
    from .search.match import Match
    from .search.search import Searcher
    from .search.words import sounds

__all__ = [
    "Catalogue",
    "DuplicateOptions",
    "EmbedReport",
    "Match",
    "NeighbourOptions",
    "Searcher",
    "embed",
    "find_duplicates",
    "ray_session",
    "sounds",
    "write_neighbours",
]

_MODULES = {
    "Catalogue": "dataset",
    "DuplicateOptions": "duplicates.duplicates",
    "EmbedReport": "embedding.progress",
    "Match": "search.match",
    "NeighbourOptions": "neighbours.neighbours",
    "Searcher": "search.search",
    "embed": "embedding.driver",
    "find_duplicates": "duplicates.duplicates",
    "ray_session": "cluster.session",
    "sounds": "search.words",
    "write_neighbours": "neighbours.neighbours",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``--help`` loads neither Ray nor Lance (PEP 562)."""
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
