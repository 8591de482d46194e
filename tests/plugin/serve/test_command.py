"""`beet musrec-serve` as a user starts and ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from ..conftest import BEET, Beet

pytestmark = pytest.mark.quick_model
TOKEN = "top secret"
WAIT = 60  # s


@contextmanager
def serving(beet: Beet, *options: str, logs: bool = False) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its address, which it tells first, or among other lines."""
    process = subprocess.Popen(
        [BEET, "musrec-serve", *options],
        env={**os.environ, "BEETSDIR": str(beet.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = (line for line in process.stdout if "answering" in line) if logs else process.stdout
        line = next(lines, "")
        match = re.fullmatch(r"musrec: answering at (http://127\.0\.0\.1:[1-9]\d*)\n", line)
        assert match, line
        yield process, match[1]
    finally:
        process.kill()
        process.communicate()


def ask(address: str, token: str = TOKEN) -> tuple[int, Any]:
    try:
        with urlopen(Request(address, headers={"Authorization": f"Bearer {token}"}), timeout=WAIT) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGTERM")
def test_it_answers_until_it_is_ended_and_starts_again_at_once(library: Beet) -> None:
    library.configure(musrec={"serve": {"token": TOKEN}})
    with serving(library, "--port", "0") as (process, address):
        status, answer = ask(f"{address}/similar?query=title:a&n=2")
        assert status == 200
        assert len(answer["songs"]) == 2
        assert ask(f"{address}/similar?id=1", "wrong")[0] == 401
        port = address.rpartition(":")[2]
        process.kill()  # as a machine that runs out of memory does
        process.wait(WAIT)
        with serving(library, "--port", port) as (again, same):
            assert same == address
            assert ask(f"{same}/status")[1]["songs"] == 10
            again.send_signal(signal.SIGTERM)
            out, _ = again.communicate(timeout=WAIT)
            assert again.returncode == 0
            assert out == "musrec: the server has ended\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_ends_it_without_a_traceback(library: Beet) -> None:
    with serving(library, "--port", "0") as (process, _):
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WAIT)
        assert process.returncode == 0
        assert out == "musrec: the server has ended\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--host", "0.0.0.0"],
            "other machines reach 0.0.0.0: set musrec.serve.token, which clients then have to send",
        ),
        (["--host", "no-such-host.invalid"], "there is no address for the host no-such-host.invalid"),
        (["--host", ""], "--host is empty: give it a value, or leave it out"),
        (["--port", "65536"], "--port has to be a whole number between 0 and 65535"),
        (["--port", "-1"], "--port has to be a whole number between 0 and 65535"),
        (["artist:Coldplay"], "musrec-serve takes no query: artist:Coldplay"),
    ],
)
def test_a_mistake_on_the_command_line_is_told(library: Beet, options: list[str], sentence: str) -> None:
    assert sentence in library.error("musrec-serve", *options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cuont": 3}, "musrec.serve.options: unknown option cuont; the known ones are"),
        ({"in": "year:abc"}, "musrec.serve.options: invalid query in in"),
        ({"unlike": "year:abc"}, "musrec.serve.options: invalid query in unlike"),
        ({"variety": 2}, "musrec.serve.options: "),
        ({"more": "nonsense"}, "musrec.serve.options: "),
        ({"max_per_artist": True}, "musrec.serve.options: max_per_artist has to be a text or a number"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_mistake_in_the_options_is_told_before_anybody_asks(
    library: Beet, options: dict[str, Any], sentence: str
) -> None:
    library.configure(musrec={"serve": {"options": options, "port": 0}})
    assert sentence in library.error("musrec-serve")


@pytest.mark.parametrize("module", ["flask", "waitress"])
def test_without_the_extra_a_sentence_names_it(library: Beet, module: str) -> None:
    program = f"import sys\nsys.modules['{module}'] = None\nfrom beets.ui import main\nmain(['musrec-serve'])"
    done = subprocess.run(
        [BEET.with_name("python"), "-c", program],
        env={**os.environ, "BEETSDIR": str(library.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT,
    )
    assert done.returncode == 1
    assert done.stderr == f"error: the server needs {module}: pip install 'beets-musrec[serve]'\n"


def test_secrets_are_not_printed(library: Beet) -> None:
    secret = {"token": TOKEN, "subsonic": {"password": "sesame"}}
    library.configure(musrec={"serve": secret})
    for command in (["config"], ["config", "-d"]):
        printed = library(*command).out
        assert TOKEN not in printed
        assert "sesame" not in printed
        assert "token: REDACTED" in printed
        assert "password: REDACTED" in printed
