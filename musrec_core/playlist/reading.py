"""Reading M3U playlists of other programs: their encodings, and the files that their lines name."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes

from ..errors import PlaylistError

MAX_BYTES = 64 << 20  # of a playlist: some 500,000 songs
MAX_PATH_BYTES = 32_768  # on any system
PLAYLIST_SUFFIXES = (b".m3u", b".m3u8", b".xspf", b".jspf")
# What Windows, DOS and old Macs wrote by default; one counts only where the file that it names is there.
ENCODINGS = ("cp1252", "cp850", "mac_roman", "cp1250", "cp1251", "cp1253", "cp932", "gbk", "big5", "euc_kr")

SNIFFED_BYTES = 1 << 16  # at the beginning, that tell text from a binary file
_TEXT = bytes([*b"\t\n\v\f\r\x1a\x1b", *range(32, 127), *range(128, 256)])

_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters or more: `C:` is a drive
_FILE_URI = re.compile(rb"file:(//(localhost)?(?=/))?", re.IGNORECASE)
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OTHER_KINDS = (b"[playlist]", b"<?xml", b"<asx", b"<smil", b"<?wpl", b"<playlist")


def read_m3u(path: str | bytes | os.PathLike[str]) -> bytes:
    """The text of an M3U file, as UTF-8 or in an 8-bit encoding that its lines do not tell; without byte order mark.

    Raises
    ------
    OSError
        It can't be read.
    PlaylistError
        It is not an M3U playlist, or larger than 64 MiB; the message says so in one sentence.
    """
    name = os.fsdecode(path)
    content = regular_file(path, "an M3U playlist")
    if content[:2] in _UTF16:
        content = content.decode("utf-16", "replace").encode()
    content = content.removeprefix(b"\xef\xbb\xbf")
    is_other = content[:64].lstrip().lower().startswith(_OTHER_KINDS)
    if b"\0" in content or is_other or _is_binary(content[:SNIFFED_BYTES]):
        raise PlaylistError(f"{name} is not an M3U playlist")
    if len(content) > MAX_BYTES:
        raise PlaylistError(f"{name} is too large for a playlist (more than {MAX_BYTES >> 20} MiB)")
    return content


def regular_file(path: str | bytes | os.PathLike[str], kind: str) -> bytes:
    """The first 64 MiB of a file, and a byte more if there is one.

    Raises ``OSError`` where it can't be read, and `PlaylistError` where it is a folder, a pipe or a device.
    """
    name = os.fsdecode(path)
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise PlaylistError(f"{name} is a folder, not {kind}")
    if not stat.S_ISREG(status.st_mode):  # a pipe might be waited for, and a device has no end
        raise PlaylistError(f"{name} is not a regular file, and so not {kind}")
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


def _is_binary(content: bytes) -> bool:
    """Whether more than one byte in thirty is a control character, which names hold by mistake alone."""
    return 30 * len(content.translate(None, _TEXT)) > len(content)


class Locator:
    """Finds the files that a playlist's lines name, relative to the first of some folders that has them.

    Parameters
    ----------
    bases : sequence of bytes
        Folders that relative paths may start from.
    """

    def __init__(self, bases: Sequence[bytes]) -> None:
        self._bases = bases
        self._names: dict[bytes, dict[str, bytes]] = {}  # folder -> its names, by their NFC form

    def find(self, location: bytes) -> bytes | None:
        """The absolute path of a line's file; None for a web address.

        Without any reading that is there, the path as it stands.
        """
        if uri := _FILE_URI.match(location):
            location = unquote_to_bytes(location[uri.end() :])
        elif _SCHEME.match(location):
            return None
        paths = [os.path.normpath(os.path.join(base, location)) for base in self._bases]
        if len(location) > MAX_PATH_BYTES or b"\0" in location:
            return paths[0]
        for reading in _readings(location):
            for base in self._bases:
                path = os.path.normpath(os.path.join(base, reading))
                if b"\0" not in path and (os.path.exists(path) or (path := self._other_form(path) or b"")):
                    return path
        return paths[0]

    def _other_form(self, path: bytes) -> bytes | None:
        """The file whose name differs in its Unicode form alone: macOS takes names apart (NFD), others do not."""
        if path.isascii():
            return None
        found = b"/" if path.startswith(b"/") else b""
        for part in path.split(os.fsencode(os.sep)):
            here = os.path.join(found, part)
            if part and not os.path.lexists(here):
                name = self._listed(found or b".").get(_nfc(part))
                if name is None:
                    return None
                here = os.path.join(found, name)
            found = here
        return found

    def _listed(self, folder: bytes) -> dict[str, bytes]:
        if folder not in self._names:
            try:
                names = os.listdir(folder)
            except OSError:  # it is none, or may not be listed
                names = []
            self._names[folder] = {_nfc(name): name for name in names}
        return self._names[folder]


def _readings(location: bytes) -> Iterator[bytes]:
    """The paths that a line may stand for, the most literal first."""
    yield location
    yield location.replace(b"\\", b"/")
    if _ESCAPE.search(location):
        yield unquote_to_bytes(location)
    try:
        location.decode()
    except UnicodeDecodeError:
        for encoding in ENCODINGS:
            text = location.decode(encoding, "replace")
            yield text.encode()
            yield text.replace("\\", "/").encode()


def _nfc(name: bytes) -> str:
    return unicodedata.normalize("NFC", os.fsdecode(name))


def names_playlist(location: bytes) -> bool:
    """Whether a line names another playlist."""
    return location.lower().endswith(PLAYLIST_SUFFIXES)
