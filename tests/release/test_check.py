"""What `make release-check` does with what was built."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from release import check

EPOCH = 1_790_000_000


def sdist(path: Path, names: list[str], *, mtime: int, mode: int, owner: int) -> Path:
    """An archive as setuptools makes it: with the times, modes and owners of a checkout."""
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            content = f"content of {name}".encode()
            member.size, member.mtime, member.mode, member.uid, member.uname = len(content), mtime, mode, owner, "me"
            archive.addfile(member, io.BytesIO(content))
    return path


def test_an_sdist_is_the_same_for_two_checkouts(tmp_path: Path) -> None:
    one = sdist(tmp_path / "one.tar.gz", ["a/x.py", "a/y.py"], mtime=1_700_000_001, mode=0o600, owner=0)
    other = sdist(tmp_path / "other.tar.gz", ["a/y.py", "a/x.py"], mtime=1_700_000_999, mode=0o664, owner=1000)
    for built in (one, other):
        check.normalize(built, EPOCH)
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        assert [(m.name, m.mtime, m.mode, m.uid, m.uname) for m in archive] == [
            ("a/x.py", EPOCH, 0o644, 0, ""),
            ("a/y.py", EPOCH, 0o644, 0, ""),
        ]
        content = archive.extractfile("a/x.py")
        assert content is not None
        assert content.read() == b"content of a/x.py"


def test_folders_and_programs_stay_what_they_are(tmp_path: Path) -> None:
    built = tmp_path / "built.tar.gz"
    with tarfile.open(built, "w:gz") as archive:
        for name, kind, mode in (("a", tarfile.DIRTYPE, 0o700), ("a/run", tarfile.REGTYPE, 0o700)):
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, mode
            archive.addfile(member)
    check.normalize(built, EPOCH)
    with tarfile.open(built) as archive:
        assert [(member.isdir(), member.mode) for member in archive] == [(True, 0o755), (False, 0o755)]


def test_two_builds_have_to_be_the_same(tmp_path: Path) -> None:
    paths = [tmp_path / folder / name for folder in ("one", "other") for name in ("x.tar.gz", "x.whl")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"same")
    check.require_same(paths[:2], paths[2:])
    paths[3].write_bytes(b"else")
    with pytest.raises(check.ReleaseError, match=r"two builds of x\.whl differ"):
        check.require_same(paths[:2], paths[2:])
    with pytest.raises(check.ReleaseError, match="different files"):
        check.require_same(paths[:2], paths[2:3])


def test_what_is_not_committed_is_not_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "_output", lambda *words, **_: " M README.md" if "status" in words else "")
    assert check.main() == 1
    said = "release-check: there are changes that are not committed: commit them, or put them aside with `git stash`\n"
    assert capsys.readouterr().err == said


def test_a_step_that_fails_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(check.ReleaseError, match=r"^`git no-such-command` failed \(exit status 1\)$"):
        check._run("git", "no-such-command", folder=tmp_path)


@pytest.mark.parametrize("start", [check._run, check._output])
def test_a_program_that_is_missing_is_one_sentence(start: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(check.ReleaseError, match=r"^no-such-program is not installed$"):
        start("no-such-program", folder=tmp_path)


def test_a_folder_without_history_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a download of the sources, or a machine without git, is."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert check.main() == 1
    assert capsys.readouterr().err.startswith("release-check: `git status")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check.main() == 1
    assert capsys.readouterr().err == "release-check: git is not installed\n"
