"""``beet embed``: what import did not do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from beets import ui
from beets.ui import Subcommand, UserError

from .. import embedding, fields

if TYPE_CHECKING:
    from beets.library import Item, Library

    from .. import MusrecPlugin


class EmbedCLIOpts(Protocol):
    force: bool
    jobs: int | None
    pretend: bool
    quiet: bool
    report: bool
    retry: bool


def command(plugin: MusrecPlugin) -> Subcommand:
    """The subcommand, as beets wants it."""
    cmd = Subcommand("embed", help="embed the tracks that have no embedding yet")
    cmd.parser.usage = "%prog [options] [QUERY]"
    cmd.parser.description = (
        "Embed what import did not: tracks without an embedding, with one of another model, or whose file was "
        "replaced. Can be stopped at any moment and run again."
    )
    cmd.parser.add_option("-f", "--force", action="store_true", default=False, help="embed every track anew")
    cmd.parser.add_option("-j", "--jobs", type="int", metavar="N", help="worker processes (default: one a core)")
    cmd.parser.add_option(
        "-p", "--pretend", action="store_true", default=False, help="only list what would be embedded"
    )
    cmd.parser.add_option(
        "--retry", action="store_true", default=False, help="also try files that failed and have not changed since"
    )
    cmd.parser.add_option(
        "--report", action="store_true", default=False, help="list what failed, by reason; embed nothing"
    )
    cmd.parser.add_option("-q", "--quiet", action="store_true", default=False, help="no progress bar, no summary")
    cmd.func = lambda lib, opts, args: run(plugin, lib, opts, args)
    return cmd


def run(plugin: MusrecPlugin, lib: Library, opts: EmbedCLIOpts, args: list[str]) -> None:
    if opts.jobs is not None and opts.jobs < 1:
        raise UserError("--jobs has to be 1 or more")
    matched = list(lib.items(args))
    if args and not matched:
        raise UserError(f"no song matches: {' '.join(args)}")
    if opts.report:
        report(matched)
        return
    current = sum(not embedding.needs_embedding(plugin, item, retry=True) for item in matched)
    work = matched if opts.force else [item for item in matched if embedding.needs_embedding(plugin, item, opts.retry)]
    if opts.pretend:
        for item in work:
            ui.print_(format(item))
        return
    try:
        done, failed = embedding.embed_items(plugin, work, workers=opts.jobs, quiet=opts.quiet) if work else (0, 0)
    except KeyboardInterrupt:
        ui.print_("stopped: what was embedded is stored, run `beet embed` again for the rest")
        raise
    if not opts.quiet:
        ui.print_(_summary(matched, work, done, failed, current if not opts.force else 0))


def report(matched: list[Item]) -> None:
    """What could not be embedded, by reason, each with the command that lists it."""
    reasons = Counter(reason for item in matched if (reason := fields.failure_of(item)))
    if not reasons:
        ui.print_("nothing failed")
        return
    ui.print_(f"{sum(reasons.values())} could not be embedded:")
    for reason, count in reasons.most_common():
        ui.print_(f"  {count:6}  {reason:<12} beet ls -p musrec_status:{reason}")
    ui.print_("A file that changes is tried again by `beet embed`; `beet embed --retry` tries them all.")


def _summary(matched: list[Item], work: list[Item], done: int, failed: int, current: int) -> str:
    parts = [f"{done} embedded"]
    if current:
        parts.append(f"{current} up to date")
    if failed:
        parts.append(f"{failed} failed")
    if unchanged := len(matched) - len(work) - current:
        parts.append(f"{unchanged} failed before and did not change (--retry tries again)")
    return ", ".join(parts)
