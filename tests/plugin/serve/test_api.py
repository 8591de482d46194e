"""Our own paths: what they answer, and what they refuse."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from beets import logging
from beets.dbcore.db import DBAccessError
from beets.library import Library
from flask.testing import FlaskClient

import musrec_core
from beetsplug.musrec.serve.answers import Answers
from beetsplug.musrec.serve.app import create_app
from beetsplug.musrec.serve.ids import BeetsIds
from beetsplug.musrec.serve.queries import NO_REGEX
from beetsplug.musrec.similar.options import SimilarOptions
from benchmarks.synthetic_library import make_library

from .served import NOT_EMBEDDED, SONGS, application, search, settings


def get(client: FlaskClient, path: str, **parameters: Any) -> Any:
    answer = client.get(path, query_string=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json


def refusal(client: FlaskClient, path: str, **parameters: Any) -> tuple[int, str]:
    answer = client.get(path, query_string=parameters)
    assert answer.json is not None
    assert list(answer.json) == ["error"]
    return answer.status_code, answer.json["error"]


def test_songs_similar_to_one_come_with_that_one(client: FlaskClient) -> None:
    answer = get(client, "/similar", id="20", n=3)
    assert [seed["id"] for seed in answer["seeds"]] == ["20"]
    assert [sorted(song) for song in answer["songs"]] == [["album", "artist", "distance", "id", "length", "title"]] * 3
    distances = [song["distance"] for song in answer["songs"]]
    assert distances == sorted(distances)
    assert "20" not in [song["id"] for song in answer["songs"]]


def test_all_that_a_query_matches_are_seeds(client: FlaskClient) -> None:
    assert [seed["id"] for seed in get(client, "/similar", query="id:20..22")["seeds"]] == ["20", "21", "22"]
    assert get(client, "/similar", query="id:20..22") == get(client, "/similar", id=["20", "21", "22"])


def test_seeds_and_songs_are_no_more_than_the_settings_allow(served: Library) -> None:
    answer = get(application(served, max_count=7).test_client(), "/similar", query="id:1..60", n="9" * 50)
    assert (len(answer["seeds"]), len(answer["songs"])) == (7, 7)


def test_the_number_of_songs_is_that_of_the_command_where_none_is_asked_for(client: FlaskClient) -> None:
    assert len(get(client, "/similar", id="20")["songs"]) == 5


def test_a_journey_leads_from_song_to_song(client: FlaskClient) -> None:
    by_id = get(client, "/journey", from_id="20", to_id="140", n=6)["songs"]
    by_query = get(client, "/journey", **{"from": "id:20", "to": "id:140"}, n=6)["songs"]
    assert by_id == by_query
    assert [by_id[0]["id"], by_id[-1]["id"], len(by_id)] == ["20", "140", 6]


def test_words_find_songs_and_are_listed(client: FlaskClient) -> None:
    assert len(get(client, "/sounds", words="calm piano, no vocals", n=4)["songs"]) == 4
    words = {word["name"]: word for word in get(client, "/words")["words"]}
    assert words["piano"]["group"] == "instrument"
    assert 0.5 < words["piano"]["auc"] <= 1


def test_the_status_counts_songs_and_tells_no_paths(client: FlaskClient, served: Library) -> None:
    answer = client.get("/status")
    assert answer.json is not None
    assert (answer.json["songs"], answer.json["embedded"]) == (SONGS, SONGS - 1)
    assert (answer.json["version"], answer.json["ids"]) == (musrec_core.__version__, "beets")
    assert not {str(served.path), "/music", "library.db"} & set(answer.text.split('"'))


def test_head_is_get_without_a_body(client: FlaskClient) -> None:
    answer = client.head("/similar?id=20")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == client.get("/similar?id=20").headers["Content-Length"]


def test_titles_in_any_script_are_sent_as_they_are(served: Library, client: FlaskClient) -> None:
    item = served.get_item(33)
    assert item is not None
    item.title = 'Ünïcödé 🎷 "quotes" <b>'
    item.store()
    answer = client.get("/similar?id=33")
    assert "Ünïcödé 🎷" in answer.text
    assert answer.json is not None
    assert answer.json["seeds"][0]["title"] == 'Ünïcödé 🎷 "quotes" <b>'


REFUSALS: list[tuple[str, dict[str, Any], int, str]] = [
    ("/similar", {}, 400, "query or id is missing"),
    ("/similar", {"query": ""}, 400, "query or id is missing"),
    ("/similar", {"query": "a", "id": "1"}, 400, "give either query or id"),
    ("/similar", {"id": "1", "cuont": "3"}, 400, "unknown parameter cuont; the known ones are id, n, query"),
    ("/status", {"n": "3"}, 400, "unknown parameter n; the known ones are none"),
    ("/similar", {"id": "9999"}, 404, "there is no song with the id 9999"),
    ("/similar", {"id": "1; DROP TABLE items"}, 404, "there is no song with the id 1; DROP TABLE items"),
    ("/similar", {"id": str(NOT_EMBEDDED)}, 409, "the song has no embedding"),
    ("/similar", {"query": "title:nothing-of-this-name"}, 404, "no song matches: title:nothing-of-this-name"),
    ("/similar", {"query": "year:abc"}, 400, "'year:abc': 'abc' is not an int or a float"),
    ("/similar", {"query": "title::("}, 400, "'('"),
    ("/similar", {"query": " "}, 400, "query or id is missing"),
    ("/similar", {"query": f"id:1..{10**30}"}, 400, f"'id:1..{10**30}': a number is too large"),
    ("/similar", {"query": "added:-999999999999y.."}, 400, "a number is too large"),
    ("/similar", {"query": "title::a"}, 400, NO_REGEX),
    ("/similar", {"query": "id:1 , ^:a"}, 400, NO_REGEX),
    ("/journey", {"from": "id:1", "to": "path::a"}, 400, NO_REGEX),
    ("/journey", {"from_id": "1"}, 400, "to or to_id is missing"),
    ("/journey", {"from_id": ["1", "2"], "to_id": "3"}, 400, "from_id is given too often: 1 is the most"),
    ("/journey", {"from_id": "1", "to_id": "1"}, 400, "a journey can't visit the same song twice"),
    ("/sounds", {}, 400, "the parameter words is missing"),
    ("/sounds", {"words": "pinao"}, 400, "there is no word pinao"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "parameters", "status", "sentence"), REFUSALS)
def test_what_can_not_be_answered_is_refused_in_a_sentence(
    client: FlaskClient, path: str, parameters: dict[str, Any], status: int, sentence: str
) -> None:
    found, said = refusal(client, path, **parameters)
    assert found == status
    assert sentence in said


@pytest.mark.parametrize(
    "value", ["0", "-1", "nan", "inf", "1e3", "1.5", "0x10", "ten", "\N{ARABIC-INDIC DIGIT FIVE}", " 5", "5;"]
)
def test_a_count_is_a_whole_number(client: FlaskClient, value: str) -> None:
    assert refusal(client, "/similar", id="20", n=value) == (400, "n has to be a whole number, 1 or more")


HOSTILE = ["\x00", "a\nb", "\x1b[31m", "\ud800", "x" * 1001, "x" * 1_000_000, "🎷" * 1001]
SHELL = ["$(reboot)", "`id`", "'; DROP TABLE items; --", "../../etc/passwd", "%s%n", "{0.__class__}", "\u202egnp", "🎻"]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(("path", "name"), [("/similar", "query"), ("/similar", "id"), ("/sounds", "words")])
def test_texts_are_bounded_and_without_control_characters(
    client: FlaskClient, path: str, name: str, value: str
) -> None:
    status, sentence = refusal(client, path, **{name: value.encode("utf-8", "surrogatepass")})
    assert status in {400, 404, 409}  # bytes that are no UTF-8 are a text that stands for nothing
    assert len(sentence) < 200


@pytest.mark.parametrize("value", SHELL)
@pytest.mark.parametrize(("path", "name"), [("/similar", "query"), ("/similar", "id"), ("/sounds", "words")])
def test_texts_of_another_language_are_texts(client: FlaskClient, path: str, name: str, value: str) -> None:
    status, sentence = refusal(client, path, **{name: value})
    assert status in {400, 404, 409}
    assert len(sentence) < 200


def test_there_are_only_so_many_ids(client: FlaskClient) -> None:
    assert refusal(client, "/similar", id=["1"] * 101) == (400, "id is given too often: 100 is the most")


class ServerIds(BeetsIds):
    """The ids of a media server that has the first hundred songs."""

    known: Collection[int] = frozenset(range(1, 101))

    def item(self, song: str) -> int | None:
        return int(song[1:]) if song.startswith("s") and int(song[1:]) in self.known else None

    def song(self, item: int) -> str | None:
        return f"s{item}" if item in self.known else None

    def status(self) -> dict[str, Any]:
        return {"ids": "subsonic", "matched": 100, "unmatched": 3}


def test_with_the_ids_of_a_media_server_only_its_songs_are_answers(served: Library) -> None:
    client = application(served, ServerIds(served)).test_client()
    songs = get(client, "/similar", id="s99", n=100)["songs"]
    assert len(songs) == 99
    assert {song["id"] for song in songs} <= {f"s{id_}" for id_ in ServerIds.known}
    assert refusal(client, "/similar", id="99") == (404, "there is no song with the id 99")
    assert get(client, "/similar", query="id:120", n=3)["seeds"] == []  # it is what the songs are near to, all the same
    assert get(client, "/status").items() >= {"ids": "subsonic", "matched": 100, "unmatched": 3}.items()


class Failing(BeetsIds):
    """What fails in a way that nobody foresaw."""

    error: Exception

    def item(self, song: str) -> int | None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (ZeroDivisionError("top secret"), 500, "the server failed: its log says why"),
        (sqlite3.DatabaseError("top secret"), 503, "the library can't be read: the server's log says why"),
        (DBAccessError("top secret"), 503, "the library can't be read: the server's log says why"),
    ],
)
def test_the_log_has_the_traceback_and_the_client_a_sentence(
    served: Library, error: Exception, status: int, sentence: str
) -> None:
    ids = Failing(served)
    ids.error = error
    log = logging.getLogger("musrec-failing")
    handler = logging.StreamHandler(stream := io.StringIO())
    log.addHandler(handler)
    client = create_app(Answers(served, search(), SimilarOptions()), ids, settings(), log).test_client()
    assert refusal(client, "/similar", id="1") == (status, sentence)
    assert "GET /similar?id=1 failed\nTraceback" in stream.getvalue()
    assert "top secret" in stream.getvalue()


@pytest.mark.parametrize("asked", [{"id": "5"}, {"query": "id:5"}])
def test_a_library_on_a_disk_that_is_away_is_waited_for(tmp_path: Path, asked: dict[str, str]) -> None:
    file = make_library(tmp_path / "library.db", 40)
    away = tmp_path / "away.db"
    library = Library(str(file), "/music")
    client = application(library).test_client()
    before = get(client, "/similar", **asked)
    file.rename(away)
    for path, parameters in [("/similar", asked), ("/status", {}), ("/sounds", {"words": "piano"})]:
        assert refusal(client, path, **parameters) == (503, "the library can't be read: No such file or directory")
    assert not file.exists()
    away.rename(file)
    assert get(client, "/similar", **asked) == before
    library._close()
    file.write_bytes(b"no database" * 1000)
    assert refusal(client, "/similar", **asked) == (503, "the library can't be read: file is not a database")
