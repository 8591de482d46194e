"""``beet genreguess --audit`` and ``--odd``: tags that the model doubts, and songs that fall out of line."""

from __future__ import annotations

import itertools
import shlex
from typing import TYPE_CHECKING, NamedTuple

from beets.ui import UserError

from musrec_core._text import one_line

from ..attributes import fields
from ..console import formatted, print_text
from ..genres import tags
from ..library import sql
from ..similar import search
from . import genre_learn

if TYPE_CHECKING:
    from beets.library import Library

    from .. import MusrecPlugin
    from ..genres.tags import Rules

NAME = "$artist - $title"
ODD = 3.5  # robust z-score (Iglewicz and Hoaglin 1993)
BLOCK = 5000  # songs whose probabilities are read at a time
DOUBTED = 0.2  # the probability below which a tag is doubted: between it and the threshold the model has no say


class Doubt(NamedTuple):
    """A song whose genres the model doubts: the probability of the genre it hears, and what they should become."""

    id: int
    p: float
    genres: list[str]
    better: list[str]


def run_audit(plugin: MusrecPlugin, lib: Library, args: list[str], rules: Rules, count: int | None) -> None:
    """List doubted genres, the most confident first, each with what mends it."""
    chosen = _chosen(lib, args)
    own = plugin.genres.learnt(lib.path) is not None
    doubts = _by_own_genres(plugin, lib, rules) if own else _by_the_model(plugin, lib, rules, chosen)
    doubts = [doubt for doubt in doubts if chosen is None or doubt.id in chosen]
    doubts.sort(key=lambda doubt: (-doubt.p, doubt.id))
    shown = {doubt.id: doubt for doubt in doubts[:count]}
    for item in sql.items_of(lib, shown):
        doubt = shown[sql.id_of(item)]
        change = one_line(f"{'; '.join(doubt.genres)} -> {'; '.join(doubt.better)}")
        print_text(f"{doubt.p:.2f}  {formatted(item, NAME)}: {change}")
        print_text(f"      {mending(doubt)}")
    whose = "your vocabulary" if own else "the model's genres"
    print_text(f"{len(doubts)} doubtful, judged by {whose} (confidence {rules.threshold:g} or more).")


def mending(doubt: Doubt) -> str:
    """The command that gives a song the better genres, for a shell."""
    return f"beet modify id:{doubt.id} {shlex.quote(one_line('genres=' + '; '.join(doubt.better)))}"


def _by_own_genres(plugin: MusrecPlugin, lib: Library, rules: Rules) -> list[Doubt]:
    """Doubts by the library's own genres: every song is judged by a model that has heard nothing of its artist."""
    tagged, vectors = genre_learn.embedded(plugin, lib, [])
    found = genre_learn.learnt(plugin, tagged, vectors)
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


def _by_the_model(plugin: MusrecPlugin, lib: Library, rules: Rules, chosen: set[int] | None) -> list[Doubt]:
    """Doubts by the model's own genres, of songs all of whose tags are among them."""
    ids = sorted(chosen) if chosen is not None else sql.holders(lib, fields.GENRES)
    if not (counts := sql.counts(lib, plugin.card.model_id)).current:
        raise search.nothing_embedded(plugin, counts)
    models = sql.attributes(lib, ids, fields.MODEL)
    tagged = tags.read(lib, [id_ for id_ in ids if models.get(id_) == plugin.card.model_id], rules.synonyms)
    rows = zip(tagged.ids, tagged.stored, tagged.genres, strict=True)
    doubts = []
    while part := list(itertools.islice(rows, BLOCK)):  # the texts of a whole library would weigh more than its vectors
        texts = sql.attributes(lib, [id_ for id_, _, _ in part], fields.GENRES)
        found = (_doubt(id_, texts.get(id_, ""), stored, genres, rules) for id_, stored, genres in part)
        doubts += [doubt for doubt in found if doubt is not None]
    return doubts


def _doubt(id_: int, text: str, stored: list[str], genres: list[str], rules: Rules) -> Doubt | None:
    """What the model doubts of a song's genres, by its probabilities as they are stored."""
    guess: dict[str, float] = {}
    for label, p in fields.parse_genres(text).items():
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


def run_odd(plugin: MusrecPlugin, lib: Library, args: list[str], count: int | None) -> None:
    """List songs far from their album or artist, the oddest first, with the reason."""
    from musrec_core.genres.outliers import Outlier, outliers

    chosen = _chosen(lib, args)
    tagged, vectors = genre_learn.embedded(plugin, lib, [])
    artists = [None if name.startswith(tags.NO_ARTIST) else name for name in tagged.artists]
    best: dict[int, tuple[Outlier, str]] = {}
    for what, groups in (("album", tagged.albums), ("artist", artists)):
        for song in outliers(vectors, groups):
            if song.z >= ODD and (song.row not in best or song.z > best[song.row][0].z):
                best[song.row] = song, what
    ranked = sorted(best.values(), key=lambda pair: (-pair[0].z, pair[0].row))
    found = [(song, what) for song, what in ranked if chosen is None or tagged.ids[song.row] in chosen]
    shown = {tagged.ids[song.row]: (song, what) for song, what in found[:count]}
    for item in sql.items_of(lib, shown):
        song, what = shown[sql.id_of(item)]
        name = item.album if what == "album" else item.albumartist or item.artist
        print_text(f"{song.z:5.1f}  {formatted(item, NAME)}")
        before, after = f"       {song.distance:.2f} from the rest of the {what} ", f" (usual: {song.typical:.2f})"
        print_text(before + genre_learn.short(name or "(no name)", genre_learn.WIDTH - len(before + after)) + after)
    print_text(f"{len(found)} of {len(tagged.ids)} songs are outliers (robust z-score of {ODD} or more).")


def _chosen(lib: Library, args: list[str]) -> set[int] | None:
    if not args:
        return None
    ids = set(sql.matching_ids(lib, sql.parse(args)))
    if not ids:
        raise UserError(f"no song matches: {' '.join(args)}")
    return ids
