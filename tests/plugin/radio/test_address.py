"""Where MPD is: what the settings and the environment say, as every client of MPD reads it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from beets.ui import UserError

from beetsplug.musrec.radio import address
from beetsplug.musrec.radio.address import Address, find_address


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("nas", Address("nas")),
        ("secret@nas", Address("nas", password="secret")),
        ("/run/mpd/socket", Address("/run/mpd/socket")),
        ("secret@/run/mpd/socket", Address("/run/mpd/socket", password="secret")),
        ("@mpd", Address("@mpd")),
        ("secret@@mpd", Address("@mpd", password="secret")),
        ("a b'\"\\@nas", Address("nas", password="a b'\"\\")),
        ("fe80::1", Address("fe80::1")),
    ],
)
def test_a_host_may_have_a_password_and_be_a_socket(host: str, expected: Address) -> None:
    assert find_address(None, None, {"MPD_HOST": host}) == expected
    assert find_address(host, None, {"MPD_HOST": "other"}) == expected  # the setting comes first


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such paths")
def test_the_home_folder_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/you")
    assert find_address("secret@~/.mpd/socket", None, {}) == Address("/home/you/.mpd/socket", password="secret")


def test_the_port_is_the_setting_or_the_variable() -> None:
    assert find_address("nas", None, {"MPD_PORT": "6601"}).port == 6601
    assert find_address("nas", 6602, {"MPD_PORT": "6601"}).port == 6602
    assert find_address(None, None, {"MPD_HOST": "", "MPD_PORT": "6601"}) == Address("localhost", 6601)


def test_without_a_host_it_is_a_socket_or_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "SYSTEM_SOCKET", str(tmp_path / "system"))
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_address(None, None, environment) == Address("localhost", 6600)
    (tmp_path / "system").touch()
    assert find_address(None, None, environment).host == str(tmp_path / "system")
    (tmp_path / "mpd").mkdir()
    (tmp_path / "mpd" / "socket").touch()
    assert find_address(None, None, environment).host == str(tmp_path / "mpd" / "socket")
    assert find_address(None, 6600, environment).host == "localhost"  # who names a port means no socket


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "66 00", "٦", "9" * 5000])
def test_a_wrong_port_is_refused(port: str) -> None:
    with pytest.raises(UserError, match="MPD_PORT has to be a whole number between 1 and 65535"):
        find_address(None, None, {"MPD_PORT": port})


@pytest.mark.parametrize("host", ["secret@", "@", "a\nkill", "a\0b"])
def test_a_wrong_host_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="MPD's host has to be HOST"):
        find_address(host, None, {})


def test_messages_do_not_show_the_password() -> None:
    found = find_address("secret@nas", None, {})
    assert (str(found), "secret" in repr(found)) == ("nas:6600", False)
    assert str(find_address("::1", None, {})) == "[::1]:6600"
    assert str(find_address("/run/mpd/socket", None, {})) == "/run/mpd/socket"
