"""Genre tags that the model doubts, and songs that sound unlike the rest of their album or artist."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from musrec_core import attribute_text
from musrec_core.genres.outliers import Outlier, outliers

from ..attributes import fields
from ..library import sql
from ..library.coverage import counts, nothing_embedded
from . import tags

if TYPE_CHECKING:
    from beets.library import Library

    from .learn import VocabularyLearner
    from .tags import Rules

MIN_Z = 3.5  # robust z-score of an outlier (Iglewicz and Hoaglin 1993)
BLOCK = 5000  # songs whose probabilities are read at a time
DOUBTED = 0.2  # the probability below which a tag is doubted: between it and the threshold the model has no say


class Doubt(NamedTuple):
    """A song whose genres the model doubts: the probability of the genre it predicts, and what they should become."""

    id: int
    p: float
    genres: list[str]
    better: list[str]


def doubts_by_vocabulary(learner: VocabularyLearner, lib: Library, rules: Rules) -> list[Doubt]:
    """Doubts by the learnt vocabulary: each song is judged by a fold that was not trained on its artist."""
    tagged, vectors, model_id = learner.tagged_embeddings(lib, [])
    found = learner.fit(tagged, vectors, model_id)
    labels = found.vocabulary.labels
    doubts = []
    for row, truth, p in zip(found.rows, found.truth, found.held_out, strict=True):
        top = int(p.argmax())
        doubted = {tags.key_of(labels[k]) for k in range(len(labels)) if truth[k] and p[k] < DOUBTED}
        if truth[top] or p[top] < rules.threshold or not doubted:
            continue
        genres = tagged.stored[row]
        better = [labels[top], *(genre for genre in genres if not _all_in(doubted, rules.synonyms.names([genre])))]
        doubts.append(Doubt(tagged.ids[row], float(p[top]), genres, better))
    return doubts


def _all_in(doubted: set[str], names: list[str]) -> bool:
    return bool(names) and all(tags.key_of(name) in doubted for name in names)


def doubts_by_model(lib: Library, model_id: str, rules: Rules, chosen: set[int] | None) -> list[Doubt]:
    """Doubts by the model's own genres, of songs all of whose tags are among them."""
    ids = sorted(chosen) if chosen is not None else sql.ids_with(lib, fields.GENRES)
    if not (found_counts := counts(lib, model_id)).current:
        raise nothing_embedded(found_counts, model_id)
    models = sql.attributes(lib, ids, fields.MODEL)
    tagged = tags.read(lib, [id_ for id_ in ids if models.get(id_) == model_id], rules.synonyms)
    rows = zip(tagged.ids, tagged.stored, tagged.genres, strict=True)
    doubts = []
    while part := list(itertools.islice(rows, BLOCK)):  # the texts of a whole library would weigh more than its vectors
        texts = sql.attributes(lib, [id_ for id_, _, _ in part], fields.GENRES)
        found = (_doubt(id_, texts.get(id_, ""), stored, genres, rules) for id_, stored, genres in part)
        doubts += [doubt for doubt in found if doubt is not None]
    return doubts


def _doubt(id_: int, text: str, stored: list[str], genres: list[str], rules: Rules) -> Doubt | None:
    """Whether the model doubts a song's genres, by its stored probabilities."""
    guess: dict[str, float] = {}
    for label, p in attribute_text.parse_pairs(text).items():
        for name in rules.synonyms.names([rules.name(label, learnt=False)]):
            guess[name] = guess.get(name, 0.0) + p
    known = {tags.key_of(name): p for name, p in guess.items()}
    keys = {tags.key_of(genre) for genre in genres}
    if not guess or not keys or not keys <= known.keys():
        return None
    better, p = max(guess.items(), key=lambda pair: pair[1])
    if p < rules.threshold or sum(known[key] for key in keys) >= DOUBTED:
        return None
    ignored = [genre for genre in stored if not rules.synonyms.names([genre])]
    return Doubt(id_, p, stored, [better, *ignored])


def find_outliers(learner: VocabularyLearner, lib: Library) -> tuple[list[tuple[int, Outlier, str]], int]:
    """Songs far from the rest of their album or artist, the farthest first: id, figures, and which group it is.

    The second value is the number of songs that were compared.
    """
    tagged, vectors, _ = learner.tagged_embeddings(lib, [])
    artists = [None if name.startswith(tags.NO_ARTIST) else name for name in tagged.artists]
    best: dict[int, tuple[Outlier, str]] = {}
    for group, members in (("album", tagged.albums), ("artist", artists)):
        for song in outliers(vectors, members):
            if song.z >= MIN_Z and (song.row not in best or song.z > best[song.row][0].z):
                best[song.row] = song, group
    ranked = sorted(best.values(), key=lambda pair: (-pair[0].z, pair[0].row))
    return [(tagged.ids[song.row], song, group) for song, group in ranked], len(tagged.ids)
