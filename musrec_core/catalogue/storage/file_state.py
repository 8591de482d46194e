"""The state of a file when it was embedded, and whether it has changed since: the column ``heard`` of a dataset."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

ENDINGS = frozenset(
    (".aac", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".ape", ".asf", ".au", ".caf", ".dff", ".dsf", ".eac3",
     ".flac", ".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".mp4", ".mpc", ".oga", ".ogg", ".opus", ".shn", ".spx", ".tak",
     ".tta", ".w64", ".wav", ".wave", ".weba", ".wma", ".wv")
)  # fmt: skip

_KEYS = re.compile(r"(?:^| )(size|modified|etag|excerpts):")
_TICK = timedelta(milliseconds=1)  # what finer clocks than an object storage's are rounded to


@dataclass(frozen=True)
class FileState:
    """What tells a file's content from a later one without reading it; None where the storage does not say.

    Attributes
    ----------
    size : int, optional
        Bytes.
    modified : datetime, optional
        With its time zone.
    etag : str, optional
        As HTTP has it, without quotes.
    """

    size: int | None = None
    modified: datetime | None = None
    etag: str | None = None

    def __bool__(self) -> bool:
        return self != FileState()

    def is_of(self, other: FileState) -> bool:
        """Whether both may be states of one content: nothing that both say differs, and there is something."""
        if self.etag and other.etag:
            return self.etag == other.etag
        both_sizes = self.size is not None and other.size is not None
        if both_sizes and self.size != other.size:
            return False
        if self.modified and other.modified:
            return _same_time(self.modified, other.modified)
        return both_sizes


def heard_text(state: FileState, excerpts: int | None = None) -> str:
    """What a dataset stores: ``size:4012345 modified:2026-11-26T10:00:00Z etag:0f3a excerpts:3``, as far as known.

    Parameters
    ----------
    excerpts : int, optional
        How many of the file were embedded, where that is not what the model's card says.
    """
    said = {
        "size": state.size,
        "modified": None if state.modified is None else _time_text(state.modified),
        "etag": state.etag or None,
        "excerpts": excerpts,
    }
    return " ".join(f"{key}:{value}" for key, value in said.items() if value is not None)


def parse_heard(text: str | None) -> tuple[FileState, int | None]:
    """What `heard_text` was made of; an empty state where the text is none of it, as that of a beets library."""
    words = text or ""
    found = list(_KEYS.finditer(words))
    ends = [*(match.start() for match in found[1:]), len(words)]
    said = {match[1]: words[match.end() : end] for match, end in zip(found, ends, strict=False)}
    state = FileState(_whole(said.get("size")), _time(said.get("modified")), said.get("etag"))
    return state, _whole(said.get("excerpts"))


def is_foreign(text: str | None) -> bool:
    """Whether it says something, but nothing of a file's size, time or tag: that of a beets library."""
    return bool(text) and not parse_heard(text)[0]


def clean_etag(etag: str | None) -> str | None:
    """A tag as servers send it, without quotes and the mark of a weak one; None where there is none."""
    bare = " ".join((etag or "").strip().removeprefix("W/").strip('"').split())
    return bare or None


def _same_time(a: datetime, b: datetime) -> bool:
    """To the second where either knows no more, else to the millisecond."""
    if not a.microsecond or not b.microsecond:
        return a.replace(microsecond=0) == b.replace(microsecond=0)
    return abs(a - b) < _TICK


def _time_text(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def local_state(now: os.stat_result) -> FileState:
    """The state of a local file, its time to the microsecond."""
    seconds, nanoseconds = divmod(now.st_mtime_ns, 10**9)
    try:
        modified = datetime.fromtimestamp(seconds, timezone.utc).replace(microsecond=nanoseconds // 1000)
    except (OverflowError, ValueError, OSError):  # a time that no calendar has
        modified = None
    return FileState(now.st_size, modified)
