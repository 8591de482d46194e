"""``beet genreguess --audit`` and ``--odd``: tags that the model doubts, and songs that are outliers."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from musrec_core._text import one_line

from ..console import formatted, print_text
from ..genres import audit
from ..library import sql
from . import genre_learn

if TYPE_CHECKING:
    from beets.library import Library

    from ..genres.audit import Doubt
    from ..genres.learn import VocabularyLearner
    from ..genres.tags import Rules

NAME = "$artist - $title"


def run_audit(
    learner: VocabularyLearner | None, lib: Library, model_id: str, args: list[str], rules: Rules, count: int | None
) -> None:
    """List doubted genres, the most confident first, each with the command that fixes it.

    ``learner`` is given where a learnt vocabulary is the judge.
    """
    chosen = set(sql.matching(lib, args)) if args else None
    doubts = (
        audit.doubts_by_vocabulary(learner, lib, rules)
        if learner
        else audit.doubts_by_model(lib, model_id, rules, chosen)
    )
    doubts = [doubt for doubt in doubts if chosen is None or doubt.id in chosen]
    doubts.sort(key=lambda doubt: (-doubt.p, doubt.id))
    shown = {doubt.id: doubt for doubt in doubts[:count]}
    for item in sql.items_of(lib, shown):
        doubt = shown[sql.id_of(item)]
        change = one_line(f"{'; '.join(doubt.genres)} -> {'; '.join(doubt.better)}")
        print_text(f"{doubt.p:.2f}  {formatted(item, NAME)}: {change}")
        print_text(f"      {fix_command(doubt)}")
    whose = "your vocabulary" if learner else "the model's genres"
    print_text(f"{len(doubts)} doubtful, judged by {whose} (confidence {rules.threshold:g} or more).")


def fix_command(doubt: Doubt) -> str:
    """The command that gives a song the better genres, for a shell."""
    return f"beet modify id:{doubt.id} {shlex.quote(one_line('genres=' + '; '.join(doubt.better)))}"


def run_odd(learner: VocabularyLearner, lib: Library, args: list[str], count: int | None) -> None:
    """List songs far from their album or artist, the oddest first, with the reason."""
    chosen = set(sql.matching(lib, args)) if args else None
    ranked, songs = audit.find_outliers(learner, lib)
    found = [(id_, song, group) for id_, song, group in ranked if chosen is None or id_ in chosen]
    shown = {id_: (song, group) for id_, song, group in found[:count]}
    for item in sql.items_of(lib, shown):
        song, group = shown[sql.id_of(item)]
        name = item.album if group == "album" else item.albumartist or item.artist
        print_text(f"{song.z:5.1f}  {formatted(item, NAME)}")
        before, after = f"       {song.distance:.2f} from the rest of the {group} ", f" (usual: {song.typical:.2f})"
        print_text(before + genre_learn.short(name or "(no name)", genre_learn.WIDTH - len(before + after)) + after)
    print_text(f"{len(found)} of {songs} songs are outliers (robust z-score of {audit.MIN_Z} or more).")
