"""The songs nearest to one in beets' own web interface: `/item/ID/similar`, and our queries in its addresses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from ..conftest import BEET, Beet

pytestmark = pytest.mark.quick_model

ASK = """
import json
from beetsplug.web import app
def ask(**options):
    client = app.test_client()
    app.logger.disabled = True
    replies = [getattr(client, method)(address) for method, address in {requests!r}]
    print(json.dumps([[r.status_code, r.headers["Content-Type"], r.get_data(as_text=True)] for r in replies]))
app.run = ask
"""


def ask(beet: Beet, *requests: str | tuple[str, str]) -> list[tuple[int, str, str]]:
    """The status, type and body that ``beet web`` answers to each request, without a network."""
    pairs = [("get", one) if isinstance(one, str) else one for one in requests]
    said = beet.after(ASK.format(requests=pairs), "web")
    return [(status, kind, body) for status, kind, body in json.loads(said.lines[-1])]


def results(answer: tuple[int, str, str]) -> list[dict[str, Any]]:
    status, kind, body = answer
    assert (status, kind) == (200, "application/json"), body
    found: list[dict[str, Any]] = json.loads(body)["results"]
    return found


@pytest.fixture
def web(library: Beet) -> Beet:
    library.configure(plugins="musrec web")
    return library


def test_the_songs_nearest_to_an_item(web: Beet) -> None:
    one, three, pair, item = ask(web, "/item/1/similar", "/item/1/similar?n=3", "/item/1,2/similar", "/item/2")
    listed = [line.split() for line in web("similar", "id:1", "-n", "25", "-f", "$id $musrec_distance").lines]
    found = results(one)
    assert [(song["id"], f"{song['musrec_distance']:.3f}") for song in found] == [(int(i), d) for i, d in listed]
    assert results(three) == found[:3]
    assert {1, 2}.isdisjoint(song["id"] for song in results(pair))
    assert {song["id"] for song in results(pair)} <= {song["id"] for song in found}
    (same,) = [song for song in found if song["id"] == 2]
    assert {key: value for key, value in same.items() if key != "musrec_distance"} == json.loads(item[2])
    assert same["musrec_embedding"] == "128-d"
    assert "path" not in same


def test_settings_apply_as_to_a_query(web: Beet) -> None:
    config: dict[str, Any] = {"plugins": "musrec web", "web": {"include_paths": True},
                              "musrec": {"exclude": "title:Drone", "similar": {"max_per_artist": 1}}}  # fmt: skip
    web.configure(**config)
    similar, query = ask(web, "/item/1/similar", "/item/query/similar:id:1/musrec_distance+")
    found = results(similar)
    assert [song["id"] for song in found] == [song["id"] for song in results(query)]
    artists = [song["artist"] for song in found]
    assert len(artists) == len({*artists})
    assert not any("Drone" in song["title"] for song in found)
    assert all(Path(song["path"]).is_file() for song in found)


def test_queries_by_similarity(web: Beet) -> None:
    near, albums = ask(
        web, "/item/query/similar:Harbour%20Waltz|3/musrec_distance+", "/album/query/similar:Harbour%20Waltz|3"
    )
    listed = [int(id_) for id_ in web("ls", "similar:Harbour Waltz|3", "musrec_distance+", "-f", "$id").lines]
    assert [song["id"] for song in results(near)] == listed
    assert len(listed) == 3
    assert results(albums)


def test_what_is_refused(web: Beet) -> None:
    web.sql("DELETE FROM item_attributes WHERE key LIKE 'musrec%' AND entity_id = 3")
    unknown, known = "/item/99/similar", "/item/99"
    addresses = (known, unknown, "/item/x/similar", "/item/,/similar", f"/item/{'9' * 30}/similar", "/item/-1/similar",
                 "/item/3/similar", "/item/1/similar?n=0", "/item/1/similar?n=-2", "/item/1/similar?n=nan",
                 f"/item/1/similar?n={'9' * 5000}", "/item/1/similar?n=999999999")  # fmt: skip
    first, *not_found, missing, zero, negative, nan, huge, many = ask(web, *addresses)
    assert first[0] == 404
    assert not_found == [first] * 5
    assert (missing[0], json.loads(missing[2])) == (
        409, {"error": "its songs are not embedded: run `beet embed`"}
    )  # fmt: skip
    for answer in (zero, negative, nan, huge):
        assert (answer[0], json.loads(answer[2])) == (400, {"error": "n has to be a number of songs, 1 or more"})
    assert len(results(many)) == 8  # of ten, but for the seed and the one without an embedding


def test_malformed_queries(web: Beet) -> None:
    wrong, within, plain = ask(
        web, "/item/query/similar:Waltz|2|3|x", "/album/query/similar:year:abc", "/item/query/year:abc"
    )
    assert wrong[0] == within[0] == 400
    assert re.match(r"invalid query: 'similar:Waltz.*' is not SEEDS, SEEDS\|COUNT", json.loads(wrong[2])["error"])
    assert "year:abc" in json.loads(within[2])["error"]
    assert plain[0] == 500  # web's own


def test_nothing_else_of_web_changes(library: Beet) -> None:
    requests: list[str | tuple[str, str]] = [
        "/item/1", "/item/", "/item/query/similar", "/item/query/title:Waltz/similar", "/item/values/similar",
        "/item/path/similar", "/item/similar", "/item/1/similar/", "/item/1/file/similar", "/album/1",
        "/album/1/similar", "/stats", ("options", "/item/1"), ("delete", "/item/1"), ("patch", "/item/1"),
        ("delete", "/item/1/similar"), ("post", "/item/1/similar"),
    ]  # fmt: skip
    library.configure(plugins="musrec web")
    with_us = ask(library, *requests)
    library.configure(plugins="types web")
    without = ask(library, *requests)
    assert [answer[:2] for answer in with_us[:-2]] == [answer[:2] for answer in without[:-2]]
    assert [answer[2] for answer in with_us[2:10]] == [answer[2] for answer in without[2:10]]
    assert [status for status, *_ in with_us[-2:]] == [405, 405]


def test_without_web_nothing_of_flask_is_imported(library: Beet) -> None:
    code = "import atexit\natexit.register(lambda: print(*sys.modules))"

    def loaded() -> set[str]:
        return {*library.after(code, "ls").lines[-1].split()}

    assert not {name for name in loaded() if name.split(".")[0] in ("flask", "werkzeug")}
    library.configure(plugins="web")
    before = loaded()
    library.configure(plugins="web musrec")
    brought = {name for name in loaded() - before if name.startswith(("beetsplug.musrec", "musrec_core", "numpy"))}
    assert {"beetsplug.musrec.serve.beets_web"} <= brought
    assert len(brought) <= 14, sorted(brought)


@contextlib.contextmanager
def served(beet: Beet) -> Iterator[str]:
    """``beet web`` as a process; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "BEETSDIR": str(beet.home)}
    process = subprocess.Popen(
        [BEET, "web", "127.0.0.1", str(port)], env=environment, cwd=beet.home, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
                break
            assert process.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def test_the_real_server_answers_many_at_once(web: Beet) -> None:
    web.configure(plugins="musrec web", web={"cors": "http://player"})

    def answer(address: str) -> Any:
        asked = Request(address, headers={"Origin": "http://player"})
        with urlopen(asked, timeout=60) as reply:
            return reply.headers["Access-Control-Allow-Origin"], json.loads(reply.read())["results"]

    with served(web) as root:
        addresses = [f"{root}/item/{id_}/similar?n=3" for id_ in range(1, 11)] * 3
        addresses += [f"{root}/item/query/similar:id:{id_}|3" for id_ in range(1, 11)]
        with ThreadPoolExecutor(8) as threads:
            answers = [*threads.map(answer, addresses)]
        assert all(origin == "http://player" and len(found) == 3 for origin, found in answers)
        assert answers[:10] == answers[10:20] == answers[20:30]
        for one, query in zip(answers[:10], answers[30:], strict=True):
            assert {song["id"] for song in one[1]} == {song["id"] for song in query[1]}
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{root}/item/99/similar", timeout=60)
        web.sql("UPDATE items SET title = 'Renamed' WHERE id = ?", answers[0][1][0]["id"])
        assert answer(addresses[0])[1][0]["title"] == "Renamed"
