"""`--sounds` without seeds: songs are ranked by the words alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from beets.ui import UserError

from musrec_core.words.ranker import ScoreIndex

from ..option_checks import listed
from .option import Use
from .options import BY_NAME, is_given

if TYPE_CHECKING:
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.card import Card
    from musrec_core.search.index import VectorIndex
    from musrec_core.words.request import WordRequest

    from .options import SimilarOptions
    from .qualities import Qualities

# Options that say how to compare with a seed.
ABOUT_SEEDS = ("at", "space", "metric", "hub_correction", "closer_than", "with_seeds")


def is_asked(options: SimilarOptions, args: Sequence[str]) -> bool:
    """Whether words are asked for, and no seed is named."""
    named = args or options.files or options.from_playlist or options.recent
    return options.sounds is not None and options.mode is Use.LIST and not named


def check(options: SimilarOptions, *others: str) -> None:
    """Raise `UserError` for options that do nothing without seeds."""
    if idle := [BY_NAME[name].flag for name in (*ABOUT_SEEDS, *others) if is_given(getattr(options, name))]:
        raise UserError(f"--sounds without a QUERY can't be combined with {listed(idle)}")


def without_seeds(options: SimilarOptions) -> SimilarOptions:
    """The options without what the configuration says of comparing with seeds."""
    return replace(options, space="embedding", metric=None, hub_correction=False)


def ranked(lib: Library, card: Card, index: VectorIndex, wanted: WordRequest, qualities: Qualities) -> ScoreIndex:
    """What ranks the songs by how well they answer: their distance is one minus that."""
    return ScoreIndex(index, qualities.scores(lib, card, wanted, index))


def no_point(index: VectorIndex) -> NDArray[np.float32]:
    """What stands for the seeds, which no distance depends on [shape=(1, d)]."""
    return np.zeros((1, index.vectors.shape[1]), np.float32)
