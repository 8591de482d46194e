"""Files made of several joined files: chained Ogg (RFC 3533, section 4; every stream dump), and FLAC after FLAC.

FFmpeg knows the length of the first link alone, and gives up where rate or channels change.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

OGG_FIRST_PAGE = b"OggS\0\x02" + bytes(8)  # begins a page that begins a stream: version, flags, no sample yet
FLAC_START = b"fLaC\0\0\0\x22"  # the marker, and the header of the block that always follows it
OGG_HEADER_BYTES = 27  # of a page, before its segment table
READ_BYTES = 1 << 20  # at once
TAIL_BYTES = 1 << 17  # read at either end of a file; a page has at most 65,307


class Link(NamedTuple):
    """The bytes ``start`` to ``stop`` of a file: an Ogg or FLAC file of its own."""

    start: int
    stop: int


class Part(io.RawIOBase):
    """One link of a file, as a file: what PyAV reads."""

    def __init__(self, name: str, link: Link) -> None:
        self._file = open(name, "rb")  # noqa: SIM115 - `close` closes it
        self._link = link
        self._file.seek(link.start)

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes, none beyond the link."""
        left = max(0, self._link.stop - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As any file's."""
        base = {os.SEEK_SET: self._link.start, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._link.stop}[whence]
        return self._file.seek(max(self._link.start, base + offset)) - self._link.start

    def tell(self) -> int:
        """As any file's."""
        return self._file.tell() - self._link.start

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Close the file below too."""
        self._file.close()
        super().close()


def flac_links(name: str) -> list[Link]:
    """The FLAC files that make up a FLAC file, in order; reads the whole file."""
    with open(name, "rb") as file:
        starts = [at for at, _ in _marks(file, FLAC_START, len(FLAC_START))]
        return _links(starts, file.seek(0, os.SEEK_END))


def ogg_links(name: str) -> list[Link]:
    """The links of an Ogg file in order; one, without reading the whole file, where its two ends belong together."""
    with open(name, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size or _is_one(file, size):
            return [Link(0, size)]
        return _links(_starts(file), size)


def _links(starts: list[int], size: int) -> list[Link]:
    return [Link(start, stop) for start, stop in zip(starts, [*starts[1:], size], strict=False)] or [Link(0, size)]


def _is_one(file: io.BufferedReader, size: int) -> bool:
    """Whether the last page belongs to a stream of the file's beginning, and its number fits the file's size."""
    file.seek(0)
    head = file.read(TAIL_BYTES)
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    pages = [at for at in _pages(tail) if len(tail) - at >= OGG_HEADER_BYTES]
    if not pages:
        return False
    serial, number = (tail[pages[-1] + at : pages[-1] + at + 4] for at in (14, 18))
    first = {head[at + 14 : at + 18] for at in _pages(head) if head.startswith(OGG_FIRST_PAGE, at)}
    if serial not in first or len(_starts(io.BytesIO(head))) > 1:
        return False
    mean_page = (len(tail) - pages[0]) / len(pages)  # a file joined to itself keeps its serial number
    return size < 1.5 * mean_page * (int.from_bytes(number, "little") + 1) + 2 * TAIL_BYTES


def _pages(content: bytes) -> list[int]:
    found, at = [], content.find(b"OggS\0")
    while at >= 0:
        found.append(at)
        at = content.find(b"OggS\0", at + 5)
    return found


def _starts(file: BinaryIO) -> list[int]:
    """Where links begin: pages that begin a stream, but for those that follow such a page directly (one group)."""
    starts, expected = [], -1
    for at, page in _marks(file, OGG_FIRST_PAGE, OGG_HEADER_BYTES + 255):
        if page[18:22] == bytes(4):  # the page's number
            if at != expected:
                starts.append(at)
            expected = at + OGG_HEADER_BYTES + page[26] + sum(page[OGG_HEADER_BYTES : OGG_HEADER_BYTES + page[26]])
    return starts


def _marks(file: BinaryIO, mark: bytes, length: int) -> Iterator[tuple[int, bytes]]:
    """Where a mark stands, and the ``length`` bytes from there (no memory map: one of a shrinking file kills)."""
    file.seek(0)
    start, rest = 0, b""
    while content := file.read(READ_BYTES):
        content = rest + content
        at = content.find(mark)
        while 0 <= at <= len(content) - length:
            yield start + at, content[at : at + length]
            at = content.find(mark, at + len(mark))
        kept = length - 1  # too few for another
        start, rest = start + max(0, len(content) - kept), content[-kept:]
