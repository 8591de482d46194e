"""Atomic writing on the file systems that there are: without permissions, without fsync, behind links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from musrec_core._files import atomic_write


def put(path: Path, content: bytes = b"new") -> None:
    with atomic_write(path) as file:
        file.write(content)


def refuses(number: int) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **options: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
@pytest.mark.parametrize("name", ["chmod", "fsync", "link"])
def test_what_a_file_system_does_not_offer_is_done_without(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, name, refuses(number))
    path = tmp_path / "list.m3u8"
    put(path, b"old")
    put(path)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["list.m3u8"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_what_is_not_on_the_disk_does_not_take_the_old_files_place(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.m3u8"
    put(path, b"old")
    monkeypatch.setattr(os, "fsync", refuses(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        put(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["list.m3u8"]


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EACCES, errno.EPERM, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_that_can_not_be_replaced_is_written_over(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that a container mounts by itself, or that another program on Windows holds open."""
    path = tmp_path / "list.m3u8"
    put(path, b"a longer old one")
    before = path.stat().st_ino
    monkeypatch.setattr(os, "replace", refuses(number))
    put(path)
    assert path.read_bytes() == b"new"
    assert path.stat().st_ino == before
    assert os.listdir(tmp_path) == ["list.m3u8"]
    put(tmp_path / "other.m3u8")
    assert (tmp_path / "other.m3u8").read_bytes() == b"new"
    assert sorted(os.listdir(tmp_path)) == ["list.m3u8", "other.m3u8"]


def test_a_program_that_holds_the_file_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace, refused = tmp_path / "list.m3u8", os.replace, list[object]()

    def twice(*args: Any) -> None:
        if len(refused) < 2:
            refused.append(args)
            raise PermissionError(errno.EACCES, "in use")
        replace(*args)

    monkeypatch.setattr(os, "replace", twice)
    put(path)
    assert path.read_bytes() == b"new"
    assert len(refused) == 2


def test_a_folder_that_may_not_be_written_and_a_file_that_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, open_ = tmp_path / "list.m3u8", os.open
    put(path, b"a longer old one")

    def no_new_files(name: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & os.O_CREAT and os.fspath(name).startswith(str(tmp_path)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_(name, flags, *args, **options)

    monkeypatch.setattr(os, "open", no_new_files)
    put(path)
    assert path.read_bytes() == b"new"
    with pytest.raises(PermissionError):
        put(tmp_path / "other.m3u8")


def test_of_a_link_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    for name, leads_to in (("a.m3u8", "real/a.m3u8"), ("b.m3u8", str(tmp_path / "not yet" / "b.m3u8"))):
        link = tmp_path / name
        link.symlink_to(leads_to)
        put(link, b"1")
        put(link, b"2")
        assert link.is_symlink()
        assert (tmp_path / leads_to).read_bytes() == b"2"
    assert sorted(os.listdir(tmp_path / "real")) == ["a.m3u8"]


def test_links_that_lead_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        put(tmp_path / "a")


def test_a_device_stays_one_and_a_folder_is_refused(tmp_path: Path) -> None:
    put(Path(os.devnull))
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    with pytest.raises(IsADirectoryError):
        put(tmp_path)
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space left"):
            put(Path("/dev/full"))
