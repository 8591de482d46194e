"""Targets: the servers and players that get a copy of each playlist, as ``musrec.playlist.targets`` describes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import beets
import confuse
from beets.ui import UserError
from beets.util import bytestring_path, normpath

from musrec_core._text import one_line

from ..playlist_paths import DEFAULT_ENDING
from ..templates import Choice, Flag, Map, OptionalText, Text
from .files import PlaylistWriter

if TYPE_CHECKING:
    from beets.logging import BeetsLogger

    from ..config import PlaylistSettings

PLACE = "musrec.playlist.targets"
M3U_ENDINGS = (".m3u", ".m3u8")
FLAGS = ("forward_slash", "urlencode")
LINE_KEYS = ("relative_to", "prefix", "uri_format")  # which decide what a line says, as `map` does
KEYS = ("name", "dir", "map", "encoding", "extension", "output", *FLAGS, *LINE_KEYS)
NAMES = ("m3u", "extm3u", "xspf", "jspf")
_ASCII = "".join(map(chr, range(32, 127)))


@dataclass(frozen=True)
class Target:
    """One target."""

    name: str
    dir: bytes
    writer: PlaylistWriter
    ending: str  # of its files; empty: that of the playlist

    def path_of(self, name: bytes) -> bytes:
        """Where the copy of a playlist is written; ``name`` is the playlist's path below `playlist.dir`."""
        stem, ending = os.path.splitext(name)
        if self.ending:
            ending = os.fsencode(self.ending)
        elif os.fsdecode(ending).lower() not in M3U_ENDINGS:
            ending = os.fsencode(DEFAULT_ENDING)
        return os.path.join(self.dir, stem + ending)


def parse(settings: PlaylistSettings, log: BeetsLogger) -> list[Target]:
    """The targets of the configuration, checked; raises `UserError`."""
    targets = [_parse_one(entry, settings, log) for entry in settings.targets]
    if targets and not settings.dir:
        raise UserError(f"{PLACE}: set `musrec.playlist.dir`, the folder of the playlists that are copied")
    names = [target.name for target in targets]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{PLACE}: two targets have the name {double}")
    _refuse_same_files(settings.dir or b"", targets)
    return targets


def _refuse_same_files(folder: bytes, targets: Iterable[Target]) -> None:
    """Raise `UserError` where a target's files are those of another one, or the playlists themselves."""
    for ending in M3U_ENDINGS:
        name = b"x" + os.fsencode(ending)
        written = {_real(os.path.join(folder, name)): "musrec.playlist"} if ending == DEFAULT_ENDING else {}
        for target in targets:
            path = _real(target.path_of(name))
            if path in written:
                raise UserError(
                    f"{PLACE}: {target.name} writes the same files as {written[path]}: give it another `dir`"
                )
            written[path] = target.name


def _real(path: bytes) -> bytes:
    return os.path.normcase(os.path.realpath(path))


def _parse_one(entry: Mapping[str, Any], settings: PlaylistSettings, log: BeetsLogger) -> Target:
    name = one_line(str(entry["name"]))
    try:
        if unknown := [one_line(str(key)) for key in entry if key not in KEYS]:
            raise UserError(f"unknown setting {unknown[0]}; the known ones are {', '.join(sorted(KEYS))}")
        return _target(name, entry, settings, log)
    except (UserError, confuse.ConfigError) as error:
        raise UserError(f"{PLACE}: {name}: {error}") from None


def _target(name: str, entry: Mapping[str, Any], settings: PlaylistSettings, log: BeetsLogger) -> Target:
    folder = _path(entry.get("dir"), "dir")
    if folder is None:
        raise UserError("it has no dir, the folder that its playlists are written to")
    folders = _folders(entry)
    if folders and entry.get("relative_to"):
        raise UserError("map and relative_to can't be combined: a path is either mapped or relative")
    output = str(_value(entry, "output", Choice(*NAMES), settings.output))
    encoding, ending = _encoding(entry, output), _ending(entry, output)
    own = replace(
        settings,
        dir=folder,
        output=output,
        forward_slash=_value(entry, "forward_slash", Flag(), settings.forward_slash),
        urlencode=_value(entry, "urlencode", Flag(), settings.urlencode),
        targets=(),
        **_line_settings(entry, settings, is_mapped=bool(folders)),
    )
    if not ending and encoding != "utf-8":
        ending = ".m3u"
    return Target(name, folder, PlaylistWriter(own, log, folders=folders, encoding=encoding), ending)


def _line_settings(entry: Mapping[str, Any], settings: PlaylistSettings, *, is_mapped: bool) -> dict[str, Any]:
    """What a line says: as `musrec.playlist` has it, unless the target says it itself or maps folders."""
    found: dict[str, Any] = {"relative_to": None, "prefix": "", "uri_format": None}
    if not is_mapped:
        found = {key: getattr(settings, key) for key in found}
    if "relative_to" in entry:
        found["relative_to"] = _path(entry["relative_to"], "relative_to")
    if "prefix" in entry:
        found["prefix"] = _value({"prefix": entry["prefix"] or ""}, "prefix", Text(), "")
    if "uri_format" in entry:
        found["uri_format"] = _value(entry, "uri_format", OptionalText(), None)
    return found


def _value(entry: Mapping[str, Any], key: str, template: confuse.Template[Any], default: Any) -> Any:
    """A setting of a target; raises ``ConfigError``, whose sentence begins with the key."""
    return confuse.RootView([confuse.ConfigSource.of(dict(entry))])[key].get(template) if key in entry else default


def _path(value: Any, key: str) -> bytes | None:
    """A path as `PathOf` reads one; None without one."""
    if not value:
        return None
    if not isinstance(value, str) or "\0" in value:
        raise UserError(f"{key} has to be a path")
    path: bytes = normpath(os.path.join(beets.config.config_dir(), os.path.expanduser(value)))
    return bytestring_path(path)


def _folders(entry: Mapping[str, Any]) -> dict[bytes, bytes]:
    if entry.get("map") is None:
        return {}
    found = _value(entry, "map", Map(), {})
    for folder, name in found.items():
        if not isinstance(folder, str) or not (name is None or isinstance(name, str)):
            raise UserError("map has to name folders, and what each is called there")
        if not os.path.isabs(os.path.expanduser(folder)):
            raise UserError(f"map: {one_line(folder)} has to be a whole path, as beets knows it")
    return {bytestring_path(os.path.expanduser(folder)): bytestring_path(name or "") for folder, name in found.items()}


def _encoding(entry: Mapping[str, Any], output: str) -> str:
    name = str(_value(entry, "encoding", Text(filled=True), "utf-8"))
    try:
        is_usable = _ASCII.encode(name) == _ASCII.encode("ascii")
    except (LookupError, ValueError):
        is_usable = False
    if not is_usable:
        raise UserError(f"encoding: {one_line(name)} is none for M3U; take utf-8, latin-1, cp1252 or the like")
    is_utf8 = "ü€".encode(name, "ignore") == "ü€".encode()
    if output in ("xspf", "jspf") and not is_utf8:
        raise UserError(f"encoding: {output} is always utf-8")
    return "utf-8" if is_utf8 else name


def _ending(entry: Mapping[str, Any], output: str) -> str:
    """The ending that the settings decide; empty where the playlist's own does."""
    extension = _value(entry, "extension", Choice("m3u", "m3u8"), "")
    if output in ("xspf", "jspf"):
        if extension:
            raise UserError(f"extension: files of {output} end in .{output}")
        return f".{output}"
    return f".{extension}" if extension else ""
