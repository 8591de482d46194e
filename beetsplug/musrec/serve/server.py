"""The server: its sockets, its limits, and its end; the requests themselves are waitress' work."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from beets.ui import UserError
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, create_server
from waitress.task import ErrorTask

from . import access
from .access import HEADERS

if TYPE_CHECKING:
    from beets.logging import BeetsLogger
    from flask import Flask

    from ..config import ServeSettings

LIMITS: dict[str, Any] = {
    "max_request_header_size": 16 * 1024,  # with the query string [bytes]
    "max_request_body_size": 512 * 1024,  # `app.MOST_BYTES` is less: that says why, this protects memory
    "connection_limit": 200,
    "channel_timeout": 30,  # without activity [s]
    "cleanup_interval": 10,
    "backlog": 128,
}
PATIENCE = 4.0  # for the requests that are being answered when the server has to end [s]
WAKE = 1.0
SENTENCES = {
    400: "the request is malformed",
    413: "the request is too large",
    431: "the address or the headers are too long",
    501: "the request uses what this server does not know",
}


class _ErrorTask(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """What waitress itself refuses, as JSON."""

    def execute(self) -> None:
        error = self.request.error
        body = json.dumps({"error": SENTENCES.get(error.code, "the server failed: its log says why")}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend([("Content-Type", "application/json"), *HEADERS.items()])
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection; it takes no further request while the server ends."""

    error_task_class = _ErrorTask

    def readable(self) -> bool:
        return bool(self.server.accepting and super().readable())

    @property
    def is_busy(self) -> bool:
        return bool(self.requests or self.total_outbufs_len)


class Server:
    """Answers requests with an application until it is stopped.

    Parameters
    ----------
    app : Flask
    sockets : list of socket
        Bound ones; see `bind`.
    threads : int
        How many requests are answered at the same time.
    """

    def __init__(self, app: Flask, sockets: list[socket.socket], threads: int) -> None:
        self._map: dict[int, Any] = {}
        self._stops, self._is_over = 0, False
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue is no news
        first = create_server(
            app, map=self._map, sockets=sockets, threads=threads, ident=None, asyncore_use_poll=True,
            log_socket_errors=False, **LIMITS,
        )  # fmt: skip
        self._dispatcher = first.task_dispatcher
        self._listeners = [each for each in self._map.values() if isinstance(each, TcpWSGIServer)]
        for listener in self._listeners:
            listener.channel_class = _Channel

    def run(self) -> None:
        """Answer until `stop` is called, then finish what is being answered, for a few seconds."""
        while not self._stops:
            self._turn(WAKE)
        for listener in self._listeners:
            listener.accepting = False
            wasyncore.dispatcher.close(listener)  # not its trigger, which threads pull
        end = time.monotonic() + PATIENCE
        while self._is_busy and self._stops == 1 and time.monotonic() < end:
            self._turn(0.1)
        logging.getLogger("waitress").setLevel(logging.CRITICAL)  # what is dropped now is dropped on purpose
        self._dispatcher.shutdown(timeout=0.5)
        for channel in self._channels:
            channel.close()
        self._is_over = True
        for listener in self._listeners:
            listener.trigger.close()
        wasyncore.close_all(self._map, ignore_all=True)

    def stop(self, *_: object) -> None:
        """End `run`, from a signal's handler or another thread; a second time: at once."""
        self._stops += 1
        if not self._is_over:
            with suppress(OSError):  # over by now, in another thread
                self._listeners[0].pull_trigger()

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop the server while this lasts: also in a container, where process 1 ignores others."""
        before = {number: signal.signal(number, self.stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def _channels(self) -> list[_Channel]:
        return [channel for listener in self._listeners for channel in listener.active_channels.values()]

    @property
    def _is_busy(self) -> bool:
        return any(channel.is_busy for channel in self._channels)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)


def serve(app: Flask, settings: ServeSettings, log: BeetsLogger) -> None:
    """Answer at the configured address until a signal comes; raises `UserError` where that can't be."""
    sockets = bind(settings)
    server = Server(app, sockets, settings.threads)
    with server.stopped_by_signals():
        for each in sockets:
            log.info("answering at {}", url(each))
        server.run()
    log.info("the server has ended")


def bind(settings: ServeSettings) -> list[socket.socket]:
    """Sockets at the configured address, one for each of a name's addresses.

    Raises
    ------
    UserError
        The name has no address, another server has the port, or a token is missing.
    """
    host, port = settings.host.strip("[]"), settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UserError(f"there is no address for the host {host}: check --host or musrec.serve.host") from error
    wanted = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    access.check(settings, [str(address[0]) for _, address in wanted])
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, (name, _, *rest) in wanted:
        try:
            sockets.append(_bound(family, (name, port, *rest)))
            port = sockets[0].getsockname()[1]  # 0 is any free one, but the same for all
        except OSError as error:
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:  # `localhost` where IPv6 is off
                absent = error
                continue
            for each in sockets:
                each.close()
            raise UserError(_reason(error, host, port)) from None
    if absent and not sockets:
        raise UserError(_reason(absent, host, port))
    return sockets


def _bound(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # the port of a server that was killed is free at once
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(LIMITS["backlog"])  # an address in use is an error now, not later
    except OSError:
        made.close()
        raise
    return made


def _reason(error: OSError, host: str, port: int) -> str:
    choose = "choose another with --port or musrec.serve.port"
    if error.errno == errno.EADDRINUSE:
        return f"another program listens at port {port} of {host}: {choose}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"port {port} is not open to this user: {choose}, such as 8338"
    if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return f"{host} is no address of this machine: check --host or musrec.serve.host"
    return f"port {port} of {host} can't be used: {error.strerror}"


def url(bound: socket.socket) -> str:
    """Where a browser finds it."""
    host, port, *_ = bound.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
