"""What MPD calls the files of the library, and the other way round."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..library import sql

if TYPE_CHECKING:
    from beets.library import Item, Library


class MusicPaths:
    """Files below MPD's music directory have names relative to it; over a socket MPD takes others by their paths.

    Parameters
    ----------
    directory : str
        MPD's `music_directory`, as this machine sees it.
    """

    def __init__(self, directory: str) -> None:
        self.directory = os.path.normpath(directory)

    def find(self, lib: Library, uris: Iterable[str]) -> dict[str, int]:
        """The ids of the items among what MPD calls its files; streams are none."""
        paths: dict[str, list[bytes]] = {uri: self._paths(lib, uri) for uri in uris}
        known = sql.ids_at(lib, [path for some in paths.values() for path in some])
        found: dict[str, int] = {}
        for uri, some in paths.items():
            if ids := [known[path] for path in some if path in known]:
                found[uri] = ids[0]
        return found | self._find_folded(lib, {uri: paths[uri] for uri in paths.keys() - found.keys()})

    @staticmethod
    def _find_folded(lib: Library, paths: dict[str, list[bytes]]) -> dict[str, int]:
        """The same where a file system takes upper and lower case for one, and beets has another case than MPD."""
        there = {uri: [path for path in some if os.path.exists(path)] for uri, some in paths.items()}
        if not any(there.values()):
            return {}
        folded = {_folded(path): (path, id_) for path, id_ in sql.ids_by_path(lib).items()}
        found: dict[str, int] = {}
        for uri, some in there.items():
            for path in some:
                known, id_ = folded.get(_folded(path), (b"", 0))
                if known and os.path.exists(known) and os.path.samefile(path, known):
                    found[uri] = id_
        return found

    def _paths(self, lib: Library, uri: str) -> list[bytes]:
        """Where a file may be: below the directory as it is named, and where links lead, as the library names it."""
        if uri.startswith("file://"):
            uri = uri[len("file://") :]
        if "://" in uri or "\0" in uri:
            return []
        path = os.fsencode(os.path.normpath(os.path.join(self.directory, uri)))
        real, home = os.path.realpath(path), os.path.realpath(lib.directory)
        paths = [path, real]
        if _is_below(real, home):
            paths.append(os.path.join(lib.directory, os.path.relpath(real, home)))
        return list(dict.fromkeys(paths))

    def spellings(self, item: Item, *, anywhere: bool) -> list[str]:
        """What MPD may call an item's file, the likeliest first; ``anywhere``: it takes files outside its directory.

        A name that has accents may be composed (NFC) or decomposed (NFD), in MPD's database as on the disk.
        """
        path = os.fsdecode(item.path)
        directory, real = self.directory, os.path.realpath(self.directory)
        uris = []
        for whole, root in ((path, directory), (os.path.realpath(path), real)):
            if _is_below(os.fsencode(whole), os.fsencode(root)):
                uris.append(os.path.relpath(whole, root).replace(os.sep, "/"))
        forms = [unicodedata.normalize(form, uri) for uri in uris for form in ("NFC", "NFD")]
        outside = [path] if anywhere and not uris else []
        return list(dict.fromkeys([*uris, *forms, *outside]))


def _is_below(path: bytes, directory: bytes) -> bool:
    separator = os.fsencode(os.sep)
    return path.startswith(directory.rstrip(separator) + separator)


def _folded(path: bytes) -> str:
    return unicodedata.normalize("NFC", os.fsdecode(path)).casefold()
