"""``beet genreguess --learn`` and ``--forget``: a vocabulary from the library's own genres, and the model's again."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Any

from beets.ui import UserError

from musrec_core._text import one_line, printable

from ..attributes.fields import OWN, genre_keys, vocabulary_path
from ..console import print_text

if TYPE_CHECKING:
    from beets.library import Library

    from ..genres.learn import VocabularyLearner

WIDTH = 80
NAME = 26  # columns of a genre's name
NAMED = 12  # genres that are left out by name


def run_learn(learner: VocabularyLearner, lib: Library, args: list[str], configured: str, *, pretend: bool) -> None:
    """Learn, say how good it is, and keep it beside the library; ``configured`` is the id of the configured model."""
    found = learner.fit(*learner.tagged_embeddings(lib, args))
    for line in report(found.vocabulary.figures):
        print_text(line)
    _tell_left_out(found.left_out)
    if pretend:
        return
    path = vocabulary_path(lib.path)
    try:
        found.vocabulary.save(path)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from None
    print_text("`beet genreguess` and $musrec_genre now use your genres; `--forget` undoes this.")
    key = next(iter(genre_keys(found.vocabulary.labels).values()))
    print_text(f"Their probabilities are fields, as in: beet ls {OWN}{key}:0.8..")
    if found.vocabulary.model != configured:
        print_text(
            f"They were learnt from embeddings of {found.vocabulary.model}: after `beet embed`, learn them anew."
        )


def run_forget(lib: Library, args: list[str], *, pretend: bool) -> None:
    """Remove the vocabulary."""
    if args:
        raise UserError("--forget removes the whole vocabulary: leave out the QUERY")
    if pretend and os.path.exists(vocabulary_path(lib.path)):
        print_text(f"would remove {printable(vocabulary_path(lib.path))}")
        return
    try:
        os.unlink(vocabulary_path(lib.path))
    except FileNotFoundError:
        raise UserError("there is no learnt vocabulary to remove") from None
    except OSError as error:
        raise UserError(f"{vocabulary_path(lib.path)} can't be removed: {error.strerror or error}") from None
    print_text("Removed your vocabulary: the model's own genres are used again.")


# The report.


def report(figures: dict[str, Any]) -> list[str]:
    """A vocabulary's figures as lines of at most 80 columns."""
    majority, (low, high) = figures["majority"], figures["interval"]
    always = f'always "{short(majority["genre"], NAME - 9)}"'
    return [
        f"{len(figures['genres'])} genres, learnt from {figures['songs']} songs of {figures['artists']} artists.",
        "Accuracy on artists that it was not trained on (cross-validated):",
        "",
        f"{'':<{NAME}} right  macro-F1",
        f"{'your vocabulary':<{NAME}} {figures['accuracy']:5.0%} {figures['macro_f1']:9.2f}"
        f"   (right: {low:.0%} to {high:.0%}, 95% interval)",
        f"{always:<{NAME}} {majority['accuracy']:5.0%} {majority['macro_f1']:9.2f}",
        "",
        f"{'genre':<{NAME}} songs artists precision recall    F1  F1 of always",
        *(_row(genre) for genre in figures["genres"]),
        "",
        "confidence   answered  right",
        *(
            f"{answer['confidence']:.1f} or more {answer['answered']:10.0%} {_percent(answer['right']):>6}"
            for answer in figures["answers"]
        ),
    ]


def _row(genre: dict[str, Any]) -> str:
    return (
        f"{short(genre['genre'], NAME):<{NAME}} {genre['songs']:5} {genre['artists']:7} "
        f"{_percent(genre['precision']):>9} {_percent(genre['recall']):>6} {genre['f1']:5.2f} "
        f"{genre['majority_f1']:13.2f}"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def short(text: str, width: int) -> str:
    """A name in so many columns."""
    line = one_line(text)
    return line if len(line) <= width else f"{line[: width - 1]}~"


def _tell_left_out(left_out: dict[str, tuple[int, int]]) -> None:
    if not left_out:
        return
    named = [f"{one_line(label)} ({songs} by {artists})" for label, (songs, artists) in left_out.items()]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    text = f"Left out as too rare (songs by artists): {', '.join(named[:NAMED])}{more}."
    print_text("")
    for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False):
        print_text(line)
