"""MPD as the radio sees it: what its queue holds and what it plays, and how songs are appended."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable
from typing import Any

from beets.ui import UserError
from mpd import CommandError, MPDClient, MPDError
from mpd.base import FailureResponseCode, mpd_commands

from musrec_core._text import one_line

from .address import Address
from .listening import Entry, Look

TIMEOUT = 30.0  # seconds that MPD may take to answer
SUBSYSTEMS = ("player", "playlist", "options", "database")
NEEDED = ("status", "playlistinfo", "addid", "playid", "idle")
CHANNEL = "beet-radio-"  # of MPD's client to client messages: by its subscribers, radios know of each other


class LostConnectionError(Exception):
    """MPD does not answer any more."""


class UnknownSongError(Exception):
    """MPD can't play this file: it does not know it, or may not read it."""


class _Client(MPDClient):  # type: ignore[misc]  # python-mpd2 has no types
    """Reads all that newer MPDs tell of their configuration: python-mpd2 expects one line."""


@mpd_commands("config")  # type: ignore[untyped-decorator]
def _parse_config(client: _Client, lines: Iterable[str]) -> dict[str, str]:
    return {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}


_Client.add_command("config", _parse_config)


class Player:
    """A connection to MPD; everything but `connect` raises `LostConnectionError` where it breaks."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client = _Client()
        self._channel = CHANNEL + secrets.token_hex(4)

    def connect(self) -> None:
        """Connect; raises `UserError` where MPD refuses, `LostConnectionError` where there is none."""
        self.close()
        self._client = _Client()
        self._client.timeout = TIMEOUT
        address = self.address
        try:
            self._client.connect(address.host, address.port)
            if address.password is not None:
                self._client.password(address.password)
            allowed = set(self._client.commands())
        except CommandError as error:
            if error.errno is FailureResponseCode.PASSWORD:
                raise UserError(f"MPD at {address} refuses the password") from None
            raise UserError(f"MPD at {address} refuses: {_said(error)}") from None
        except (OSError, MPDError, UnicodeError) as error:
            self.close()
            raise LostConnectionError(_reason(error)) from None
        if missing := [name for name in NEEDED if name not in allowed]:
            raise UserError(
                f"MPD at {address} does not allow {missing[0]}: set MPD_HOST to PASSWORD@HOST, "
                "with a password that may read, add and control"
            )
        if {"subscribe", "channels"} <= allowed:
            self._be_the_only_one()

    def _be_the_only_one(self) -> None:
        """Raise `UserError` where another radio fills this queue: two would fill it twice."""
        self._ask("subscribe", self._channel)
        channels: list[str] = self._ask("channels")
        if any(name.startswith(CHANNEL) and name != self._channel for name in channels):
            self.close()
            raise UserError(f"another `beet radio` fills the queue of MPD at {self.address}: end that one first")

    def close(self) -> None:
        """Close the connection, if there is one."""
        with contextlib.suppress(OSError):  # what was left to send can't be sent
            self._client.disconnect()

    def music_directory(self) -> str | None:
        """As MPD has it; None where it does not tell: only over a Unix socket does it."""
        try:
            return self._ask("config").get("music_directory") or None
        except CommandError:
            return None

    def look(self) -> Look:
        """The queue and the player now; raises `LostConnectionError`."""
        for _ in range(10):
            status = self._ask("status")
            songs = self._ask("playlistinfo")
            if len(songs) == int(status.get("playlistlength", len(songs))):  # else it changed between
                break
        queue = tuple(Entry(song.get("id", ""), song["file"]) for song in songs)
        places = {entry.id: place for place, entry in enumerate(queue)}
        return Look(
            time.monotonic(),
            status.get("state", "stop"),
            queue,
            places.get(status.get("songid", "")),
            float(status.get("elapsed", 0.0)),
            float(status.get("duration", 0.0)),
            random=status.get("random") == "1",
            consume=status.get("consume") in ("1", "oneshot"),
            error=status.get("error", ""),
        )

    def wait(self, seconds: float | None) -> list[str]:
        """Wait for a change; what changed, nothing where that took too long. Raises `LostConnectionError`."""
        self._client.idletimeout = seconds
        try:
            return list(self._client.idle(*SUBSYSTEMS))
        except TimeoutError:  # what MPD answers later would be taken for the answer to something else
            self.connect()
            return []
        except (OSError, MPDError, UnicodeError) as error:
            raise LostConnectionError(_reason(error)) from None

    def append(self, uri: str) -> str:
        """Put a file at the queue's end; its id. Raises `UnknownSongError`, `UserError` where the queue is full."""
        if "\n" in uri or "\r" in uri:  # it would end the command
            raise UnknownSongError(uri)
        try:
            return str(self._ask("addid", uri))
        except UnicodeError:  # a name that is not of this system's character set; MPD knows only UTF-8
            raise UnknownSongError(uri) from None
        except CommandError as error:
            if error.errno is FailureResponseCode.PLAYLIST_MAX:
                raise UserError("MPD's queue is full: max_playlist_length in mpd.conf limits it") from None
            raise UnknownSongError(uri) from None

    def spellings(self, uri: str) -> list[str]:
        """How MPD spells files whose name is the same but for upper and lower case."""
        if "\n" in uri or not uri:
            return []
        try:
            found = self._ask("search", "file", os.path.basename(uri))
        except (CommandError, UnicodeError):
            return []
        return [song["file"] for song in found if song.get("file", "").casefold() == uri.casefold()]

    def play(self, id_: str) -> None:
        """Play a place of the queue; what can't be played is MPD's to report."""
        try:
            self._ask("playid", id_)
        except CommandError:
            return

    def _ask(self, command: str, *arguments: str) -> Any:
        try:
            return getattr(self._client, command)(*arguments)
        except (CommandError, UnicodeEncodeError):
            raise
        except (OSError, MPDError, UnicodeError) as error:
            raise LostConnectionError(_reason(error)) from None


def _reason(error: Exception) -> str:
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _said(error: CommandError) -> str:
    return one_line(error.msg or str(error))
