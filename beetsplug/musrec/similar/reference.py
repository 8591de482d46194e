"""The table of options in docs/similar-options.md: ``python -m beetsplug.musrec.similar.reference`` prints it."""

from __future__ import annotations

from .option import Option, Use
from .options import MODES, OPTIONS

HEAD = (
    "option",
    "",
    "setting `musrec.similar.`",
    "list",
    "`--to`",
    "`--hubs`",
    "`--words`",
    "`--artists`",
    "`--albums`",
    "`--refresh`",
    "`--extend`",
    "mix",
)


def table() -> str:
    """Every option, and what it applies to, in Markdown."""
    lines = [_line(HEAD), _line(["---"] * len(HEAD)), *(_line(_cells(row)) for row in OPTIONS)]
    return "\n".join(lines) + "\n"


def _cells(row: Option) -> list[str]:
    metavar = row.metavar or "|".join(row.choices) or ("" if row.type == "flag" else row.name.upper())
    flags = ", ".join(f"`{flag}`" for flag in row.flags[:-1])
    whole = f"`{row.flag} {metavar}`" if metavar else f"`{row.flag}`"
    return [
        ", ".join(filter(None, (flags, whole))).replace("|", "\\|"),
        row.help,
        f"`{row.name}`" if row.setting else "",
        *(_yes(row, use) for use in MODES),
        f"`{row.key}`" if Use.MIX in row.applies_to else "",
    ]


def _yes(row: Option, use: Use) -> str:
    return "yes" if use in row.applies_to else ""


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(table(), end="")
