"""The results of `sounds:` queries: the songs that sound most like some words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from beets.ui import UserError
from confuse import ConfigError

from musrec_core._text import one_line

from .query_results import InvalidPatternError, Pattern, QueryResults, parse
from .seeds import Seeds

if TYPE_CHECKING:
    from beets.library import Library

    from ..library.vectors import Snapshot
    from .search import SongRanker

EXPECTED = "WORDS, WORDS|COUNT, WORDS|DISTANCE (with a decimal point: 0.4) or WORDS|QUERY"


class SoundsResults(QueryResults):
    """Answers `sounds:`.

    Parameters
    ----------
    is_importing : callable
        Whether an import is running, which a path format or a smart playlist with a wrong word must not stop: the query
        then matches nothing, and says why.
    others
        As `QueryResults` takes them.
    """

    name = "sounds"

    def __init__(self, *parts: Any, is_importing: Callable[[], bool]) -> None:
        super().__init__(*parts)
        self._is_importing = is_importing

    def parse(self, pattern: str) -> Pattern:
        """Read a pattern; raises `InvalidPatternError`, of which beets makes one sentence."""
        found = parse(pattern, EXPECTED)
        if found.closer_than is not None:  # a share of the pairs of songs, which words are none of
            raise InvalidPatternError(pattern, EXPECTED)
        lib = self.library()
        if lib is not None and not self._is_importing():
            self._check_words(lib, found)
        return found

    def _check_words(self, lib: Library, pattern: Pattern) -> None:
        try:
            similar = self.similar()
            card = self.snapshot(lib).card
        except (UserError, ConfigError):  # there is no usable model, which is told when songs are looked for
            return
        if card.words is not None:
            try:
                similar.qualities.request(card, pattern.wanted)
            except UserError as error:
                said = str(error)
                raise InvalidPatternError(one_line(pattern.wanted), "a request for words", said) from None

    def snapshot(self, lib: Library) -> Snapshot:
        """The embeddings, which words are told from, whatever space is configured."""
        return self.similar().query_snapshot(lib, "embedding")

    def ranker(self, lib: Library, pattern: Pattern, snapshot: Snapshot) -> SongRanker:
        """What ranks the songs by the words."""
        return self.similar().query_ranker(lib, snapshot, Seeds([], []), pattern.candidates, pattern.wanted)
