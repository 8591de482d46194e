"""Files as a media server names them, found among those of the library."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from beets.ui import UserError

from .songs import LibrarySong

_DRIVE = re.compile(r"[A-Za-z]:/")
TAIL = 3  # parts of a path that tell files apart where the folders above differ: artist, album and file


def plain(path: str) -> str:
    """A path in one form: slashes, composed characters, no slash at the end."""
    return unicodedata.normalize("NFC", path.replace("\\", "/")).rstrip("/")


def is_absolute(path: str) -> bool:
    """Whether a plain path begins at a root, be it of another system."""
    return path.startswith("/") or _DRIVE.match(path) is not None


def folders_of(setting: Mapping[Any, Any]) -> dict[str, str]:
    """`musrec.serve.subsonic.paths`, checked; raises `UserError`."""
    for server, library in setting.items():
        if not isinstance(server, str) or not isinstance(library, str) or not library.strip():
            raise UserError("musrec.serve.subsonic.paths has to map folders, such as /music: /srv/music")
    return {server: os.path.expanduser(library) for server, library in setting.items()}


class FolderMap:
    """The folders of `musrec.serve.subsonic.paths`: as the server names them, and as beets does.

    The longest that a path is in counts; case matters only where two differ in nothing else.
    """

    def __init__(self, folders: Mapping[str, str]) -> None:
        pairs = {plain(server): plain(library) for server, library in folders.items()}
        self._pairs = sorted(pairs.items(), key=lambda pair: len(pair[0]), reverse=True)

    def __call__(self, path: str) -> str | None:
        """The library's path of a plain path of the server; None where no folder has it."""
        for key in (str, str.casefold):
            for server, library in self._pairs:
                if not server:
                    if not is_absolute(path):
                        return f"{library}/{path}"
                elif key(path[: len(server)]) == key(server) and path[len(server) :].startswith("/"):
                    return library + path[len(server) :]
        return None


class LibraryPaths:
    """Finds the items that a path of the server may mean.

    Parameters
    ----------
    songs : iterable of LibrarySong
    folders : mapping of str to str
        `musrec.serve.subsonic.paths`.
    directory : str
        The library's folder, below which relative paths are looked for, too.
    """

    def __init__(self, songs: Iterable[LibrarySong], folders: Mapping[str, str], directory: str) -> None:
        self._folders, self._directory = FolderMap(folders), plain(directory)
        self._exact: dict[str, list[int]] = {}
        self._any_case: dict[str, list[int]] = {}
        self._tails: dict[str, list[int]] = {}
        for song in songs:
            if path := plain(song.tags.path):
                self._exact.setdefault(path, []).append(song.id)
                self._any_case.setdefault(path.casefold(), []).append(song.id)
                self._tails.setdefault(_tail(path), []).append(song.id)

    def same(self, path: str) -> list[int]:
        """The items whose file a path of the server names as a whole."""
        path = plain(path)
        mapped = self._folders(path)
        wanted = mapped or (path if is_absolute(path) else f"{self._directory}/{path}")
        return self._exact.get(wanted) or self._any_case.get(wanted.casefold(), [])

    def alike(self, path: str) -> list[int]:
        """The items whose file has the same name, in folders of the same names."""
        path = plain(path)
        return self._tails.get(_tail(path), []) if path.count("/") >= TAIL - 1 else []


def _tail(path: str) -> str:
    return "/".join(path.casefold().split("/")[-TAIL:])
