"""Clients of AudioMuse-AI ask `beet musrec-serve`, a process of its own, about an imported library."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest

from ..conftest import Beet
from .audiomuse_clients import REQUESTS, TOKEN, decoded
from .test_command import WAIT, serving

requests = pytest.importorskip("requests")


def test_every_client_reads_what_it_asked_for(library: Beet) -> None:
    library.configure(musrec={"serve": {"token": TOKEN}})
    (seed, name), (other, _) = library.sql("SELECT id, artist FROM items ORDER BY id LIMIT 2")
    played = "INSERT INTO item_attributes (entity_id, key, value) VALUES (?, 'last_played', ?)"
    library.sql(played, seed, str(time.time()))
    titles = {str(id_): title for id_, title in library.sql("SELECT id, title FROM items")}
    names = {"seed": str(seed), "other": str(other), "artist": quote(name), "name": quote(name)}
    with serving(library, "--port", "0") as (_, address):
        for sent in REQUESTS:
            url = address + sent.url.format(**names)
            if sent.body is None:
                answer = requests.get(url, headers=sent.headers, timeout=WAIT)
            else:
                body = json.dumps(sent.body).replace("{seed}", names["seed"]).replace("{other}", names["other"])
                headers = {**sent.headers, "Content-Type": "application/json"}
                answer = requests.post(url, data=body, headers=headers, timeout=WAIT)
            assert answer.status_code == 200, (sent, answer.text)
            found = decoded(answer.json(), sent.reads)
            rows = found if isinstance(found, list) else found.get("results", found.get("path", []))
            assert rows or not (isinstance(found, list) or {"results", "path"} & found.keys()), sent
            assert all(titles[row["item_id"]] == row["title"] for row in rows if "item_id" in row)
            without = requests.request("GET" if sent.body is None else "POST", url, json=sent.body, timeout=WAIT)
            assert (without.status_code, list(without.json())) == (401, ["error"])
