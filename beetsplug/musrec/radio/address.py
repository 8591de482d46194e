"""Where MPD is: the settings, else ``MPD_HOST`` and ``MPD_PORT`` as every client of MPD reads them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from beets.ui import UserError

PORT = 6600
LOCALHOST = "localhost"
SYSTEM_SOCKET = "/run/mpd/socket"


@dataclass(frozen=True)
class Address:
    """A host and its port, or a Unix socket: a path, or ``@name`` for an abstract one."""

    host: str
    port: int = PORT
    password: str | None = field(default=None, repr=False)

    @property
    def is_socket(self) -> bool:
        """Whether it is a Unix socket, over which MPD tells its `music_directory` and takes files from anywhere."""
        return self.host.startswith(("/", "@"))

    def __str__(self) -> str:
        """As messages show it, without the password."""
        if self.is_socket:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def find_address(host: str | None, port: int | None, environment: Mapping[str, str]) -> Address:
    """The address that the settings `radio.host` and `radio.port` give, or else the environment.

    A host may be ``password@host``, ``password@/path`` or ``password@@name``: what stands before the first ``@`` is the
    password, unless that is the first character. Without any host it is the user's or the system's socket, if there is
    one, and else this machine.

    Raises
    ------
    UserError
        ``MPD_PORT`` is no port, or a password stands before no host.
    """
    number = port or _port(environment.get("MPD_PORT", ""))
    named = host or environment.get("MPD_HOST", "")
    if not named:
        sockets = [] if number else _usual_sockets(environment)
        return Address(next((path for path in sockets if os.path.exists(path)), LOCALHOST), number or PORT)
    password, at, rest = named.partition("@")
    if not at or not password:
        password, rest = "", named
    if rest.startswith("~"):
        rest = os.path.expanduser(rest)
    if not rest or rest == "@" or any(character in named for character in "\n\r\0"):
        raise UserError("MPD's host has to be HOST, PASSWORD@HOST, or the path of a socket")
    return Address(rest, number or PORT, password or None)


def _usual_sockets(environment: Mapping[str, str]) -> list[str]:
    runtime = environment.get("XDG_RUNTIME_DIR")
    return [*([os.path.join(runtime, "mpd", "socket")] if runtime else []), SYSTEM_SOCKET]


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65_535):
        raise UserError(f"MPD_PORT has to be a whole number between 1 and 65535, and not {text!r}")
    return int(text)
