"""``beet embed --write-tags`` and ``--remove-tags``: words, mood and genres in the files' own tags."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from beets.ui import UserError

from musrec_core._text import number_of, printable

from .. import progress
from ..attributes import fields
from ..console import print_item, print_text
from ..embedding.embedder import set_busy_timeout
from ..library import sql
from ..library.models import songs_by_model
from ..tags.files import text_of
from ..tags.wanted import NotEmbedded, NoWords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beets.library import Item, Library

    from ..components import Components
    from ..tags.changes import Change
    from ..tags.writer import TagWriter

NOTHING = "(none)"
LONGEST = 500  # characters of a tag that are shown
WRITTEN, SAME, FAILED, UNKNOWN, NO_WORDS = "written", "same", "failed", "unknown", "no words"


def run_write(components: Components, lib: Library, ids: list[int], *, pretend: bool, quiet: bool) -> None:
    """Write the tags of some songs."""
    _require_words(components, lib)
    wanted = components.wanted_tags
    tally: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    set_busy_timeout(lib)
    with progress.bar(len(ids), unit=" tracks", quiet=quiet or pretend) as bar:
        for item in sql.items_of(lib, ids):
            try:
                tags = wanted.of(item)
            except NotEmbedded:
                tally[UNKNOWN] += 1
            except NoWords:
                tally[NO_WORDS] += 1
            else:
                found = _done(components.tag_writer, item, tags, pretend=pretend)
                tally[_outcome(found)] += 1
                kept.update(change.name for change in found or [] if change.is_users and tags.get(change.name))
            bar.update()
    if not quiet:
        print_text(_summary(tally, "to be written" if pretend else "written", kept))


def run_remove(components: Components, lib: Library, ids: list[int], *, pretend: bool, quiet: bool) -> None:
    """Remove what we wrote into the tags of some songs."""
    noted = set(sql.ids_with_prefix(lib, fields.TAG))
    ids = [id_ for id_ in ids if id_ in noted]
    tally: Counter[str] = Counter()
    set_busy_timeout(lib)
    with progress.bar(len(ids), unit=" tracks", quiet=quiet or pretend) as bar:
        for item in sql.items_of(lib, ids):
            tally[_outcome(_done(components.tag_writer, item, {}, pretend=pretend))] += 1
            bar.update()
    tally[WRITTEN] += tally.pop(SAME, 0)  # the files had nothing of ours any more
    if not quiet:
        print_text(_summary(tally, "to be removed" if pretend else "removed", Counter()))


def _require_words(components: Components, lib: Library) -> None:
    """Raise `UserError` if no model of the library's songs knows words, and nothing else is wanted."""
    settings = components.settings.tags
    if settings.genres:
        return
    if not (settings.mood or settings.words):
        raise UserError("nothing is to be written: set musrec.tags.mood, words or genres")
    models = components.vectors.models
    known = [models[id_] for id_ in songs_by_model(lib) if id_ in models.ids]
    if known and not any(components.words.find(card) for card in known):
        components.words.get(components.vectors.card(lib))


def _done(writer: TagWriter, item: Item, wanted: Mapping[str, list[str]], *, pretend: bool) -> list[Change] | None:
    """Write the tags, or with ``pretend`` print what would be written; the changes, None where the file failed."""
    if not pretend:
        return writer.write(item, wanted)
    found = writer.changes(item, wanted)
    if _outcome(found) == WRITTEN:
        print_item(item)
        for change in found or []:
            if change.old != change.new:
                print_text(f"  {change.name}: {_shown(change.old)} -> {_shown(change.new)}")
    return found


def _shown(values: list[str]) -> str:
    text = printable(text_of(values)) or NOTHING
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _outcome(found: list[Change] | None) -> str:
    if found is None:
        return FAILED
    return WRITTEN if any(change.old != change.new for change in found) else SAME


def _summary(tally: Mapping[str, int], done: str, kept: Mapping[str, int]) -> str:
    """What became of all songs, in one line."""
    words = {
        SAME: "up to date",
        FAILED: "failed",
        UNKNOWN: "without an embedding (run `beet embed`)",
        NO_WORDS: "embedded with a model that knows no words (run `beet embed`)",
    }
    parts = [f"{tally.get(WRITTEN, 0)} {done}"]
    parts += [f"{tally[outcome]} {text}" for outcome, text in words.items() if tally.get(outcome)]
    line = ", ".join(parts)
    return "; ".join([line, *(f"{name} kept as it is in {number_of(n, 'song')}" for name, n in kept.items())])
