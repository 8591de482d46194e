"""The tags of one music file that we may write: read, set and saved through mediafile, as beets does it.

They are not registered as fields of beets: it would write an attribute ``mood`` of the user's into every file, and
plugins that clear all fields (`zero`) would clear a mood that another program wrote.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import beets
from beets.util import syspath
from mediafile import (
    ASFStorageStyle,
    ListMediaField,
    ListStorageStyle,
    MediaFile,
    MP3ListDescStorageStyle,
    MP3ListStorageStyle,
    MP4ListStorageStyle,
)

MOOD = "mood"
WHOLE = ("grouping", "comments", "genres")  # fields of beets, whose value is either ours or the user's
SEPARATOR = "; "
ITUNES = "----:com.apple.iTunes:"


def text_of(values: list[str]) -> str:
    """Several values as one text, as beets prints them."""
    return SEPARATOR.join(values)


def is_taken(name: str) -> bool:
    """Whether a name of the user's choice is that of a tag that beets writes, or ours for the mood."""
    return name == MOOD or (name.upper() in _names_of_beets() and name not in WHOLE[:2])


@cache
def _names_of_beets() -> set[str]:
    found = {name.upper() for name in MediaFile.fields()}
    for field in map(vars(MediaFile).get, MediaFile.fields()):
        keys = [getattr(style, "description", None) or style.key for style in getattr(field, "_styles", ())]
        found |= {key.removeprefix(ITUNES).upper() for key in keys}
    return found


@cache
def _homes(name: str, id3v23: bool) -> list[ListMediaField]:
    """Where files keep the values of a tag: where ours are written first, then where others' may be, too."""
    own = name.upper()
    asf = ASFStorageStyle("WM/Mood" if name == MOOD else own)
    others = [MP4ListStorageStyle(f"{ITUNES}{own}"), ListStorageStyle(own), asf]
    free = MP3ListDescStorageStyle(own, split_v23=True)
    if name != MOOD:
        return [ListMediaField(free, *others)]
    frame = MP3ListStorageStyle("TMOO")
    if not id3v23:
        return [ListMediaField(frame, *others), ListMediaField(free)]
    # ID3v2.3, which beets writes to MP3 files alone, has no such frame: it would be dropped
    free.formats, frame.formats = ["MP3"], [kind for kind in frame.formats if kind != "MP3"]
    dropped = MP3ListStorageStyle("TMOO")
    dropped.formats = ["MP3"]
    return [ListMediaField(free, frame, *others), ListMediaField(dropped)]


class TagFile:
    """A music file's tags; raises ``mediafile.UnreadableFileError`` where it has none that can be read or saved."""

    def __init__(self, path: bytes) -> None:
        self._id3v23 = beets.config["id3v23"].get(bool)
        self._media = MediaFile(syspath(path), id3v23=self._id3v23)

    def values(self, name: str) -> list[str]:
        """What a tag holds; a field of beets of one text as one value."""
        if name in WHOLE:
            value: Any = getattr(self._media, name)
            return list(value or []) if isinstance(value, list) else [value] if value else []
        return list(dict.fromkeys(value for home in self._homes(name) for value in self._in(home)))

    def set(self, name: str, values: list[str]) -> None:
        """Set a tag; without values, it is removed."""
        if name in WHOLE:
            if values:
                setattr(self._media, name, values if name == "genres" else text_of(values))
            else:
                delattr(self._media, name)
            return
        first, *others = self._homes(name)
        stay = []
        for home in others:
            left = [] if self._id3v23 else [value for value in self._in(home) if value in values]
            if left != self._in(home):
                self._put(home, left)
            stay += left
        self._put(first, [value for value in values if value not in stay])

    def save(self) -> None:
        """Write the file, as beets would."""
        self._media.save()

    def _homes(self, name: str) -> list[ListMediaField]:
        return [home for home in _homes(name, self._id3v23) if any(home.styles(self._media.mgfile))]

    def _in(self, home: ListMediaField) -> list[str]:
        return list(home.__get__(self._media) or [])

    def _put(self, home: ListMediaField, values: list[str]) -> None:
        if values:
            home.__set__(self._media, values)
        else:
            home.__delete__(self._media)
