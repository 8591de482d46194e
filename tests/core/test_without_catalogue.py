"""Without the extra `catalogue`, nothing of it is loaded, and its commands say in one sentence what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from musrec_core.catalogue import cli

from ..test_architecture import ENGINES, ROOT

FOR_TESTS = ("moto", "lancedb")  # of the extra `dev-catalogue`
TESTS = [*sorted((ROOT / "tests/core/catalogue").glob("test_*.py")), ROOT / "tests/benchmarks/test_catalogue.py"]


def test_the_core_and_the_help_of_catalogues_load_no_engine() -> None:
    code = (
        "import sys, musrec_core, musrec_core.catalogue\n"
        "from musrec_core import Encoder, VectorIndex, recommend\n"
        "from musrec_core.catalogue.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    *help_lines, loaded = done.stdout.splitlines()
    assert all(any(line.split()[:1] == [name] for line in help_lines) for name in cli.COMMANDS)
    assert "musrec_core.encoder" in loaded.split()
    assert not ENGINES & set(loaded.split())


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_a_command_says_what_to_install(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in cli.NEEDED:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    assert cli.main([command, "--help"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "error: there is no package ray here: pip install 'beets-musrec[catalogue]' installs what catalogues need\n"
    )


@pytest.mark.parametrize("extra", [True, False], ids=["without both extras", "without that for tests"])
def test_tests_are_skipped_without_what_they_need(extra: bool) -> None:
    if not extra:
        pytest.importorskip("lance", reason="the extra catalogue is not installed")
    missing = [*(cli.NEEDED if extra else ()), *FOR_TESTS]
    code = f"import sys, pytest\nsys.modules.update(dict.fromkeys({missing}))\nsys.exit(pytest.main(sys.argv[1:]))"
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", *map(str, TESTS)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED), done.stdout
    skipped = {Path(line.split()[2].partition(":")[0]).name for line in done.stdout.splitlines() if "SKIPPED" in line}
    assert skipped == ({file.name for file in TESTS} if extra else {"servers.py", "test_embed.py", "test_index.py"})
