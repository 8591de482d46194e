"""``beet embed``: embeds tracks without a current embedding."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from beets.ui import UserError

from musrec_core import attribute_text
from musrec_core._text import number_of, printable

from .. import option_checks
from ..attributes import fields
from ..console import print_item, print_text
from ..embedding.embedder import PendingWork
from ..library import sql
from . import embed_tags

if TYPE_CHECKING:
    from optparse import OptionParser

    from beets.library import Library

    from ..components import Components
    from ..embedding.embedder import Embedder


class EmbedCLIOpts(Protocol):
    force: bool
    jobs: int | None
    pretend: bool
    quiet: bool
    remove_tags: bool
    report: bool
    retry: bool
    write_tags: bool


def add_options(parser: OptionParser) -> None:
    parser.usage = "%prog [options] [QUERY]"
    parser.description = (
        "Embed what import did not, in the whole library or among the tracks that QUERY matches: tracks without an "
        "embedding, with one from another model, or whose file was replaced. You can stop it at any time and run it "
        "again."
    )
    parser.add_option("-f", "--force", action="store_true", default=False, help="embed every track again")
    parser.add_option("-j", "--jobs", type="int", metavar="N", help="worker processes (default: one for each core)")
    parser.add_option(
        "-p",
        "--pretend",
        action="store_true",
        default=False,
        help="only list what would be embedded, written or removed",
    )
    parser.add_option(
        "--retry", action="store_true", default=False, help="try again what failed, even if the file has not changed"
    )
    parser.add_option(
        "--report", action="store_true", default=False, help="only report what could not be embedded, by reason"
    )
    parser.add_option("--write-tags", action="store_true", default=False,
                      help="write what is heard (mood, words; see `musrec.tags`) into the files' own tags, "
                           "instead of embedding")  # fmt: skip
    parser.add_option("--remove-tags", action="store_true", default=False,
                      help="remove from the files' tags what --write-tags wrote, and nothing else")  # fmt: skip
    parser.add_option("-q", "--quiet", action="store_true", default=False, help="no progress bar, no summary")


def run(components: Components, parser: OptionParser, lib: Library, opts: EmbedCLIOpts, args: list[str]) -> None:
    _check(parser, opts)
    ids = sql.matching(lib, args, allow_empty=True)
    if opts.report:
        report(lib, ids)
        return
    if opts.write_tags or opts.remove_tags:
        _tags(components, lib, ids, opts)
        return
    embedder = components.embedder
    work = PendingWork(ids) if opts.force else embedder.needs_embedding(lib, ids, retry=opts.retry)
    if opts.pretend:
        for item in sql.items_of(lib, work.ids):
            print_item(item)
        return
    if work.of_another_model and not opts.quiet:
        components.log.info(
            "{} embedded with another model than {} will be embedded again",
            number_of(work.of_another_model, "song"),
            components.card.model_id,
        )
    try:
        done, failed = _embed(embedder, lib, work, opts) if work.ids else (0, 0)
    except KeyboardInterrupt:
        print_text("stopped: what was embedded is stored, run `beet embed` again for the rest")
        raise
    if not opts.quiet:
        print_text(_summary(work, done, failed))


def _tags(components: Components, lib: Library, ids: list[int], opts: EmbedCLIOpts) -> None:
    run_tags = embed_tags.run_write if opts.write_tags else embed_tags.run_remove
    try:
        run_tags(components, lib, ids, pretend=opts.pretend, quiet=opts.quiet)
    except KeyboardInterrupt:
        print_text("stopped: run it again for the rest")
        raise


def _check(parser: OptionParser, opts: EmbedCLIOpts) -> None:
    """Raise `UserError` for what would be ignored, or makes no sense."""
    if opts.report:
        option_checks.require(parser, opts, "--report", {"report"})
    elif opts.write_tags:
        option_checks.require(parser, opts, "--write-tags", {"write_tags", "pretend", "quiet"})
    elif opts.remove_tags:
        option_checks.require(parser, opts, "--remove-tags", {"remove_tags", "pretend", "quiet"})
    elif opts.force and opts.retry:
        raise UserError("--force can't be combined with --retry: it embeds every track")
    elif opts.pretend:
        option_checks.require(parser, opts, "--pretend", {"pretend", "force", "retry"})
    if opts.jobs is not None and opts.jobs < 1:
        raise UserError("--jobs has to be 1 or more")


def _embed(embedder: Embedder, lib: Library, work: PendingWork, opts: EmbedCLIOpts) -> tuple[int, int]:
    items = sql.items_of(lib, work.ids)
    return embedder.embed_items(lib, items, len(work.ids), workers=opts.jobs, quiet=opts.quiet)


def report(lib: Library, ids: list[int]) -> None:
    """What could not be embedded, by reason, each with the command that lists it."""
    statuses = sql.attributes(lib, ids, fields.STATUS).values()
    reasons = Counter(reason for status in statuses if (reason := printable(attribute_text.failure_of(status))))
    if not reasons:
        print_text("nothing failed")
        return
    print_text(f"{sum(reasons.values())} could not be embedded:")
    for reason, count in reasons.most_common():
        print_text(f"  {count:6}  {reason:<12} beet ls -p musrec_status:{reason}")
    print_text("`beet embed` tries a file again once it is back or has changed.")
    if reasons.keys() & {"timeout", "crashed"}:
        print_text("`beet embed --retry` tries again what timed out or crashed.")


def _summary(work: PendingWork, done: int, failed: int) -> str:
    parts = [f"{done} embedded"]
    if work.current:
        parts.append(f"{work.current} up to date")
    if failed:
        parts.append(f"{failed} failed")
    if work.failed_before:
        parts.append(f"{work.failed_before} failed before and did not change (--report says why)")
    return ", ".join(parts)
