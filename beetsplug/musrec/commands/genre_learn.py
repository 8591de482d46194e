"""``beet genreguess --learn`` and ``--forget``: a vocabulary from the library's own genres, and the model's again."""

from __future__ import annotations

import importlib.util
import os
import textwrap
from typing import TYPE_CHECKING, Any

from beets.ui import UserError

from musrec_core._text import one_line, printable

from ..attributes.fields import OWN
from ..console import print_text
from ..genres import tags
from ..genres.vocabulary import file_of, genre_keys
from ..library import sql
from ..library import vectors as vectors_module
from ..similar import search

if TYPE_CHECKING:
    import numpy as np
    from beets.library import Library
    from numpy.typing import NDArray

    from musrec_core.genres.learning import FitReport

    from .. import MusrecPlugin

WIDTH = 80
NAME = 26  # columns of a genre's name
NAMED = 12  # genres that are left out by name


def embedded(plugin: MusrecPlugin, lib: Library, args: list[str]) -> tuple[tags.TaggedSongs, NDArray[np.float32]]:
    """The songs that a query matches and that have an embedding, and their embeddings [shape=(n, d)]."""
    import numpy as np

    known = vectors_module.load(plugin, lib, "embedding")
    index = known.index
    if not len(index):
        raise search.nothing_embedded(plugin, known.counts)
    if args:
        index = index.among(sql.matching_ids(lib, sql.parse(args)))
        if not len(index):
            raise UserError(f"no song with an embedding matches: {' '.join(args)}")
    tagged = tags.read(lib, index.ids.tolist(), tags.Synonyms.of(plugin))
    return tagged, index.vectors[np.isin(index.ids, tagged.ids)]  # less those that went meanwhile


def learnt(plugin: MusrecPlugin, tagged: tags.TaggedSongs, vectors: NDArray[np.float32]) -> FitReport:
    """What can be learnt from some songs; raises `UserError`."""
    from musrec_core.errors import VocabularyError
    from musrec_core.genres.learning import fit_vocabulary

    if importlib.util.find_spec("sklearn") is None:
        raise UserError("learning needs scikit-learn: pip install 'beets-musrec[learn]'")
    config = plugin.config["genreguess"]
    try:
        return fit_vocabulary(
            vectors,
            tagged.genres,
            tagged.artists,
            model=plugin.card.model_id,
            least_songs=config["least_songs"].get(int),
            least_artists=config["least_artists"].get(int),
        )
    except VocabularyError as error:
        raise UserError(f"nothing can be learnt: {error} (musrec.genreguess.least_songs and least_artists)") from None


def run_learn(plugin: MusrecPlugin, lib: Library, args: list[str], *, pretend: bool) -> None:
    """Learn, say how good it is, and keep it beside the library."""
    found = learnt(plugin, *embedded(plugin, lib, args))
    for line in report(found.vocabulary.figures):
        print_text(line)
    _tell_left_out(found.left_out)
    if pretend:
        return
    path = file_of(lib.path)
    try:
        found.vocabulary.save(path)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from None
    print_text("`beet genreguess` and $musrec_genre now use your genres; `--forget` undoes this.")
    key = next(iter(genre_keys(found.vocabulary.labels).values()))
    print_text(f"Their probabilities are fields, as in: beet ls {OWN}{key}:0.8..")


def run_forget(lib: Library, args: list[str], *, pretend: bool) -> None:
    """Take the vocabulary away."""
    if args:
        raise UserError("--forget removes the whole vocabulary: leave out the QUERY")
    if pretend and os.path.exists(file_of(lib.path)):
        print_text(f"would remove {printable(file_of(lib.path))}")
        return
    try:
        os.unlink(file_of(lib.path))
    except FileNotFoundError:
        raise UserError("there is no learnt vocabulary to remove") from None
    except OSError as error:
        raise UserError(f"{file_of(lib.path)} can't be removed: {error.strerror or error}") from None
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
