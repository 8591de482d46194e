"""XSPF and JSPF playlists, which hold a song's tags one by one, and its location as a URI.

Both say the same, in XML and in JSON: https://www.xspf.org/spec and https://www.xspf.org/jspf. A recipe stands in
their element for data of one's own (`meta`). For reading, they are turned into the lines of an M3U file.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .._text import one_line
from ..errors import PlaylistError
from .entry import Entry, Kept, Style, Tags
from .reading import MAX_BYTES, regular_file

NAMESPACE = "http://xspf.org/ns/0/"
RECIPE = "https://github.com/beets-musrec/beets-musrec/recipe"  # what our `meta` is about
RECORDING = "https://musicbrainz.org/recording/"
XSPF, JSPF = ".xspf", ".jspf"

# Of a playlist and of a track: what we write. Anything else is somebody's.
_PLAYLIST_KEYS = {"title", "meta", "trackList", "track"}
_TRACK_KEYS = {"location", "identifier", "title", "creator", "album", "trackNum", "duration"}
MAX_DIGITS = 12  # of a length in milliseconds
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EXTINF = re.compile(rb"#EXTINF:-?[\d.]*,(.*)")


def is_one(path: str | bytes | os.PathLike[str]) -> bool:
    """Whether a file is of one of these formats, by its ending."""
    return os.fsdecode(path).lower().endswith((XSPF, JSPF))


# Writing.


def encode(
    path: str | bytes | os.PathLike[str], entries: Iterable[Entry | Kept], style: Style, recipe: Sequence[bytes] = ()
) -> bytes:
    """Entries -> the text of the file, XSPF or JSPF by its ending.

    Parameters
    ----------
    path : str, bytes or PathLike
        Its name is the playlist's title.
    style : Style
        One with ``as_uri``.
    recipe : sequence of bytes
        The lines of `Recipe`.
    """
    title, ending = os.path.splitext(os.path.basename(os.fsdecode(path)))
    tracks = [_track(entry, style) for entry in entries]
    lines = [_as_allowed(line) for line in recipe]
    return (_as_json if ending.lower() == JSPF else _as_xml)(_text(title), lines, tracks)


def _track(entry: Entry | Kept, style: Style) -> dict[str, Any]:
    """What a track says, by the names that both formats use; what is not known is left out."""
    if isinstance(entry, Kept):
        titles = [match[1].decode("utf-8", "replace") for line in entry.comments if (match := _EXTINF.match(line))]
        return {"location": _text(entry.location.decode("utf-8", "replace")), "title": _text("".join(titles[:1]))}
    tags = entry.tags or Tags(entry.title)
    track = {
        "location": _as_allowed(style.location(entry)),
        "identifier": RECORDING + quote(tags.recording_id, safe="") if tags.recording_id else "",
        "title": _text(tags.title or entry.title),
        "creator": _text(tags.artist),
        "album": _text(tags.album),
        "trackNum": tags.track if tags.track > 0 else 0,
        "duration": round(1000 * entry.seconds) if entry.seconds is not None and entry.seconds > 0 else 0,
    }
    return {key: value for key, value in track.items() if value}


def _as_xml(title: str, recipe: list[str], tracks: list[dict[str, Any]]) -> bytes:
    playlist = Element("playlist", version="1", xmlns=NAMESPACE)
    SubElement(playlist, "title").text = title
    if recipe:
        SubElement(playlist, "meta", rel=RECIPE).text = "\n".join(["", *recipe, ""])
    listed = SubElement(playlist, "trackList")
    for track in tracks:
        element = SubElement(listed, "track")
        for key, value in track.items():
            SubElement(element, key).text = str(value)
    ElementTree.indent(playlist)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(playlist, "utf-8") + b"\n"


def _as_json(title: str, recipe: list[str], tracks: list[dict[str, Any]]) -> bytes:
    listed = [{key: [value] if key in ("location", "identifier") else value for key, value in track.items()}
              for track in tracks]  # fmt: skip
    meta = {"meta": [{RECIPE: "\n".join(recipe)}]} if recipe else {}
    playlist = {"playlist": {"title": title, **meta, "track": listed}}
    return json.dumps(playlist, ensure_ascii=False, indent=2).encode() + b"\n"


def _text(text: str) -> str:
    """One line, without what XML forbids."""
    return _NOT_XML.sub("?", one_line(text))


def _as_allowed(line: bytes) -> str:
    """A line as it is, but for what XML forbids."""
    return _NOT_XML.sub("?", line.decode("utf-8", "replace"))


# Reading.


def as_m3u(path: str | bytes | os.PathLike[str]) -> bytes:
    """The playlist as the text of an M3U file: the recipe's lines, titles, locations.

    What we do not write (a picture, a note) becomes a comment.

    Raises
    ------
    OSError
        It can't be read.
    PlaylistError
        It is no such playlist, or larger than 64 MiB; the message says so in one sentence.
    """
    name = os.fsdecode(path)
    is_json = name.lower().endswith(JSPF)
    kind = f"{'a JSPF' if is_json else 'an XSPF'} playlist"
    content = regular_file(path, kind)
    if len(content) > MAX_BYTES:
        raise PlaylistError(f"{name} is too large for a playlist (more than {MAX_BYTES >> 20} MiB)")
    try:
        playlist = _from_json(content) if is_json else _from_xml(content)
        lines = [b"#EXTM3U", *(line.encode("utf-8", "replace") for line in _lines(playlist))]
    except (ElementTree.ParseError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise PlaylistError(f"{name} is not {kind}") from None
    return b"\n".join(lines) + b"\n"


def _from_json(content: bytes) -> dict[str, Any]:
    playlist = json.loads(content)["playlist"] if content else None
    if not isinstance(playlist, dict):
        raise ValueError("no playlist")
    return playlist


def _from_xml(content: bytes) -> dict[str, Any]:
    """The same shape as JSPF's."""
    if b"<!DOCTYPE" in content.replace(b"\0", b""):  # whose entities could fill the memory
        raise ValueError("a document type")
    root = ElementTree.fromstring(content)
    if _name(root) != "playlist":
        raise ValueError("no playlist")
    playlist: dict[str, Any] = {"meta": [], "track": []}
    for child in root:
        if _name(child) == "meta":
            playlist["meta"].append({child.get("rel", ""): child.text or ""})
        elif _name(child) == "trackList":
            playlist["track"] += [_from_track(track) for track in child]
        else:
            playlist[_name(child)] = child.text or ""
    return playlist


def _from_track(track: Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for child in track:
        if _name(child) in ("location", "identifier"):
            found.setdefault(_name(child), []).append(child.text or "")
        else:
            found[_name(child)] = child.text or ""
    return found


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _lines(playlist: dict[str, Any]) -> Iterator[str]:
    for meta in playlist.get("meta") or []:
        for relation, text in meta.items():
            yield from (line.strip() for line in str(text).splitlines()) if relation == RECIPE else (f"# {relation}",)
    yield from (f"# {one_line(key)}" for key in playlist if key not in _PLAYLIST_KEYS)
    for track in playlist.get("track") or []:
        duration = str(track.get("duration"))
        seconds = int(duration) // 1000 if duration.isdecimal() and len(duration) < MAX_DIGITS else -1
        names = [one_line(str(track.get(key) or "")) for key in ("creator", "title")]
        yield f"#EXTINF:{seconds},{' - '.join(filter(None, names))}"
        yield from (f"# {one_line(key)}" for key in track if key not in _TRACK_KEYS)
        locations = track.get("location") or []
        first, *_ = [one_line(str(each)) for each in ([locations] if isinstance(locations, str) else locations)] or [""]
        yield first if first and not first.startswith("#") else "# a track without a location"
