"""The server itself, on real sockets: where it listens, what it refuses on the wire, how it ends."""

from __future__ import annotations

import errno
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from beets.ui import UserError
from flask import Flask

from beetsplug.musrec.serve import server
from beetsplug.musrec.serve.app import MOST_BYTES
from beetsplug.musrec.serve.parameters import MOST_CHARACTERS

from .served import settings

WAIT = 30  # s, for what takes no time


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


class Gate:
    """A request that is being answered until it is let go."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def app(self) -> Flask:
        app = Flask("gate", static_folder=None)

        @app.route("/wait")
        def wait() -> dict[str, str]:
            self.entered.set()
            assert self.opened.wait(WAIT)
            return {"said": "done" * 100_000}

        @app.route("/now", methods=["GET", "POST"])
        def now() -> dict[str, str]:
            return {"said": "now"}

        return app


@contextmanager
def running(app: Flask, **changes: Any) -> Iterator[tuple[server.Server, int]]:
    """A server and its port."""
    sockets = server.bind(settings(port=0, **changes))
    made = server.Server(app, sockets, threads=2)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made, sockets[0].getsockname()[1]
    finally:
        made.stop()
        made.stop()
        thread.join(WAIT)
        assert not thread.is_alive()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def open_to(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=WAIT)


def answer(connection: socket.socket, sent: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """What a request is answered: status, headers, body; the connection is closed."""
    with connection:
        connection.sendall(sent)
        return response(connection)


def response(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            headers[name] = value
        return status, headers, stream.read(int(headers["Content-Length"]))


def request(path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode("latin-1") + body


# Where it listens.


def test_any_free_port_is_told() -> None:
    (bound,) = server.bind(settings(port=0))
    with bound:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", server.url(bound))


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_works(gate: Gate, host: str) -> None:
    with running(gate.app(), host=host) as (_, port):
        assert answer(open_to(port, "::1"), request("/now"))[0] == 200


def test_all_addresses_of_a_name_have_one_port(gate: Gate) -> None:
    sockets = server.bind(settings(host="localhost", port=0))
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"another program listens at port {port} of 127.0.0.1: choose another"):
            server.bind(settings(port=port))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a b", "\x00", "1.2.3.4.5"])
def test_a_host_without_address_is_told(host: str) -> None:
    with pytest.raises(UserError, match="there is no address for the host"):
        server.bind(settings(host=host))


def test_the_address_of_another_machine_is_told() -> None:
    with pytest.raises(UserError, match=r"192\.0\.2\.1 is no address of this machine"):
        server.bind(settings(host="192.0.2.1", port=0, token="secret"))


def test_an_address_that_others_reach_needs_a_token() -> None:
    with pytest.raises(UserError, match=r"other machines reach 0\.0\.0\.0: set musrec.serve.token"):
        server.bind(settings(host="0.0.0.0", port=0))


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.EACCES, "port 80 is not open to this user: choose another"), (errno.ENOBUFS, "port 80 of 127.0.0.1 can't")],
)
def test_other_reasons_are_told(monkeypatch: pytest.MonkeyPatch, number: int, sentence: str) -> None:
    def refuse(family: int, address: object) -> socket.socket:
        raise OSError(number, "refused")

    monkeypatch.setattr(server, "_bound", refuse)
    with pytest.raises(UserError, match=sentence):
        server.bind(settings(port=80))


def test_a_name_with_an_address_that_is_off_here_uses_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = server._bound

    def only_ipv4(family: int, address: object) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6")
        return bound(family, address)

    found = [
        (family, socket.SOCK_STREAM, 6, "", address)
        for family, address in ((socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0)))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(server, "_bound", only_ipv4)
    (only,) = server.bind(settings(host="localhost", port=0))
    with only:
        assert only.family == socket.AF_INET


# What it refuses on the wire.


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS
        (request("/now", "bad header"), 400),
        (request("/now", "Content-Length: -1"), 400),
        (request("/now", "Transfer-Encoding: gzip"), 501),
        (request("/now", "Transfer-Encoding: chunked", method="POST", body=b"xyz\r\n"), 400),
        (request("/now?q=" + "a" * 2000), 431),
        (request("/now", *[f"X-{n}: {'a' * 10}" for n in range(100)]), 431),
        (request("/now", f"Content-Length: {10**12}", method="POST"), 413),
    ],
    ids=["nonsense", "tls", "header", "length", "encoding", "chunks", "address", "headers", "body"],
)
def test_what_is_no_request_is_refused_as_json(
    gate: Gate, sent: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.LIMITS, "max_request_header_size", 1000)  # so that one packet is more
    with running(gate.app()) as (_, port):
        found, headers, body = answer(open_to(port), sent)
        assert found == status
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers
        assert list(json.loads(body)) == ["error"]
        assert answer(open_to(port), request("/now"))[0] == 200  # and it goes on


def test_a_body_that_does_not_say_how_long_it_is_has_an_end(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(server.LIMITS, "max_request_body_size", 100)
    sent = request(
        "/now", "Transfer-Encoding: chunked", method="POST", body=b"40\r\n" + b"a" * 64 + b"\r\n40\r\naaaaaaaa" * 5
    )
    with running(gate.app()) as (_, port):
        assert answer(open_to(port), sent)[0] == 413


def test_the_limits_leave_room_for_what_the_paths_take() -> None:
    assert server.LIMITS["max_request_header_size"] > 4 * 3 * MOST_CHARACTERS  # of UTF-8, percent-encoded
    assert server.LIMITS["max_request_body_size"] > MOST_BYTES


# How it ends.


def stopped(made: server.Server, port: int) -> None:
    """Stop it, and wait until it takes no more connections."""
    made.stop()
    until(lambda: refuses(port))


def refuses(port: int) -> bool:
    try:
        open_to(port).close()
    except OSError:
        return True
    return False


def until(happened: Callable[[], bool]) -> None:
    for _ in range(WAIT * 100):
        if happened():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not happen")


def test_a_request_that_is_being_answered_is_finished(gate: Gate) -> None:
    with running(gate.app()) as (made, port), open_to(port) as connection:
        connection.sendall(request("/wait"))
        assert gate.entered.wait(WAIT)
        stopped(made, port)
        gate.opened.set()
        status, _, body = answer(connection)
        assert status == 200
        assert json.loads(body) == {"said": "done" * 100_000}


def test_a_connection_that_is_kept_gets_no_further_answer(gate: Gate) -> None:
    with running(gate.app()) as (made, port), open_to(port) as idle, open_to(port) as busy:
        idle.sendall(request("/now"))
        assert response(idle)[0] == 200
        busy.sendall(request("/wait"))
        assert gate.entered.wait(WAIT)
        stopped(made, port)
        idle.sendall(request("/now"))
        gate.opened.set()
        assert answer(busy)[0] == 200
        with suppress(ConnectionResetError):
            assert idle.recv(1) == b""


def test_a_request_that_does_not_end_is_dropped(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 0.1)
    with running(gate.app()) as (made, port), open_to(port) as connection:
        connection.sendall(request("/wait"))
        assert gate.entered.wait(WAIT)
        stopped(made, port)
        with suppress(ConnectionResetError):
            assert connection.recv(1) == b""
        gate.opened.set()
    assert caplog.records == []


def test_the_port_is_free_at_once(gate: Gate) -> None:
    with running(gate.app()) as (_, port):
        assert answer(open_to(port), request("/now"))[0] == 200
    with server.bind(settings(port=port))[0] as again:
        assert again.getsockname()[1] == port
