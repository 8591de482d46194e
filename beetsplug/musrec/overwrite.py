"""Which pages and pictures may be overwritten: those that carry our mark; anything else only with ``--force``."""

from __future__ import annotations

import os

from beets.ui import UserError
from beets.util import displayable_path

from musrec_core._text import printable

MARK = b"beets-musrec"  # HTML: a meta element `generator`; PNG: a text chunk `Software`
_HEAD = 2_000  # bytes; both stand before anything long


def check_page(path: str | bytes | os.PathLike[str], *, force: bool) -> None:
    """Raise `UserError` if the file exists and another program made it; an empty file may be overwritten."""
    name = os.fsencode(path)
    shown = printable(displayable_path(name))
    if os.path.isdir(name) or not os.path.exists(name):  # the writer tells
        return
    if not os.path.isfile(name):
        raise UserError(f"{shown} is not a regular file")
    if force:
        return
    try:
        with open(name, "rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UserError(f"{shown} can't be read to find out what made it: {error.strerror}") from None
    if head and not _is_ours(head):
        raise UserError(f"{shown} was made by another program or an earlier version: add --force to overwrite it")


def _is_ours(head: bytes) -> bool:
    if head.startswith(b"\x89PNG"):
        return b"tEXtSoftware\0" + MARK in head
    return b'<meta name="generator" content="' + MARK + b'">' in head
