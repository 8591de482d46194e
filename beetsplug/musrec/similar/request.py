"""A request for similar songs and its result: for the command, for a playlist's recipe, and for a mix."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beets.ui import UserError

from ..console import display_name, stem
from ..library.song_keys import RemovedSongs
from . import words_alone
from .arguments import require_applicable
from .options import SimilarOptions, check_values

if TYPE_CHECKING:
    from beets.library import Item

    from musrec_core.words.request import WordRequest

    from ..config import SimilarSettings, Space
    from .found_sets import FoundSets
    from .seeds import Seeds


@dataclass(frozen=True)
class PlaylistContext:
    """The playlist that songs are for, where they are for one."""

    begins_with_seed: bool = False  # where there is one seed
    begins_with_seeds: bool = False  # where there are many, too: as earlier versions did
    listed: frozenset[str] = frozenset()  # keys of the songs that it holds already (see `song_keys`)
    last: Item | None = None  # the song that the new ones follow


@dataclass(frozen=True)
class Request:
    """What is asked for: options, the words of a query, or the seeds themselves; ``playlist`` is None for a list.

    ``among`` are the ids of the items that may be found, beside what the options say; None: all. ``unwanted`` are those
    that may not be found, nor any other copy of their recordings.
    """

    options: SimilarOptions
    args: list[str] = field(default_factory=list)
    items: list[Item] | None = None
    removed: RemovedSongs = field(default_factory=RemovedSongs)
    playlist: PlaylistContext | None = None
    among: Collection[int] | None = None
    unwanted: frozenset[int] = frozenset()

    @property
    def is_words_alone(self) -> bool:
        """Whether it names words and no seed."""
        return self.items is None and words_alone.is_asked(self.options, self.args)


@dataclass(frozen=True)
class Result:
    """The songs, and the seeds: files outside the library, songs of it."""

    songs: list[Item]
    count: int  # that were asked for
    seed_files: list[bytes] = field(default_factory=list)
    seed_items: list[Item] = field(default_factory=list)
    model_id: str = ""  # of the model whose embeddings were compared
    random_seed: int | None = None  # of the draw
    begins_with_seeds: bool = False  # whether the playlist does
    start: Seeds | None = None  # what the search started from, with its embeddings
    space: Space = "embedding"  # in which it was made
    is_journey: bool = False  # whether each song leads to the next
    sounds: WordRequest | None = None  # the words that it is for
    sets: FoundSets | None = None  # artists or albums, where they were asked for: the songs are some of theirs
    distances: Mapping[int, float] = field(default_factory=dict)  # of the songs, by id: `LastResult` is all threads'

    def seed_names(self) -> list[str]:
        """The seeds, as a reader knows them."""
        if self.sets is not None:
            return self.sets.seed_names
        return [*map(stem, self.seed_files), *map(display_name, self.seed_items)]


def check(options: SimilarOptions, settings: SimilarSettings) -> None:
    """Raise `UserError` where no request can have such options."""
    require_applicable(options, options.mode)
    check_values(options)
    if options.mix and not options.to and (options.order or settings.order) != "smooth":
        raise UserError("--mix needs --to or --order smooth")
