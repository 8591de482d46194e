"""Clients of AudioMuse-AI are answered in its shapes: from a library in-process, with ids that are the client's own."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from beets.library import Library
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from beetsplug.musrec.serve.answers import Answers, Song
from beetsplug.musrec.serve.app import create_app
from beetsplug.musrec.serve.artist_matches import matches, sides
from beetsplug.musrec.serve.audiomuse.rows import track
from beetsplug.musrec.serve.audiomuse.walk import walk
from beetsplug.musrec.serve.ids import BeetsIds
from beetsplug.musrec.similar.options import SimilarOptions
from benchmarks.synthetic_library import make_library
from musrec_core.search.distance import unit
from musrec_core.search.index import VectorIndex

from .audiomuse_clients import REQUESTS, TOKEN, Sent, decoded
from .served import search, settings

SONGS, SEED, OTHER, NOT_EMBEDDED, UNKNOWN = 150, 20, 140, 60, 999
ABSENT = frozenset({14, 19, 146})  # of the library, which the client does not have: they are near to the seed
MOST = 120


class ServerIds:
    """The ids of a media server that has all songs but some; each is unlike the item's own."""

    def __init__(self, lib: Library) -> None:
        self._beets = BeetsIds(lib)

    @property
    def known(self) -> Collection[int] | None:
        return frozenset(range(1, SONGS + 1)) - ABSENT

    def item(self, song: str) -> int | None:
        return self._beets.item(song.removeprefix("tr-")) if song.startswith("tr-") else None

    def song(self, item: int) -> str | None:
        return None if item in ABSENT else f"tr-{item}"

    def items_of_artist(self, artist: str) -> list[int] | None:
        return self._beets.items_of_artist(artist.removeprefix("ar-")) if artist.startswith("ar-") else None

    def artist_of(self, item: int) -> tuple[str, str] | None:
        artist = self._beets.artist_of(item)
        return artist and (f"ar-{artist[0]}", artist[1])

    def status(self) -> dict[str, Any]:
        return {"ids": "a media server's"}


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(str(make_library(tmp_path_factory.mktemp("muse") / "library.db", SONGS)), "/music")
    with library.transaction() as tx:
        tx.mutate("DELETE FROM item_attributes WHERE entity_id = ? AND key LIKE 'musrec%'", (NOT_EMBEDDED,))
        for id_ in (31, 32, 33):
            tx.mutate("INSERT INTO item_attributes (entity_id, key, value) VALUES (?, 'last_played', ?)",
                      (id_, str(time.time())))  # fmt: skip
    yield library
    library._close()


def client_of(lib: Library, *, token: str | None = None, **options: Any) -> FlaskClient:
    answers = Answers(lib, search(), SimilarOptions(**options))
    return create_app(answers, ServerIds(lib), settings(max_count=MOST, token=token)).test_client()


@pytest.fixture(scope="module")
def client(lib: Library) -> FlaskClient:
    return client_of(lib)


@pytest.fixture(scope="module")
def guarded(lib: Library) -> FlaskClient:
    """Of a server that wants a token."""
    return client_of(lib, token=TOKEN)


def get(client: FlaskClient, path: str, **arguments: object) -> Any:
    answer = client.get(f"/api/{path}", query_string=arguments) if arguments else client.get(f"/api/{path}")
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def post(client: FlaskClient, path: str, **body: object) -> Any:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def assert_refused(answer: TestResponse, status: int) -> str:
    """The sentence of an answer that is an error, which is all that there is of it."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    (said,) = answer.get_json().values()
    assert answer.get_json() == {"error": said}
    assert "Traceback" not in said
    return str(said)


def ids_of(rows: list[Mapping[str, Any]]) -> list[str]:
    return [row["item_id"] for row in rows]


# As clients ask.


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: f"{sent.client} {sent.url.split('?')[0]}")
def test_each_client_reads_what_it_asked_for(guarded: FlaskClient, lib: Library, sent: Sent) -> None:
    artist = ServerIds(lib).artist_of(SEED)
    assert artist
    names = {"seed": f"tr-{SEED}", "other": f"tr-{OTHER}", "artist": quote(artist[0]), "name": quote(artist[1])}
    url = sent.url.format(**names)
    if sent.body is None:
        answer = guarded.get(url, headers=sent.headers)
    else:
        body = json.dumps(sent.body).replace("{seed}", names["seed"]).replace("{other}", names["other"])
        answer = guarded.post(url, data=body, headers=sent.headers, content_type="application/json")
    assert answer.status_code == 200, answer.text
    found = decoded(answer.get_json(), sent.reads)
    assert found or url.endswith("active_tasks")
    rows = found if isinstance(found, list) else found.get("results", found.get("path", []))
    assert rows or not (isinstance(found, list) or {"results", "path"} & found.keys()), sent
    for row in rows:
        song, artist_id = row.get("item_id"), row.get("artist_id")
        assert (song or "").startswith("tr-") or (artist_id or "").startswith("ar-"), row
        assert song not in {f"tr-{id_}" for id_ in ABSENT}


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN} "[:-2]}, {"Authorization": TOKEN}])
def test_without_the_token_there_is_no_answer(guarded: FlaskClient, headers: dict[str, str]) -> None:
    for path in ("health", f"similar_tracks?item_id=tr-{SEED}", "similar_artists"):
        assert_refused(guarded.get(f"/api/{path}", headers=headers), 401)
    assert_refused(guarded.post("/api/alchemy", json={"items": []}, headers=headers), 401)


def test_many_clients_at_once_get_the_same(client: FlaskClient) -> None:
    artist = get(client, "track", item_id=f"tr-{SEED}")["author"]
    urls = [
        f"similar_tracks?item_id=tr-{SEED}&n=20&radius_similarity=true",
        f"similar_artists?artist={quote(artist)}&include_component_matches=true",
        f"find_path?start_song_id=tr-{SEED}&end_song_id=tr-{OTHER}&max_steps=6",
    ]
    alone = {url: get(client, url) for url in urls}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda url: (url, get(client.application.test_client(), url)), urls * 8))
    assert all(answer == alone[url] for url, answer in found)


def test_the_checker_of_types_finds_what_go_would_refuse() -> None:
    for value, kind in ((1, str), ("1", float), ({}, [str]), ([], {"a": str}), (True, float), (1, bool)):
        with pytest.raises(TypeError):
            decoded(value, kind)
    assert decoded({"a": None, "b": 1, "c": "x"}, {"a": str, "b": float, "d": str}) == {"a": None, "b": 1}


# Similar songs.


def test_similar_songs_come_nearest_first_without_the_seed(client: FlaskClient) -> None:
    rows = get(client, "similar_tracks", item_id=f"tr-{SEED}", n=12)
    distances = [row["distance"] for row in rows]
    assert len(rows) == 12
    assert distances == sorted(distances)
    assert f"tr-{SEED}" not in ids_of(rows)


def test_a_song_may_be_named_by_title_and_artist(client: FlaskClient) -> None:
    song = get(client, "track", item_id=f"tr-{SEED}")
    named = get(client, "similar_tracks", title=song["title"].upper(), artist=song["author"], n=7)
    assert named == get(client, "similar_tracks", item_id=f"tr-{SEED}", n=7)
    answer = client.get("/api/similar_tracks", query_string={"title": song["title"][:-1], "artist": song["author"]})
    assert_refused(answer, 404)
    assert answer.get_json() == {"error": "there is no song of this title and artist"}


@pytest.mark.parametrize(
    ("arguments", "options", "most"),
    [({}, {}, 3), ({"eliminate_duplicates": "true"}, {}, 3), ({"eliminate_duplicates": "false"}, {}, 30),
     ({"eliminate_duplicates": "true"}, {"max_per_artist": 1}, 1)],
)  # fmt: skip
def test_eliminate_duplicates_caps_the_songs_of_an_artist(
    lib: Library, arguments: dict[str, str], options: dict[str, Any], most: int
) -> None:
    rows = get(client_of(lib, **options), "similar_tracks", item_id=f"tr-{SEED}", n=30, **arguments)
    largest = max(Counter(row["author"] for row in rows).values())
    assert largest == most if most < 30 else largest > 3


def test_radius_similarity_gives_the_same_songs_in_smaller_steps(client: FlaskClient, lib: Library) -> None:
    arguments = {"item_id": f"tr-{SEED}", "n": 40, "eliminate_duplicates": "false"}
    by_distance = ids_of(get(client, "similar_tracks", **arguments))
    walked = ids_of(get(client, "similar_tracks", radius_similarity="true", **arguments))
    assert walked != by_distance
    for first in range(0, 40, 10):  # near ones still come before far ones
        assert set(walked[first : first + 10]) == set(by_distance[first : first + 10])
    assert steps(lib, walked) < steps(lib, by_distance)


def test_an_order_stays_where_a_song_is_gone_meanwhile(lib: Library) -> None:
    answers = Answers(lib, search(), SimilarOptions())
    songs = answers.similar([SEED], 12)
    ids = [song.id for song in songs]
    assert walk(songs, SEED, answers.vectors([SEED, *ids])) != songs
    assert walk(songs, SEED, answers.vectors([SEED, *ids[1:]])) == songs


def steps(lib: Library, songs: list[str]) -> float:
    """The sum of the distances from each song to the next."""
    numbers = [int(song.removeprefix("tr-")) for song in songs]
    index = Answers(lib, search(), SimilarOptions()).vectors(numbers)
    vectors = np.stack([index.vectors[index.ids == number][0] for number in numbers])
    return float((1 - (vectors[1:] * vectors[:-1]).sum(1)).sum())


def test_counts_are_bounded(client: FlaskClient) -> None:
    huge = get(client, "similar_tracks", item_id=f"tr-{SEED}", n="9" * 90, eliminate_duplicates="false")
    assert len(huge) == MOST
    assert len(post(client, "hyperbolic/similar", item_id=f"tr-{SEED}", limit=10**30)["results"]) <= MOST
    assert len(get(client, "search_tracks", search_query="a", end=10**30)) <= MOST


def test_the_same_song_elsewhere_is_at_no_distance_rather_than_at_an_unknown_one() -> None:
    row = track(Song(1, "Help!", "The Beatles", "", 140.0, -1e-8), "tr-1", with_distance=True)
    assert row == {"item_id": "tr-1", "title": "Help!", "author": "The Beatles", "album": "unknown", "distance": 0.0}


def test_an_album_without_a_name_is_unknown(client: FlaskClient, lib: Library) -> None:
    with lib.transaction() as tx:
        album = tx.query("SELECT album FROM items WHERE id = 50")[0][0]
        tx.mutate("UPDATE items SET album = '' WHERE id = 50")
    try:
        assert get(client, "track", item_id="tr-50")["album"] == "unknown"
    finally:
        with lib.transaction() as tx:
            tx.mutate("UPDATE items SET album = ? WHERE id = 50", (album,))


# Paths.


def test_a_path_leads_from_song_to_song(client: FlaskClient) -> None:
    answer = get(client, "find_path", start_song_id=f"tr-{SEED}", end_song_id=f"tr-{OTHER}", max_steps=8)
    path = ids_of(answer["path"])
    assert [path[0], path[-1], len(path)] == [f"tr-{SEED}", f"tr-{OTHER}", 8]
    assert answer["total_distance"] > 0


def test_a_path_is_shorter_where_songs_are_few_unless_its_length_is_fixed(lib: Library) -> None:
    client = client_of(lib, candidates="id:21..30")
    arguments = {"start_song_id": f"tr-{SEED}", "end_song_id": f"tr-{OTHER}", "max_steps": 25}
    path = ids_of(get(client, "find_path", **arguments, path_fix_size="false")["path"])
    assert [path[0], path[-1]] == [f"tr-{SEED}", f"tr-{OTHER}"]
    assert 2 < len(path) <= 12
    said = assert_refused(client.get("/api/find_path", query_string={**arguments, "path_fix_size": "true"}), 404)
    assert said == "there are not enough songs for a journey of 25"


def test_one_step_is_a_path_of_both_ends(client: FlaskClient) -> None:
    answer = get(client, "find_path", start_song_id=f"tr-{SEED}", end_song_id=f"tr-{OTHER}", max_steps=1)
    assert ids_of(answer["path"]) == [f"tr-{SEED}", f"tr-{OTHER}"]


# Artists.


def test_artists_come_with_the_songs_in_which_they_are_alike(client: FlaskClient, lib: Library) -> None:
    ids = ServerIds(lib)
    asked = ids.artist_of(SEED)
    assert asked
    rows = get(client, "similar_artists", artist=asked[0], n=3, include_component_matches="true")
    assert len(rows) == 3
    assert [row["divergence"] for row in rows] == sorted(row["divergence"] for row in rows)
    for row in rows:
        assert row["artist_id"] != asked[0]
        assert row["component_matches"]
        for match in row["component_matches"]:
            for side, artist in (("artist1", asked[0]), ("artist2", row["artist_id"])):
                songs = ids_of(match[f"{side}_representative_songs"])
                owners = {ids.artist_of(item) for song in songs if (item := ids.item(song))}
                assert {owner and owner[0] for owner in owners} <= {artist}
    assert any(match["artist1_representative_songs"] for row in rows for match in row["component_matches"])


def test_artists_come_without_songs_unless_these_are_asked_for(client: FlaskClient, lib: Library) -> None:
    asked = ServerIds(lib).artist_of(SEED)
    assert asked
    by_id, by_name = (get(client, "similar_artists", artist=each, n=2) for each in asked)
    assert by_id == by_name == get(client, "similar_artists", artist_id=asked[0], n=2)
    assert all(set(row) == {"artist", "artist_id", "divergence"} for row in by_id)


def test_artists_and_their_songs_are_found_by_name(client: FlaskClient, lib: Library) -> None:
    artist = ServerIds(lib).artist_of(SEED)
    assert artist
    found = get(client, "search_artists", query=artist[1].split()[0].lower())
    tracks = get(client, "artist_tracks", artist=artist[1])
    assert {"artist": artist[1], "artist_id": artist[0], "track_count": len(tracks) + len(ABSENT & {14, 19})} in found
    assert {row["author"] for row in tracks} == {artist[1]}


def test_each_side_of_an_artist_has_songs_of_its_own() -> None:
    rng = np.random.default_rng(0)
    places = rng.standard_normal((4, 32)).astype(np.float32)
    near = [unit(place + 0.1 * rng.standard_normal((5, 32)).astype(np.float32)) for place in places]
    own = VectorIndex(np.arange(15), np.concatenate(near[:3]))
    others = VectorIndex(np.arange(100, 110), np.concatenate([near[2][::-1], near[0]]))
    assert sorted(Counter(sides(own.vectors).tolist()).values()) == [5, 5, 5]
    first, second, third = matches(own, others)
    alike = [({*each.own} <= {*range(10, 15)}, {*each.others} <= {*range(100, 105)}) for each in (first, second)]
    assert sorted(alike) == [(False, False), (True, True)]  # the ballads with the ballads, the marches with the marches
    assert first.distance <= second.distance <= third.distance
    listed = [id_ for each in (first, second, third) for id_ in each.others]
    assert len(listed) == len(set(listed))


def test_an_artist_of_one_song_has_one_side() -> None:
    one = VectorIndex(np.array([7]), unit(np.ones((1, 8), np.float32)))
    (match,) = matches(one, VectorIndex(np.array([8]), one.vectors))
    assert (match.own, match.others) == ([7], [8])


# Blends, words, what was played.


def test_a_blend_keeps_near_to_some_and_away_from_others(client: FlaskClient) -> None:
    near = {"id": f"tr-{SEED}", "op": "ADD", "type": "song"}
    away = {"id": "tr-12", "op": "subtract"}
    alone = ids_of(post(client, "alchemy", items=[near], n=20)["results"])
    blended = ids_of(post(client, "alchemy", items=[near, away, {"id": "gone", "op": "ADD"}], n=20)["results"])
    assert len(alone) == len(blended) == 20
    assert alone != blended
    assert not {f"tr-{SEED}", "tr-12"} & set(blended)


def test_an_artist_may_be_blended_in(client: FlaskClient, lib: Library) -> None:
    artist = ServerIds(lib).artist_of(OTHER)
    assert artist
    rows = post(client, "alchemy", items=[{"id": artist[0], "op": "ADD", "type": "artist"}], n=5)["results"]
    assert len(rows) == 5
    assert artist[1] not in {row["author"] for row in rows}


def test_words_find_songs_that_sound_so(client: FlaskClient) -> None:
    answer = post(client, "clap/search", query="calm piano", limit=5)
    likeness = [row["similarity"] for row in answer["results"]]
    assert answer["query"] == "calm piano"
    assert answer["count"] == len(likeness) == 5
    assert likeness == sorted(likeness, reverse=True)
    assert "there is no word summer" in assert_refused(
        client.post("/api/clap/search", json={"query": "summer songs"}), 400
    )


def test_what_was_played_lately_leads_to_songs_like_it(client: FlaskClient) -> None:
    rows = get(client, "sonic_fingerprint/generate", n=5, navidrome_user="me", navidrome_password="secret")
    assert len(rows) == 5
    assert not {"tr-31", "tr-32", "tr-33"} & set(ids_of(rows))
    assert rows == post(client, "sonic_fingerprint/generate", n=5)


def test_without_anything_played_there_is_a_sentence(tmp_path: Path) -> None:
    library = Library(str(make_library(tmp_path / "library.db", 12)), "/music")
    with library.transaction() as tx:
        tx.mutate("DELETE FROM item_attributes WHERE key LIKE '%play%'")
    said = assert_refused(client_of(library).get("/api/sonic_fingerprint/generate?n=5"), 404)
    assert "nothing tells which songs were played" in said
    library._close()


def test_lyrics_are_refused_so_that_clients_ask_for_similar_songs(client: FlaskClient) -> None:
    assert_refused(client.post("/api/sem_grove/search", json={"item_id": f"tr-{SEED}", "limit": 3}), 404)


# Searches.


def test_songs_are_found_by_words_and_by_fields_a_part_at_a_time(client: FlaskClient) -> None:
    song = get(client, "track", item_id=f"tr-{SEED}")
    words = f"{song['author'].split()[0]} {song['title'].split()[0].lower()}"
    assert song in get(client, "search_tracks", search_query=words)
    assert song in get(client, "search_tracks", title=song["title"], artist=song["author"])
    everything = get(client, "search_tracks", artist=song["author"], end=60)
    assert len(everything) > 20
    assert len(get(client, "search_tracks", artist=song["author"])) == 20
    assert get(client, "search_tracks", artist=song["author"], start=3, end=7) == everything[3:7]
    assert get(client, "search_tracks", artist=song["author"], start=7, end=7) == []


@pytest.mark.parametrize(
    "text",
    ["", " ", ":", "::[a-z", "-", "^", "title:", "title::(", "a,b", ", ,", "'", '"', "`id`", "$(id)", "; DROP TABLE x",
     "\\", "year:abc", "title+", "added-", "😀", "é" * 300, "%", "_", "/etc/passwd", "=~x", "id:1..", "path:/"],
)  # fmt: skip
def test_whatever_is_searched_for_is_words(client: FlaskClient, text: str) -> None:
    for arguments in ({"search_query": text}, {"title": text}, {"artist": text}):
        rows = get(client, "search_tracks", **arguments)
        assert len(rows) <= 20
    if len(text) > 4:  # neither a query of everything nor a regular expression
        assert get(client, "search_tracks", search_query=text) == []
    assert isinstance(get(client, "search_artists", query=text), list)


# Refusals.


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("similar_tracks", 400),
        ("similar_tracks?item_id=", 400),
        ("similar_tracks?title=x", 400),
        ("similar_tracks?mood=sad&centroid_index=1", 400),
        (f"similar_tracks?item_id=tr-{UNKNOWN}", 404),
        (f"similar_tracks?item_id={SEED}", 404),  # the library's id, not the client's
        (f"similar_tracks?item_id=tr-{NOT_EMBEDDED}", 404),
        (f"similar_tracks?item_id=tr-{SEED}&n=abc", 400),
        (f"similar_tracks?item_id=tr-{SEED}&n=-1", 400),
        (f"similar_tracks?item_id=tr-{SEED}&n=0", 400),
        (f"similar_tracks?item_id=tr-{SEED}&n=NaN", 400),
        (f"similar_tracks?item_id=tr-{SEED}&n=1.5", 400),
        ("similar_tracks?item_id=%00", 400),
        ("similar_tracks?item_id=a%0Ab", 400),
        ("similar_tracks?item_id=" + "x" * 2000, 400),
        ("similar_tracks?item_id=tr-1%27%20OR%201=1", 404),
        ("similar_tracks?item_id=%F0%9F%98%80", 404),
        ("similar_tracks?item_id=%FF%FE", 404),
        ("find_path", 400),
        (f"find_path?start_song_id=tr-{SEED}", 400),
        (f"find_path?end_song_id=tr-{SEED}", 400),
        (f"find_path?start_song_id=tr-{SEED}&end_song_id=tr-{SEED}", 400),
        (f"find_path?start_song_id=tr-{SEED}&end_song_id=tr-{UNKNOWN}", 404),
        (f"find_path?start_song_id=tr-{SEED}&end_song_id=tr-{NOT_EMBEDDED}", 404),
        (f"find_path?start_song_id=tr-{SEED}&end_song_id=tr-{OTHER}&max_steps=-3", 400),
        ("similar_artists", 400),
        ("similar_artists?artist=nobody", 404),
        ("similar_artists?artist=a%00", 400),
        ("artist_tracks", 400),
        ("track", 400),
        (f"track?item_id=tr-{UNKNOWN}", 404),
        ("search_tracks?search_query=" + "x" * 1_000_000, 400),
        ("search_tracks?search_query=a&start=x", 400),
        ("sonic_fingerprint/generate?n=x", 400),
        ("alchemy", 405),
        ("nothing", 404),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else value,
)
def test_a_wrong_request_gets_a_sentence(client: FlaskClient, path: str, status: int) -> None:
    assert len(assert_refused(client.get(f"/api/{path}"), status)) < 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("alchemy", "", 400),
        ("alchemy", "[]", 400),
        ("alchemy", "{", 400),
        ("alchemy", "{}", 400),
        ("alchemy", '{"items": {}}', 400),
        ("alchemy", '{"items": []}', 404),
        ("alchemy", '{"items": ["tr-20"]}', 400),
        ("alchemy", '{"items": [{"id": "tr-999", "op": "ADD"}]}', 404),
        ("alchemy", '{"items": [{"id": "tr-20", "op": "SUBTRACT"}]}', 404),
        ("alchemy", '{"items": [{"id": {"$ne": 1}, "op": "ADD"}]}', 400),
        ("alchemy", '{"items": [{"id": "tr-20", "op": 1.5}]}', 400),
        ("alchemy", '{"items": [{"id": "sad", "op": "ADD", "type": "mood"}]}', 400),
        ("alchemy", '{"items": [{"id": "tr-20", "op": "ADD"}], "n": NaN}', 400),
        ("alchemy", '{"items": [{"id": "tr-20", "op": "ADD"}], "n": true}', 400),
        ("alchemy", json.dumps({"items": [{"id": "tr-20", "op": "ADD"}] * 2000}), 400),
        ("alchemy", "[" * 100_000, 400),
        ("alchemy", " " * 1_000_000, 413),
        ("clap/search", "{}", 400),
        ("clap/search", '{"query": 5.5}', 400),
        ("clap/search", r'{"query": "\ud800"}', 400),
        ("clap/search", r'{"query": "piano\u0000"}', 400),
        ("hyperbolic/similar", "{}", 400),
        ("hyperbolic/similar", '{"item_id": "tr-999"}', 404),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else value,
)
def test_a_wrong_body_gets_a_sentence(client: FlaskClient, path: str, body: str, status: int) -> None:
    assert_refused(client.post(f"/api/{path}", data=body, content_type="application/json"), status)


def test_a_form_of_another_page_is_no_request(client: FlaskClient) -> None:
    assert_refused(client.post("/api/alchemy", data='{"items": []}', content_type="text/plain"), 415)
