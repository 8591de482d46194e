"""``beet musrec-report``: how well similarity agrees with the library's tags."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from beets.ui import UserError
from beets.util import displayable_path, normpath

from musrec_core import attribute_text
from musrec_core._files import atomic_write
from musrec_core._text import one_line, printable
from musrec_core.errors import ModelError
from musrec_core.network import runtime_name
from musrec_core.search import agreement

from .. import option_checks, progress
from ..attributes import fields
from ..console import print_text
from ..genres.tags import stored_genres
from ..library import sql
from ..overwrite import check_page
from . import report_html, report_words
from .report_html import Page, Table

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from musrec_core.card import Card
    from musrec_core.search.agreement import Agreement, Hubs
    from musrec_core.search.index import VectorIndex
    from musrec_core.words.heads import Words

    from ..components import Components

WIDTH = 79
FAILED = "failed: "


class ReportCLIOpts(Protocol):
    force: bool
    output: str | None


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options] [QUERY]"
    parser.description = (
        "Report how many songs are embedded, what they sound like, how many of a song's ten nearest share its artist, "
        "album and genre compared with chance, and which songs are near everything. With QUERY, look only at the "
        "songs that match it."
    )
    parser.add_option("-o", "--output", metavar="FILE", help="also write the report to an HTML file")
    parser.add_option("--force", action="store_true", default=False,
                          help="with -o: overwrite a file that another program made")  # fmt: skip


def run(components: Components, parser: OptionParser, lib: Library, opts: ReportCLIOpts, args: list[str]) -> None:
    option_checks.require_filled(parser, opts)
    if opts.output:
        check_page(normpath(opts.output), force=opts.force)
    elif opts.force:
        raise UserError("--force goes with --output")
    ids = sql.matching(lib, args)
    known = components.vectors.get(lib, "embedding")
    index = known.index.among(ids) if args else known.index
    words = components.words.find(known.card)
    page = _page(known.card, components.card, lib, ids, index, words)
    print_text(as_text(page))
    if opts.output:
        _write(page, opts.output)
        components.log.info("wrote {}", displayable_path(normpath(opts.output)))


def _write(page: Page, name: str) -> None:
    path = normpath(name)
    try:
        with atomic_write(path) as file:
            file.write(report_html.as_html(page).encode("utf-8"))
    except OSError as error:
        raise UserError(f"the report {displayable_path(path)} can't be written: {error.strerror}") from None


def _page(card: Card, configured: Card, lib: Library, ids: list[int], index: VectorIndex, words: Words | None) -> Page:
    tables = [_coverage(card.model_id, configured.model_id, lib, ids, index)]
    if words and len(index):
        tables += report_words.tables(words, index.vectors)
    if len(index) > 1:
        tables += _neighbours(lib, index)
    songs = f"{len(ids):,} {'song' if len(ids) == 1 else 'songs'}"
    return Page(f"{songs}, model {card.model_id}, {_runtime(card)}", tables)


def _runtime(card: Card) -> str:
    """What embeds songs; the report itself needs nothing of the kind."""
    try:
        return f"run by {runtime_name(card)}"
    except ModelError as error:
        return f"which can't run here: {error}"


# Coverage.


def _coverage(model_id: str, configured: str, lib: Library, ids: list[int], index: VectorIndex) -> Table:
    models = sql.attributes(lib, ids, fields.MODEL)
    statuses = sql.attributes(lib, ids, fields.STATUS)
    embedded = set(index.ids.tolist())
    left = [id_ for id_ in ids if id_ not in embedded]
    reasons = Counter(_why(model_id, models.get(id_), statuses.get(id_)) for id_ in left)
    rows = [("embedded", f"{len(embedded):,}", _percent(len(embedded), len(ids)))]
    rows += [(reason, f"{n:,}", _percent(n, len(ids))) for reason, n in reasons.most_common()]
    failed = any(reason.startswith(FAILED) for reason in reasons)
    if model_id != configured:
        notes = [f"The configured model is {configured}: run `beet embed` to change to it."]
    else:
        notes = ["Run `beet embed` for the rest."] * any(not reason.startswith(FAILED) for reason in reasons)
    notes += ["`beet embed --report` shows how to list what failed."] * failed
    return Table("Coverage", ("", "songs", "share"), rows, " ".join(notes))


def _why(model_id: str, model: str | None, status: str | None) -> str:
    """Why a song has no vector."""
    if reason := one_line(attribute_text.failure_of(status)):
        return f"{FAILED}{reason}"
    if model is None:
        return "not embedded yet"
    return "damaged" if model == model_id else "from another model"


def _percent(n: int, of: int) -> str:
    return f"{n / of:.0%}" if n in (0, of) else f"{min(max(100 * n / of, 0.1), 99.9):.1f}%"


# Neighbours.


def _neighbours(lib: Library, index: VectorIndex) -> list[Table]:
    seeds = agreement.draw(len(index), agreement.MAX_SEEDS)
    total = len(seeds) + min(len(index), agreement.MAX_HUB_SONGS)
    with progress.bar(total, unit=" songs") as bar:
        rows = agreement.nearest_of(index, seeds, progress=bar.update)
        hubs = agreement.hub_figures(index, progress=bar.update)
    tags = sql.columns(lib, index.ids.tolist(), ("artist", "album_id", "genres"))
    tagged = [tags.get(id_, (None, None, None)) for id_ in index.ids.tolist()]
    artists = [[str(row[0]).casefold()] if row[0] else [] for row in tagged]
    albums = [[str(row[1])] if row[1] else [] for row in tagged]
    genres = [_genres(row[2]) for row in tagged]
    found = [
        ("artist", agreement.agreement(seeds, rows, artists)),
        ("album", agreement.agreement(seeds, rows, albums)),
        ("genre", agreement.agreement(seeds, rows, genres)),
        ("genre, other artists", agreement.agreement(seeds, rows, genres, apart=artists)),
    ]
    return [_agreement_table(found, len(seeds), len(index)), *_hub_tables(lib, hubs, len(index))]


def _genres(column: str | None) -> list[str]:
    """A song's genres, each also where somebody wrote several into one, as in ``Rock; Pop``."""
    parts = (part for genre in stored_genres(column) for part in genre.split(";"))
    return [name for part in parts if (name := part.strip().casefold())]


def _agreement_table(found: list[tuple[str, Agreement]], seeds: int, songs: int) -> Table:
    rows = [(name, *_agreement_cells(a)) for name, a in found]
    note = "`genre, other artists` ignores songs by the seed's own artist, most of whom play one genre."
    if seeds < songs:
        note = f"Measured on {seeds:,} songs drawn from {songs:,}. {note}"
    return Table("How many of a song's 10 nearest share its ...", ("", "found", "chance", "gain", "seeds"), rows, note)


def _agreement_cells(a: Agreement) -> tuple[str, str, str, str]:
    if not a.seeds:
        return "", "", "", "0"
    gain = f"{a.precision / a.chance:.1f}x" if a.chance else ""
    return f"{a.precision:.1%}", f"{a.chance:.1%}", gain, f"{a.seeds:,}"


def _hub_tables(lib: Library, hubs: Hubs, songs: int) -> list[Table]:
    figures = Table(
        "Hubs",
        ("", ""),
        [
            (f"skewness of the {hubs.k}-occurrence", f"{hubs.skewness:.2f}"),
            (f"songs that are in no song's {hubs.k} nearest", f"{hubs.never:.1%}"),
        ],
        f"The {hubs.k}-occurrence of a song is the number of songs that have it among their {hubs.k} nearest. "
        "A skewness of 0 means that all songs turn up about equally often; well above 1, a few turn up everywhere, and "
        "`beet similar --hub-correction` may help."
        + (f" Counted in {hubs.songs:,} songs drawn from {songs:,}." if hubs.songs < songs else ""),
    )
    named = sql.columns(lib, [id_ for id_, _ in hubs.worst], ("artist", "title"))
    rows = [
        (printable(" - ".join(str(part or "") for part in named.get(id_, ("", "")))), f"{n:,}") for id_, n in hubs.worst
    ]
    return [
        figures,
        Table(f"The worst hubs, by how many songs have them among their {hubs.k} nearest", ("", "songs"), rows, ""),
    ]


# The terminal.


def as_text(page: Page) -> str:
    """The page at 80 columns."""
    lines = [page.title]
    for table in page.tables:
        lines += ["", table.title, *_text_rows(table)]
        lines += [f"  {line}" for line in textwrap.wrap(table.note, WIDTH - 2)]
    return "\n".join(lines)


def _text_rows(table: Table) -> list[str]:
    widths = [max(len(row[i]) for row in [table.head, *table.rows]) for i in range(1, len(table.head))]
    first = WIDTH - 2 - sum(widths) - 2 * len(widths)
    first = min(first, max(len(row[0]) for row in [table.head, *table.rows]))
    rows = [table.head, *table.rows] if any(table.head) else table.rows
    return ["  " + _text_row(row, first, widths) for row in rows]


def _text_row(row: Sequence[str], first: int, widths: Sequence[int]) -> str:
    name = row[0] if len(row[0]) <= first else row[0][: first - 3] + "..."
    return name.ljust(first) + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths, strict=True))
