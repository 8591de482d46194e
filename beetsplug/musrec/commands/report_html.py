"""The report as one HTML file: no script, no font, no address; light and dark."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #666; }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .4rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; overflow-wrap: break-word; min-width: 6rem; padding-left: 0; }
th { color: var(--quiet); font-weight: normal; }
p { color: var(--quiet); }
"""
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Table:
    """A title, rows of text whose first column is their name, and a note below."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


@dataclass(frozen=True)
class Page:
    """A report."""

    title: str
    tables: Sequence[Table]


def as_html(page: Page) -> str:
    """The whole file; every text is escaped."""
    body = "\n".join(_table(table) for table in page.tables)
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="generator" content="beets-musrec">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(page.title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(page.title)}</h1>\n{body}\n</body></html>\n"
    )


def escape(text: str) -> str:
    """Text as HTML; the library's module takes 5 ms to import, which each `beet` would pay."""
    return html.escape(text)


def _table(table: Table) -> str:
    head = f"<thead>{_row(table.head, 'th')}</thead>" if any(table.head) else ""
    rows = "\n".join(_row(row, "td") for row in table.rows)
    text = _CODE.sub(r"<code>\1</code>", escape(table.note))
    note = f"\n<p>{text}</p>" if text else ""
    return f"<h2>{escape(table.title)}</h2>\n<table>{head}<tbody>\n{rows}\n</tbody></table>{note}"


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
