"""What `beet similar --words` prints: the words of a model by group, how good each is, and what each may be called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musrec_core.card import Card
    from musrec_core.words.heads import Words

    from .qualities import Qualities

WIDTH = 79
LEGEND = (
    "The number says how good a word is: of 100 pairs of songs, one to which it applies and one to which it does not, "
    "in how many the model puts the right one first (50 is chance). `beet similar --words NAME` shows what else a word "
    "may be called."
)


def lines(qualities: Qualities, card: Card, args: Sequence[str]) -> list[str]:
    """Every word, or those that some texts name, each with its synonyms; raises `UserError`."""
    words = qualities.words(card)
    if not args:
        return [*_by_group(words), *wrap(LEGEND, WIDTH)]
    asked = qualities.request(card, " ".join(args)).asked
    return [line for word in asked for line in _one(words, word.index)]


def _by_group(words: Words) -> list[str]:
    found: list[str] = []
    for group in dict.fromkeys(words.groups):
        of_group = [n for n, other in enumerate(words.groups) if other == group]
        # a space that does not break keeps a word and its number on one line
        text = ", ".join(f"{words.names[n]} {_percent(words, n)}".replace(" ", "\u00a0") for n in of_group)
        found += [
            f"{group}:",
            *wrap(text.replace("-", "\u2011"), WIDTH, initial_indent="  ", subsequent_indent="  "),
            "",
        ]
    return [line.replace("\u00a0", " ").replace("\u2011", "-") for line in found]


def _one(words: Words, n: int) -> list[str]:
    others = f"; also {', '.join(words.synonyms[n])}" if words.synonyms[n] else ""
    text = f"{words.names[n]} ({words.groups[n]}) {_percent(words, n)}{others}"
    return wrap(text, WIDTH, subsequent_indent="  ")


def _percent(words: Words, n: int) -> str:
    return str(math.floor(100 * float(words.auc[n])))  # none is perfect
